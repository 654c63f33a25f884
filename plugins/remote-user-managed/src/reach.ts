import type { CallOptions, TargetContext } from '@errand/core'
import { type SshHost, openSshHost, sshOptions } from '@errand/ssh'
import type { RemoteConfig } from './target.ts'

/** A machine that we are logged in on. */
export interface Reached extends AsyncDisposable {
  readonly host: SshHost
  /** The folder of all that errand keeps there. */
  readonly home: string
}

/** Logs in and learns where things are there. Errors: those of `openSshHost`. */
export async function reach(context: TargetContext<RemoteConfig>, options: CallOptions): Promise<Reached> {
  const variables = ['ERRAND_HOME', 'VIRTUAL_ENV', 'CONDA_PREFIX']
  const ahead = '${ERRAND_HOME:-$HOME/.errand}/ahead'
  const host = await openSshHost({ ...sshOptions(context), variables, ahead, signal: options.signal })
  const home = host.variables['ERRAND_HOME'] ?? `${host.home}/.errand`
  return { host, home, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
}
