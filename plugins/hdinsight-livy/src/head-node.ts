import { type CallOptions, ErrandError, type TargetContext, errorCode } from '@errand/core'
import { type SshHost, openSshHost } from '@errand/ssh'
import type { ClusterConfig } from './target.ts'

/** Logs in on the head node. Errors: `USERNAME_MISSING`, those of `openSshHost`. */
export async function openHeadNode(context: TargetContext<ClusterConfig>, address: string, { signal }: CallOptions): Promise<SshHost> {
  const { username, privateKey } = context.config
  const { name, type } = context.target
  if (username === undefined)
    throw new ErrandError('USERNAME_MISSING', `The target ${name} names the head node ${address} and no user for it.`, {
      hint: `Add \`username: …\` to ${name}.compute; HDInsight's default is sshuser.`,
    })
  return openSshHost({
    destination: { address, username, ...(privateKey === undefined ? {} : { keyFiles: [privateKey] }) },
    stateDirectory: context.stateDirectory,
    secret: (secret) => storedOrAsked(context, secret),
    ask: context.ask,
    log: context.log,
    acceptCommand: (fingerprint) => `errand computetarget attach ${type} --name ${name} --accept-host-key ${fingerprint}`,
    signal,
  })
}

/** Without a terminal a secret that is not stored is none: other ways to log in may be left, and their error says more. */
async function storedOrAsked(context: TargetContext<ClusterConfig>, name: string): Promise<string | undefined> {
  try {
    return await context.secret(name)
  } catch (error) {
    if (['NO_TERMINAL', 'SECRET_NOT_FOUND'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}
