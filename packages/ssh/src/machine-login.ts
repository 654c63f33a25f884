import { resolve } from 'node:path'
import { ErrandError, type TargetContext, errorCode } from '@errand/core'
import { keyFile, readKey } from '@errand/core/secrets'
import type { SshOptions } from './ssh-host.ts'

/** What a target's configuration says of its machine. */
export interface MachineConfig {
  /** As in `ssh`: a host, a host and port, or a name of the user's ssh_config. */
  readonly address: string
  readonly username: string
  /** `project`, another name of the key store, or a path. */
  readonly privateKey?: string | undefined
}

/** How this target's machine is reached and logged in on: what its configuration names first, then what the user has. */
export function sshOptions(context: TargetContext<MachineConfig>): Omit<SshOptions, 'signal'> {
  const { address, username, privateKey } = context.config
  const { name, type } = context.target
  return {
    destination: { address, username, ...(privateKey === undefined ? {} : { keyFiles: [keyNamed(privateKey, context)] }) },
    stateDirectory: context.stateDirectory,
    sharedDirectory: context.sharedDirectory,
    secret: (secret) => storedOrAsked(context, secret),
    ask: context.ask,
    log: context.log,
    acceptCommand: (fingerprint) => `errand computetarget attach ${type} --name ${name} --accept-host-key ${fingerprint}`,
  }
}

/** Without a terminal a secret that is not stored is none: other ways to log in may be left, and their error says more. */
async function storedOrAsked(context: TargetContext<MachineConfig>, name: string): Promise<string | undefined> {
  try {
    return await context.secret(name)
  } catch (error) {
    if (['NO_TERMINAL', 'SECRET_NOT_FOUND'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** The file of a key: a path, the project's own key as `project`, or a name of the key store. Error: `KEY_NOT_FOUND`. */
function keyNamed(privateKey: string, { project, target }: TargetContext<MachineConfig>): string {
  // `~`, `%d` and `${HOME}` are put in later. A path of the project begins there, in whatever folder of it the user stands.
  if (/[/\\~]/.test(privateKey)) return /^[~%$]/.test(privateKey) ? privateKey : resolve(project.directory, privateKey)
  const name = privateKey === 'project' ? project.id : privateKey
  if (readKey(name) !== undefined) return keyFile(name)
  const what = privateKey === 'project' ? 'the key of this project' : `a key ${privateKey}`
  throw new ErrandError('KEY_NOT_FOUND', `The target ${target.name} logs in with ${what}, which is not on this machine.`, {
    hint: `Make it: errand computetarget attach ${target.type} --name ${target.name} --use-azureml-ssh-key\nOr take a colleague's: errand computetarget key import FILE`,
  })
}
