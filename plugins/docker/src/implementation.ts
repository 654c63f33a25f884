import { userInfo } from 'node:os'
import type { Target, TargetContext } from '@errand/core'
import { cancelGrace, createDockerTarget } from '@errand/docker-engine/target'
import type { DockerConfig } from './target.ts'

/**
 * A container of the engine that `docker` on this machine would take. `ERRAND_CANCEL_GRACE` is the number of seconds between the polite and
 * the hard end of a run, 30 else.
 */
export function createTarget(context: TargetContext<DockerConfig>): Target {
  const { engine, ...settings } = context.config
  const grace = cancelGrace(process.env['ERRAND_CANCEL_GRACE'])
  return createDockerTarget(context, {
    host: context.host,
    local: true,
    owner: userInfo().username,
    settings,
    ...(engine === undefined ? {} : { address: engine }),
    ...(grace === undefined ? {} : { grace }),
  })
}
