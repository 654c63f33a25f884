import type { EnvironmentContent } from './content.ts'
import type { EnvironmentInputs } from './environment-key.ts'
import type { Step } from './step.ts'

/** Options that say where packages come from, and no package. */
const sources: ReadonlySet<string> = new Set(['--index-url', '-i', '--extra-index-url', '--find-links', '-f', '--no-index', '--pre'])

/** How an environment of uv with another pip section is turned into this one. */
export interface Change {
  /** Resolves as if nothing were there, then fetches or removes what differs. */
  readonly step: Step
  /** The same, and installs anew what is there: for packages that have lost files to one that was removed. */
  readonly anew: Step
}

/**
 * Undefined where a change may leave another environment than a new one: what stands behind an address or a path can have changed, and nobody
 * looks at the hash of what is there.
 */
export function changeOf(steps: readonly Step[], { pip, pipOptions, localFiles }: EnvironmentContent): Change | undefined {
  const [step] = steps
  if (step === undefined || steps.length > 1 || step.tool !== 'uv' || localFiles.length > 0) return undefined
  if (!pip.every(isByName) || pipOptions.some(({ name }) => !sources.has(name))) return undefined
  const { otherwise: _, minimumPython: __, ...always } = step
  const command = [...step.command, '--exact', '--upgrade']
  return { step: { ...always, command }, anew: { ...always, command: [...command, '--reinstall'] } }
}

/** Whether the first can be turned into the second by `changeOf`: all but their pip sections is the same. */
export function differInPipAlone(one: EnvironmentInputs, other: EnvironmentInputs): boolean {
  const rest = (inputs: EnvironmentInputs) => JSON.stringify({ ...inputs, pip: [] })
  return rest(one) === rest(other) && [...one.pip, ...other.pip].every(isByName)
}

/** No address, no path, and no option of its own (`--hash`). */
const isByName = (requirement: string): boolean => !/[/\\@]|\s--/.test(requirement)
