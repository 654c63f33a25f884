import { userInfo } from 'node:os'
import type { Target, TargetContext } from '@errand/core'
import { createDockerTarget } from '@errand/docker-engine/target'
import type { DockerConfig } from './target.ts'

/** A container of the engine that `docker` on this machine would take. */
export function createTarget(context: TargetContext<DockerConfig>): Target {
  const { engine, ...settings } = context.config
  return createDockerTarget(context, {
    host: context.host,
    local: true,
    owner: userInfo().username,
    settings,
    ...(engine === undefined ? {} : { address: engine }),
  })
}
