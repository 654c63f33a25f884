import type { Target, TargetContext, TargetImplementation } from '@errand/core'
import {
  type ProcessPlace,
  type ReachOptions,
  createProcessTarget,
  defaultPythons,
  environmentSettings,
  openOnce,
} from '@errand/process-engine'
import { attachMachine } from '@errand/ssh'
import { checkRemote } from './check.ts'
import { type Reached, reach } from './reach.ts'
import type { RemoteConfig } from './target.ts'

export const attach: NonNullable<TargetImplementation<RemoteConfig>['attach']> = attachMachine

/** A process on a machine behind SSH. `ERRAND_HOME` there moves what errand keeps of runs, `~/.errand` else. */
export function createTarget(context: TargetContext<RemoteConfig>): Target {
  const reached = openOnce(async (options: ReachOptions) => reach(context, options))
  const target = createProcessTarget(context, async (options) => placeOf(context.config, await reached.get(options)))
  return {
    ...target,
    check: (options) => checkRemote(context, reached, target, options),
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
      await reached[Symbol.asyncDispose]()
    },
  }
}

function placeOf(
  { pythonLocation, sparkSubmitLocation, nativeSharedDirectory, condaLocation, ...config }: RemoteConfig,
  { host, home }: Reached,
): ProcessPlace {
  const absolute = (program: string): string => program.replace(/^~(?=\/)/, host.home)
  return {
    host,
    home,
    pythons: defaultPythons(absolute(pythonLocation), host.variables),
    sparkSubmit: absolute(sparkSubmitLocation),
    ...environmentSettings({ ...config, condaLocation: condaLocation === undefined ? undefined : absolute(condaLocation) }),
    ...(nativeSharedDirectory === undefined ? {} : { sharedDirectory: nativeSharedDirectory }),
  }
}
