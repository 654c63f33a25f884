import { isObject } from '../json-object.ts'
import type { TargetDefinition } from '../target.ts'
import type { TargetDescription } from './model.ts'

/** What the plan of a run asks of a target; `config` is what its definition made of its settings. */
export function describeTarget({ capabilities, runOptions }: TargetDefinition, config: unknown): TargetDescription {
  return {
    capabilities: typeof capabilities === 'function' ? capabilities(config) : capabilities,
    userManaged: isObject(config) && config['userManagedEnvironment'] === true,
    ...(runOptions === undefined ? {} : { runOptions }),
  }
}
