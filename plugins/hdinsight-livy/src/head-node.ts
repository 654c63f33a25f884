import { type CallOptions, ErrandError, type Finding, type TargetContext } from '@errand/core'
import { type MachineConfig, type SshHost, attachMachine, openSshHost, sshOptions } from '@errand/ssh'
import type { ClusterConfig } from './target.ts'

/** Logs in on the head node. Errors: `USERNAME_MISSING`, those of `openSshHost`. */
export async function openHeadNode(context: TargetContext<ClusterConfig>, { signal }: CallOptions): Promise<SshHost> {
  return openSshHost({ ...sshOptions(machineOf(context)), variables: ['ERRAND_HOME'], signal })
}

/** As for other machines behind SSH: host key, project key. A cluster that is reached by its gateway has no machine to attach. */
export async function* attach(
  context: TargetContext<ClusterConfig>,
  flags: Readonly<Record<string, string | boolean>>,
  options: CallOptions,
): AsyncGenerator<Finding> {
  if (context.config.address !== undefined) yield* attachMachine(machineOf(context), flags, options)
}

/** The head node as other machines behind SSH are named. Error: `USERNAME_MISSING`. */
export function machineOf(context: TargetContext<ClusterConfig>): TargetContext<MachineConfig> {
  const { address = '', username, privateKey } = context.config
  const { name } = context.target
  if (username !== undefined) return { ...context, config: { address, username, privateKey } }
  throw new ErrandError('USERNAME_MISSING', `The target ${name} names the head node ${address} and no user for it.`, {
    hint: `Add \`username: …\` to ${name}.compute; HDInsight's default is sshuser.`,
  })
}
