import type { CallOptions, TargetContext } from '@errand/core'
import { type SshHost, openSshHost } from '@errand/ssh'
import { sshOptions } from './login.ts'
import { type PlaceVariables, readVariables } from './machine.ts'
import type { RemoteConfig } from './target.ts'

/** A machine that we are logged in on. */
export interface Reached extends AsyncDisposable {
  readonly host: SshHost
  /** The folder of all that errand keeps there. */
  readonly home: string
  readonly variables: PlaceVariables
}

/** Logs in and learns where things are there. Errors: those of `openSshHost`. */
export async function reach(context: TargetContext<RemoteConfig>, options: CallOptions): Promise<Reached> {
  const host = await openSshHost({ ...sshOptions(context), signal: options.signal })
  try {
    const variables = await readVariables(host, options)
    const home = variables.ERRAND_HOME ?? `${host.home}/.errand`
    return { host, home, variables, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
  } catch (error) {
    await host[Symbol.asyncDispose]()
    throw error
  }
}
