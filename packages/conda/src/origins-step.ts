import type { PipPart } from './pip-part.ts'
import type { Step } from './step.ts'
import { type Uv, cacheless, oldestForUv, uvEnvironment } from './uv.ts'

/** Asks uv for address and hash of what it installed; the place adds `name==version` lines to `input` first. */
export interface OriginsStep extends Step {
  readonly input: string
  readonly output: string
  /** Names of packages that the indexes of the list need not have. */
  readonly without?: readonly string[]
}

export function originsStep({ content, folder, prefix }: PipPart, uv: Uv): OriginsStep {
  const input = `${folder}/frozen.txt`
  const output = `${folder}/pylock.toml`
  return {
    title: 'noting where the packages came from',
    command: [
      ...uv.command,
      'pip',
      'compile',
      '--quiet',
      '--no-deps',
      '--format',
      'pylock.toml',
      '--python',
      `${prefix}/bin/python`,
      input,
      '-o',
      output,
    ],
    environment: { ...uvEnvironment(uv.version), ...cacheless(content) },
    cwd: folder,
    tool: 'uv',
    minimumPython: oldestForUv,
    input,
    output,
  }
}
