/** A command that makes a tool or an environment. `place_steps.py` runs it, or a line of a Dockerfile. */
export interface Step {
  /** Shown while it runs, and in the error when it fails: `installing the conda part with micromamba 2.8.1`. */
  readonly title: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Name of the tool that it calls; made before it when it is one of ours. */
  readonly tool?: string
  /** The environment's Python must be at least this one. */
  readonly minimumPython?: readonly [number, number]
  /** Taken when the tool can't be had or the Python is older. */
  readonly otherwise?: Step
  /** Taken when it fails. */
  readonly orElse?: Step
  /** uv takes its indexes from the place's configuration of pip alone, whatever the list of the file says. */
  readonly withoutList?: true
}

/** A program of our own at the place, made once in a folder of its own. */
export interface Tool {
  readonly folder: string
  /** Ways to make it, best first. */
  readonly attempts: readonly (readonly Step[])[]
}

/** Files by their path in the environment's folder, steps that use them, and the tools that the steps call. */
export interface Making {
  readonly files: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
  readonly tools: Readonly<Record<string, Tool>>
}
