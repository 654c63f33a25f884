import { type CallOptions, type Finding, type Target, type TargetContext, errorCode, errorMessage } from '@errand/core'
import { type OpenedOnce, spaceWarning } from '@errand/process-engine'
import { type SshHost, resolveDestination } from '@errand/ssh'
import { sshOptions } from './login.ts'
import { type Machine, lookAt } from './machine.ts'
import type { Reached } from './reach.ts'
import type { RemoteConfig } from './target.ts'

/** What stands between here and a program there, in the order in which it is met, with the errors that say that one was not passed. */
const hops: readonly (readonly [name: string, codes: readonly string[]])[] = [
  ['address', ['ADDRESS_INVALID', 'SSH_CONFIG_INVALID', 'PROXY_COMMAND_NOT_SUPPORTED', 'HOST_UNKNOWN']],
  ['port', ['CONNECTION_REFUSED', 'CONNECTION_TIMED_OUT', 'HOST_UNREACHABLE', 'CONNECTION_CLOSED']],
  ['host key', ['HOST_KEY_UNKNOWN', 'HOST_KEY_CHANGED', 'HOST_KEY_REVOKED', 'KNOWN_HOSTS_UNREADABLE']],
  ['login', ['LOGIN_FAILED', 'KEY_PERMISSIONS', 'KEY_ENCRYPTED', 'KEY_NOT_FOUND', 'KEY_UNREADABLE', 'SECRET_FILE_PERMISSIONS']],
  ['shell', []],
]

/** Looks at every hop, changing nothing there but to send the agent. A hop that is not passed ends the look. */
export async function* checkRemote(
  context: TargetContext<RemoteConfig>,
  reached: OpenedOnce<Reached>,
  target: Target,
  options: CallOptions,
): AsyncGenerator<Finding> {
  const problem = configurationProblem(context)
  if (problem !== undefined) {
    yield problem
    return
  }
  const there = await reached.get(options).catch((error: unknown) => {
    options.signal.throwIfAborted()
    return { error }
  })
  if ('error' in there) {
    yield* findingsUpTo(there.error, context.config.address)
    return
  }
  yield* passedHops(context, there.host)
  yield* machineFindings(await lookAt(there.host, there.home, options))
  yield* target.check(options)
  yield await sparkFinding(context, target, options)
}

/** What is wrong before anything is tried: a key that is not on this machine. */
function configurationProblem(context: TargetContext<RemoteConfig>): Finding | undefined {
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

function* findingsUpTo(error: unknown, address: string): Generator<Finding> {
  const code = errorCode(error) ?? ''
  const found = hops.findIndex(([, codes]) => codes.includes(code))
  const at = found === -1 ? hops.length - 1 : found
  for (const [name] of hops.slice(0, at)) yield { name, outcome: 'ok', detail: passed[name] ?? address }
  yield failed(hops[at]?.[0] ?? 'shell', error)
}

const passed: Readonly<Record<string, string>> = { port: 'an SSH server answers', 'host key': 'known', login: 'accepted' }

function* passedHops(context: TargetContext<RemoteConfig>, host: SshHost): Generator<Finding> {
  const { destination, log } = sshOptions(context)
  const { host: machine, port } = resolveDestination(destination, { log })
  yield { name: 'address', outcome: 'ok', detail: destination.address === machine ? machine : `${destination.address} is ${machine}` }
  yield { name: 'port', outcome: 'ok', detail: `an SSH server answers at port ${port}` }
  yield { name: 'host key', outcome: 'ok', detail: host.hostKey }
  yield { name: 'login', outcome: 'ok', detail: host.name }
  yield { name: 'machine', outcome: 'ok', detail: `${host.platform.os} on ${host.platform.architecture}` }
}

const clockTolerance = 60_000

function* machineFindings({ folder, writable, free, clock }: Machine): Generator<Finding> {
  yield writable
    ? { name: 'writable', outcome: 'ok', detail: folder }
    : {
        name: 'writable',
        outcome: 'failed',
        detail: `${folder} can't be written.`,
        hint: 'Make it writable, or set ERRAND_HOME for that user (in ~/.ssh/environment or by SetEnv of the server) to a folder that is.',
      }
  const warning = spaceWarning(folder, free ?? null)
  if (warning !== undefined)
    yield {
      name: 'disk space',
      outcome: 'warning',
      detail: warning,
      hint: 'errand experiment clean --all -t TARGET frees what errand keeps.',
    }
  else if (free !== undefined) yield { name: 'disk space', outcome: 'ok', detail: `${Math.floor(free / 1_000_000_000)} GB free` }
  if (Math.abs(clock) <= clockTolerance) return
  const minutes = Math.round(Math.abs(clock) / 60_000)
  yield {
    name: 'clock',
    outcome: 'warning',
    detail: `It is ${minutes} minutes ${clock > 0 ? 'ahead of' : 'behind'} this machine's.`,
    hint: 'Times of runs are those of that machine; durations are right.',
  }
}

/** A machine without Spark is a good machine for all other runs. */
async function sparkFinding({ project }: TargetContext<RemoteConfig>, target: Target, options: CallOptions): Promise<Finding> {
  const request = { project: project.name, projectId: project.id, framework: 'pyspark', environment: { kind: 'user-managed' } } as const
  try {
    const { data } = await target.prepare(request, { ...options, build: false })
    const found = typeof data === 'object' && data !== null && 'sparkSubmit' in data ? data['sparkSubmit'] : ''
    return { name: 'spark-submit', outcome: 'ok', detail: typeof found === 'string' ? found : '' }
  } catch (error) {
    options.signal.throwIfAborted()
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? `\n${error.hint}` : ''
    return {
      name: 'spark-submit',
      outcome: 'warning',
      detail: errorMessage(error),
      hint: `Only runs with Framework: PySpark need it.${hint}`,
    }
  }
}
