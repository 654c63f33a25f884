import { type Finding, type TargetContext, errorCode, errorMessage } from '@errand/core'
import { type MachineConfig, sshOptions } from './machine-login.ts'
import { resolveDestination } from './ssh-config.ts'
import type { SshHost } from './ssh-host.ts'

/** What stands between here and a program there, in the order in which it is met, with the errors that say that one was not passed. */
const hops: readonly (readonly [name: string, codes: readonly string[]])[] = [
  ['address', ['ADDRESS_INVALID', 'SSH_CONFIG_INVALID', 'PROXY_COMMAND_NOT_SUPPORTED', 'HOST_UNKNOWN']],
  ['port', ['CONNECTION_REFUSED', 'CONNECTION_TIMED_OUT', 'HOST_UNREACHABLE', 'CONNECTION_CLOSED', 'FORWARDING_FORBIDDEN']],
  ['host key', ['HOST_KEY_UNKNOWN', 'HOST_KEY_CHANGED', 'HOST_KEY_REVOKED', 'KNOWN_HOSTS_UNREADABLE']],
  ['login', ['LOGIN_FAILED', 'KEY_PERMISSIONS', 'KEY_ENCRYPTED', 'KEY_NOT_FOUND', 'KEY_UNREADABLE', 'SECRET_FILE_PERMISSIONS']],
  ['shell', []],
]

/**
 * Says of every hop to a machine that it was passed, one finding each; the first that is not ends it, with what to do.
 * @returns the machine, when it was reached
 */
export async function* checkMachine(
  context: TargetContext<MachineConfig>,
  open: () => Promise<SshHost>,
  signal: AbortSignal,
): AsyncGenerator<Finding, SshHost | undefined> {
  const problem = configurationProblem(context)
  if (problem !== undefined) {
    yield problem
    return undefined
  }
  const opened = await open().catch((error: unknown) => {
    signal.throwIfAborted()
    if (errorCode(error) === 'INTERRUPTED') throw error
    return { error }
  })
  if ('error' in opened) {
    yield* findingsUpTo(opened.error, context)
    return undefined
  }
  yield* passedHops(context, opened)
  return opened
}

/** What is wrong before anything is tried: a key that is not on this machine. */
function configurationProblem(context: TargetContext<MachineConfig>): Finding | undefined {
  try {
    sshOptions(context)
    return undefined
  } catch (error) {
    return failed('private key', error)
  }
}

function failed(name: string, error: unknown): Finding {
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
  return { name, outcome: 'failed', detail: errorMessage(error), ...hint }
}

function* findingsUpTo(error: unknown, context: TargetContext<MachineConfig>): Generator<Finding> {
  const code = errorCode(error) ?? ''
  const found = hops.findIndex(([, codes]) => codes.includes(code))
  const at = found === -1 ? hops.length - 1 : found
  if (at > 0) {
    const { finding, through } = addressOf(context)
    yield finding
    // Behind a jump host the error says which machine it is about: what was passed until then may have been that of another.
    if (!through) for (const [name] of hops.slice(1, at)) yield { name, outcome: 'ok', detail: passed[name] ?? '' }
  }
  yield failed(hops[at]?.[0] ?? 'shell', error)
}

function addressOf(context: TargetContext<MachineConfig>): { readonly finding: Finding; readonly port: number; readonly through: boolean } {
  const { destination, log } = sshOptions(context)
  const { host, port, proxyJump } = resolveDestination(destination, { log })
  const name = destination.address === host ? host : `${destination.address} is ${host}`
  const detail = proxyJump.length === 0 ? name : `${name}, through ${proxyJump.join(', ')}`
  return { finding: { name: 'address', outcome: 'ok', detail }, port, through: proxyJump.length > 0 }
}

const passed: Readonly<Record<string, string>> = { port: 'an SSH server answers', 'host key': 'known', login: 'accepted' }

function* passedHops(context: TargetContext<MachineConfig>, host: SshHost): Generator<Finding> {
  const { finding, port } = addressOf(context)
  yield finding
  yield { name: 'port', outcome: 'ok', detail: `an SSH server answers at port ${port}` }
  yield { name: 'host key', outcome: 'ok', detail: host.hostKey }
  yield { name: 'login', outcome: 'ok', detail: host.name }
  yield { name: 'machine', outcome: 'ok', detail: `${host.platform.os} on ${host.platform.architecture}` }
}
