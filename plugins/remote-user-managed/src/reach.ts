import type { TargetContext } from '@errand/core'
import type { ReachOptions } from '@errand/process-engine'
import { type SshHost, openSshHost, sshOptions } from '@errand/ssh'
import type { RemoteConfig } from './target.ts'

/** A machine that we are logged in on. */
export interface Reached extends AsyncDisposable {
  readonly host: SshHost
  /** The folder of all that errand keeps there. */
  readonly home: string
}

/** Logs in and learns where things are there. Errors: those of `openSshHost`. */
export async function reach(context: TargetContext<RemoteConfig>, options: ReachOptions): Promise<Reached> {
  const variables = ['ERRAND_HOME', 'VIRTUAL_ENV', 'CONDA_PREFIX']
  const begins = options.looksOnly === true ? {} : { ahead: '${ERRAND_HOME:-$HOME/.errand}/ahead' }
  const host = await openSshHost({ ...sshOptions(context), variables, ...begins, signal: options.signal })
  const home = host.variables['ERRAND_HOME'] ?? `${host.home}/.errand`
  return { host, home, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
}
