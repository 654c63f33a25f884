import { resolve } from 'node:path'
import { ErrandError, type Target, type TargetContext } from '@errand/core'
import { createProcessTarget, defaultPythons, environmentSettings } from '@errand/process-engine'
import type { LocalConfig } from './target.ts'

/** A process on this machine. `ERRAND_HOME` moves what errand keeps of runs, `~/.errand` else. */
export function createTarget(context: TargetContext<LocalConfig>): Target {
  const { pythonLocation, sparkSubmitLocation, condaLocation, nativeSharedDirectory } = context.config
  if (context.host.platform.os === 'win32')
    throw new ErrandError('PLATFORM_NOT_SUPPORTED', 'Local runs are not supported on Windows itself.', {
      hint: 'Use errand inside WSL, or a docker, remote or cluster target.',
    })
  const home = process.env['ERRAND_HOME']
  return createProcessTarget(context, {
    host: context.host,
    pythons: defaultPythons(programOf(context, pythonLocation), process.env),
    ...(sparkSubmitLocation === undefined ? {} : { sparkSubmit: sparkSubmitLocation }),
    ...(nativeSharedDirectory === undefined ? {} : { sharedDirectory: nativeSharedDirectory }),
    ...environmentSettings({ ...context.config, condaLocation: programOf(context, condaLocation) }),
    ...(home ? { home } : {}),
  })
}

/** A name is looked for by the system; a path of the project begins there, in whatever folder of it the user stands. */
function programOf<Location extends string | undefined>({ project }: TargetContext<LocalConfig>, location: Location): string | Location {
  return location?.includes('/') === true && !location.startsWith('~') ? resolve(project.directory, location) : location
}
