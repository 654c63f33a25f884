import type { EnvironmentContent } from './content.ts'
import type { EnvironmentInputs } from './environment-key.ts'
import type { Step } from './step.ts'

/** Options that say where packages come from, and no package. */
const sources: ReadonlySet<string> = new Set(['--index-url', '-i', '--extra-index-url', '--find-links', '-f', '--no-index', '--pre'])

/**
 * Steps that turn an environment of uv with another pip section into this one: resolved as if nothing were there, then what differs is fetched
 * or removed. Undefined where that may leave another environment than a new one: what stands behind an address or a path can have changed.
 */
export function changedSteps(steps: readonly Step[], { pip, pipOptions, localFiles }: EnvironmentContent): readonly Step[] | undefined {
  const [step] = steps
  if (step === undefined || steps.length > 1 || step.tool !== 'uv' || localFiles.length > 0) return undefined
  if (pip.some(isPlace) || pipOptions.some(({ name }) => !sources.has(name))) return undefined
  const { otherwise: _, minimumPython: __, ...always } = step
  return [{ ...always, command: [...step.command, '--exact', '--upgrade'] }]
}

/** Whether the first can be turned into the second by `changedSteps`: all but their pip sections is the same. */
export function differInPipAlone(one: EnvironmentInputs, other: EnvironmentInputs): boolean {
  const rest = (inputs: EnvironmentInputs) => JSON.stringify({ ...inputs, pip: [] })
  return rest(one) === rest(other) && ![...one.pip, ...other.pip].some(isPlace)
}

const isPlace = (requirement: string): boolean => /[/\\@]/.test(requirement)
