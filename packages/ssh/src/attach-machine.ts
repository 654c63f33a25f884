import { type CallOptions, type Finding, type TargetContext, errorCode, errorMessage } from '@errand/core'
import { type ProjectKey, bringProjectKey, installPublicKey } from './keys.ts'
import { type MachineConfig, sshOptions } from './machine-login.ts'
import { type SshOptions, openSshHost } from './ssh-host.ts'

/**
 * What attaching does beyond the files: makes the project's key and lets the machine know it, and accepts the machine's own key. Safe to
 * repeat. A machine that can't be reached now is a warning, since the public key can be brought there by hand.
 */
export async function* attachMachine(
  context: TargetContext<MachineConfig>,
  flags: Readonly<Record<string, string | boolean>>,
  { signal }: CallOptions,
): AsyncGenerator<Finding> {
  const wantsKey = flags['useAzuremlSshKey'] === true || typeof flags['privateKeyFile'] === 'string'
  const key = wantsKey ? bringProjectKey(context.project) : undefined
  if (key !== undefined) {
    yield { name: 'key', outcome: 'ok', detail: `${key.created ? 'made' : 'kept'} in ${key.file}` }
    yield { name: 'public key', outcome: 'ok', detail: key.publicLine }
  }
  try {
    await using host = await openSshHost({ ...optionsFor(context, flags), signal })
    yield { name: 'host key', outcome: 'ok', detail: `${host.hostKey} is known` }
    yield { name: 'login', outcome: 'ok', detail: host.name }
    if (key !== undefined) yield await install(context, key, await installPublicKey(host, key.publicLine, signal), signal)
  } catch (error) {
    signal.throwIfAborted()
    if (errorCode(error) === 'INTERRUPTED') throw error
    yield refused(error, key)
  }
}

/** As for a run, with the key that is lent for this once before all others. */
function optionsFor(context: TargetContext<MachineConfig>, flags: Readonly<Record<string, string | boolean>>): Omit<SshOptions, 'signal'> {
  const { privateKeyFile: file, privateKeyPassphrase: passphrase, acceptHostKey } = flags
  const options = sshOptions(context)
  const { keyFiles = [], ...destination } = options.destination
  return {
    ...options,
    destination: { ...destination, keyFiles: [...(typeof file === 'string' ? [file] : []), ...keyFiles] },
    ...(typeof acceptHostKey === 'string' ? { acceptHostKey } : {}),
    ...(typeof passphrase === 'string'
      ? { secret: async (name: string) => (name === 'passphrase' ? passphrase : options.secret(name)) }
      : {}),
  }
}

/** Whether the machine knows the key now is seen by logging in with it and nothing else. */
async function install(
  context: TargetContext<MachineConfig>,
  key: ProjectKey,
  outcome: 'added' | 'present',
  signal: AbortSignal,
): Promise<Finding> {
  const words = { added: 'added to ~/.ssh/authorized_keys', present: 'in ~/.ssh/authorized_keys already' }
  const options = sshOptions(context)
  const alone: SshOptions = {
    ...options,
    destination: { ...options.destination, keyFiles: [key.file] },
    secret: async () => undefined,
    ask: async () => {
      throw new Error('The key alone must do.')
    },
    signal,
  }
  try {
    const host = await openSshHost(alone)
    await host[Symbol.asyncDispose]()
    return { name: 'key login', outcome: 'ok', detail: words[outcome] }
  } catch (error) {
    signal.throwIfAborted()
    return {
      name: 'key login',
      outcome: 'warning',
      detail: `The key is ${words[outcome]}, and the server does not take it: ${errorMessage(error)}`,
      hint: 'Look at AuthorizedKeysFile and PubkeyAuthentication of the server, and who may write to ~ and ~/.ssh there.',
    }
  }
}

/** Errors that more than a line in `authorized_keys` has to mend. */
const grave: ReadonlySet<string> = new Set(['HOST_KEY_CHANGED', 'HOST_KEY_REVOKED', 'HOST_KEY_UNKNOWN'])

function refused(error: unknown, key: ProjectKey | undefined): Finding {
  const { code, hint } = error as { readonly code?: string; readonly hint?: string }
  const byHand =
    key === undefined ? [] : [`To let the key in by hand, there: mkdir -p ~/.ssh && echo '${key.publicLine}' >> ~/.ssh/authorized_keys`]
  const hints = [...(hint === undefined ? [] : [hint]), ...byHand]
  const outcome = key === undefined || grave.has(code ?? '') ? 'failed' : 'warning'
  return { name: 'login', outcome, detail: errorMessage(error), ...(hints.length === 0 ? {} : { hint: hints.join('\n') }) }
}
