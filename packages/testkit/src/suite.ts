import type { Environment, JsonValue, RunReference, RunRequest, Target, TargetContext, TargetDefinition } from '@errand/core'

/** What the suite needs of a test runner: vitest's and jest's `it`, node:test's `test` behind one line. The timeout is in milliseconds. */
export interface It {
  (name: string, body: () => Promise<void>, timeout?: number): void
}

export interface FileAtPlace {
  readonly path: string
  readonly content: Uint8Array
}

/** How far a target goes, and what the suite can't see by itself. Everything is optional; what is absent is tested as far as it goes without. */
export interface Abilities {
  /** Seconds that the target leaves a run between the polite and the hard end. Added to the time of the checks that wait for it. Default 30. */
  readonly grace?: number
  /** Seconds that one check may take. Default 180; a cluster that schedules needs more. */
  readonly patience?: number
  /** The environment that the suite's scripts run in; they need the standard library alone. Default: the user's own interpreter. */
  readonly environment?: Environment
  /** A folder at the place that all runs may write to. With it the suite counts how often a run really started. */
  readonly sharedFolder?: string
  /**
   * What a request says so that its run may take 64 MB of memory at most: `{ options: { memory: '64m' } }`. With it a run that needs more
   * must end as `out-of-memory`; without it that check looks at what Python itself says when the machine refuses memory.
   */
  readonly smallMemory?: Partial<RunRequest>
  /** How many runs are started at the same time. Default 20; fewer where the place itself can't. */
  readonly runsAtOnce?: number
  /** A reference of a run that never was. Without it only a removed run is looked for. */
  readonly unknownReference?: RunReference
  /** Whether the process with this id, as a script of the run saw it, lives. Default: a process of this machine. */
  isAlive?(pid: number, reference: RunReference): boolean | Promise<boolean>
  /** Everything that the place keeps of a run that has started, for the search for secrets. Without it only what the target tells is searched. */
  filesAtPlace?(runId: string): Promise<readonly FileAtPlace[]>
}

/** What the suite is told of a target: what it is, where it is tested, and by the abilities what the place can bear. */
export interface TargetSuite<Config, Options = unknown> extends Abilities {
  /** Stands in front of the name of each check. */
  readonly name: string
  readonly definition: TargetDefinition<Config, Options>
  /** Address of the module whose default export the definition is: `new URL('../src/target.ts', import.meta.url)`. */
  readonly module: URL
  /**
   * What importing the definition must not load: `./implementation.js` (relative to the module), names of engines and SDKs. A name that the
   * implementation does not load and nothing that it loads can resolve is a mistake in the list, and fails.
   */
  readonly heavy: readonly string[]
  /** The settings of a `.compute` file, as core gives them to the schema: a valid one … */
  readonly config: JsonValue
  /** … and broken ones, each with the path at which the schema must object. */
  readonly badConfigs: readonly { readonly config: JsonValue; readonly path: readonly (string | number)[] }[]
  /** Folder for the table of what was checked, as Markdown and JSON, and for a badge. Written when all checks have run. */
  readonly report?: string | undefined
  /**
   * Names of checks, when not all of them are made: for a target that passes all of them elsewhere, and now in a setting that most of them see
   * nothing of.
   */
  readonly only?: RegExp
  /** Values of the declared secrets. */
  readonly secrets?: Readonly<Record<string, string>>
  /** Makes the target. Default: what the definition loads. */
  open?(context: TargetContext<Config>): Target | Promise<Target>
}

/** What is asked of a definition without knowing its type of configuration. */
type Described = Pick<TargetDefinition, 'contract' | 'type' | 'summary' | 'config' | 'runOptions'>

/** A suite whose configuration is validated and closed over. */
export interface Subject extends Abilities {
  readonly definition: Described
  readonly module: URL
  readonly heavy: readonly string[]
  readonly config: JsonValue
  readonly badConfigs: TargetSuite<unknown>['badConfigs']
  readonly secrets?: TargetSuite<unknown>['secrets']
  capabilities(): Promise<ReturnType<typeof capabilitiesOf>>
  open(options: OpenOptions): Promise<Target>
}

export interface OpenOptions {
  readonly directory: string
  readonly projectId: string
  readonly secretVariables: Readonly<Record<string, string>>
  onLog(message: string): void
}

export function capabilitiesOf<Config>(
  definition: TargetDefinition<Config>,
  config: Config,
): Exclude<TargetDefinition<Config>['capabilities'], (config: Config) => unknown> {
  return typeof definition.capabilities === 'function' ? definition.capabilities(config) : definition.capabilities
}
