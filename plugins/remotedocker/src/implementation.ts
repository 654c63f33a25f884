import type { CallOptions, Finding, Target, TargetContext, TargetImplementation } from '@errand/core'
import { type DockerPlace, createDockerTarget, openOnce, usualSocket } from '@errand/docker-engine/target'
import { attachMachine, checkMachine, openSshHost, sshOptions } from '@errand/ssh'
import type { RemoteDockerConfig } from './target.ts'

export const attach: NonNullable<TargetImplementation<RemoteDockerConfig>['attach']> = attachMachine

/** A container of the engine of a machine behind SSH; everything that is said to the engine goes over one connection. */
export function createTarget(context: TargetContext<RemoteDockerConfig>): Target {
  const { engine, address: _address, username, privateKey: _key, userManagedEnvironment: _own, ...settings } = context.config
  const [, socket] = /^(?:unix:\/\/)?(\/.*)$/.exec(engine ?? usualSocket) ?? []
  const machine = openOnce(({ signal }: CallOptions) =>
    openSshHost({ ...sshOptions(context), ...(socket === undefined ? {} : { socket }), signal }),
  )
  const target = createDockerTarget(context, async (options): Promise<DockerPlace> => ({
    host: await machine.get(options),
    owner: username,
    settings,
    ...(engine === undefined ? {} : { address: engine }),
  }))
  return {
    ...target,
    async *check(options): AsyncGenerator<Finding> {
      const reached = yield* checkMachine(context, () => machine.get(options), options.signal)
      if (reached !== undefined) yield* target.check(options)
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
    },
  }
}
