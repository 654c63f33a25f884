import { setTimeout as sleep } from 'node:timers/promises'
import { ErrandError, type Host, type Logger, type TargetContext, errorMessage } from '@errand/core'
import { type Connection, type ConnectionSettings, connectRoute } from './connection.ts'
import { mayPass } from './connection-errors.ts'
import type { SshDestination } from './destination.ts'
import { connectFrom } from './forwards.ts'
import type { LoginMemory } from './login.ts'
import { createOverflow } from './overflow.ts'
import { readRemoteFile, writeRemoteFile } from './remote-files.ts'
import { type ProcessPlace, runProcess, startProcess } from './remote-process.ts'
import { createSessionPool } from './sessions.ts'
import { relaying } from './socket-relay.ts'
import { type ResolvedDestination, parseHop, resolveDestination } from './ssh-config.ts'

export interface SshOptions {
  readonly destination: SshDestination
  /** A folder of this target, with a known_hosts file of its own. */
  readonly stateDirectory: string
  /** A folder of all targets of the project, whose known_hosts is read too and takes the keys that are accepted. */
  readonly sharedDirectory?: string
  /** Asked for `password`, `passphrase` and, for a jump host, `jumpPassword`; undefined when there is none. */
  secret(name: string): Promise<string | undefined>
  readonly ask: TargetContext<unknown>['ask']
  readonly log: Logger
  /** Fingerprints (`SHA256:…`, separated by blanks or commas) that the user accepts for machines that are not known yet. */
  readonly acceptHostKey?: string
  /** The command that accepts a fingerprint, for the hint of `HOST_KEY_UNKNOWN`. */
  readonly acceptCommand?: (fingerprint: string) => string
  /** Names of variables there whose values come with the login, at no cost in time. */
  readonly variables?: readonly string[]
  /**
   * A file there, in which `${VARIABLE:-default}` may stand: it keeps the line that starts the program that was the last to be started with
   * `ahead`, and that one is started with the login the next time, which saves its round trip.
   */
  readonly ahead?: string
  /** A socket there that will be connected to: done while the login is finished, for the first `connect` to it. */
  readonly socket?: string
  /** Gives up opening. */
  readonly signal: AbortSignal
  /** Read instead of `~/.ssh/config` and `/etc/ssh/ssh_config`. */
  readonly configFile?: string
  /** Read instead of the known_hosts files of the user and the machine. */
  readonly knownHostsFiles?: readonly string[]
  /** `HOME` and `SSH_AUTH_SOCK` are read from it. */
  readonly environment?: NodeJS.ProcessEnv
  /** Milliseconds for which a call tries to get a lost connection back; two minutes when absent. */
  readonly reconnectLimit?: number
  /** Milliseconds from the open socket to the login, without the time in which the user is asked; 30 s when absent. */
  readonly loginLimit?: number
}

export interface SshHost extends Host {
  /** `SHA256:…` of the machine's key. */
  readonly hostKey: string
  /** Those of `variables` in the options that are set there. */
  readonly variables: Readonly<Record<string, string>>
}

/** A connection and what is made over it. */
interface Line extends ProcessPlace {
  readonly connection: Connection
}

const defaultReconnectLimit = 120_000
const longestWait = 30_000

/**
 * Logs in on a machine. One connection serves all calls, and more are made only when programs that do not end take all its sessions; when it
 * is lost, calls under way fail with `CONNECTION_LOST`, and the next call connects again, with growing waits. Errors: those of `connection-errors.ts`, `host-key.ts`, `login.ts`, `ssh-config.ts`.
 */
export async function openSshHost(options: SshOptions): Promise<SshHost> {
  const route = resolveRoute(options.destination, options)
  const destination = route.at(-1) as ResolvedDestination
  const name = `${destination.username}@${destination.address}`
  const settings = settingsOf(options, destination)
  const disposed = new AbortController()
  const { variables = [], ahead } = options

  async function open(signal: AbortSignal, begins: { readonly ahead?: string | undefined } = {}): Promise<Line> {
    const connection = await connectRoute(route, settings, signal)
    const pool = createSessionPool(connection.client, name, connection.lost, { variables, ...begins })
    return { connection, pool, name, lost: connection.lost, ahead }
  }

  const first = await open(options.signal, { ahead })
  let early = options.socket === undefined ? undefined : connectFrom(first.connection.client, first, { path: options.socket })
  // Whoever asks for it will be told; nobody else has to know that it broke.
  early?.then((stream) => stream.on('error', () => {})).catch(() => {})
  const facts = await first.pool.facts().catch((error: unknown) => {
    first.connection.close()
    throw error
  })
  let current = Promise.resolve(first)
  const overflow = createOverflow(() => open(disposed.signal))

  /** The line that stands, or a new one: one attempt for all that wait for it. */
  async function line(): Promise<Line> {
    if (disposed.signal.aborted) throw new ErrandError('HOST_CLOSED', `The connection to ${name} was closed.`)
    const waiting = current
    const standing = await waiting
    if (!standing.lost.aborted) return standing
    if (current === waiting) {
      const limit = options.reconnectLimit ?? defaultReconnectLimit
      const renewed = reconnect(open, { name, log: options.log, limit, signal: disposed.signal })
      current = renewed.catch(() => standing)
      return renewed
    }
    return line()
  }

  const start = async <Value>(work: (place: ProcessPlace) => Promise<Value>, signal?: AbortSignal): Promise<Value> =>
    overflow.start(await line(), work, signal)

  const run: SshHost['run'] = (command, call) => start((place) => runProcess(place, command, call), call?.signal)
  const spawn: SshHost['spawn'] = (command, call) => start((place) => startProcess(place, command, call), call?.signal)

  const connect: SshHost['connect'] = async (to) => {
    const standing = await line()
    const ready = standing === first && 'path' in to && to.path === options.socket ? early : undefined
    if (ready === undefined) return connectFrom(standing.connection.client, standing, to)
    early = undefined
    return ready
  }

  return {
    name,
    platform: facts.platform,
    home: facts.home,
    hostKey: first.connection.hostKey,
    variables: Object.fromEntries(facts.variables.map((value, index) => [variables[index], value]).filter(([, value]) => value !== '')),
    run,
    spawn,
    readFile: (path) => readRemoteFile({ name, run }, path),
    writeFile: (path, data, { mode } = {}) => writeRemoteFile({ name, run }, path, data, mode),
    connect: relaying({ name, run, spawn }, connect),
    async [Symbol.asyncDispose]() {
      disposed.abort()
      overflow.close()
      const standing = await current
      standing.connection.close()
    },
  }
}

function settingsOf(options: SshOptions, destination: ResolvedDestination): ConnectionSettings {
  const memories = new Map<string, LoginMemory>()
  // A key is the same key on all machines of the route.
  const keys = { passphrases: new Map(), unlocked: new Map() }
  const command = (fingerprint: string) =>
    `errand computetarget attach remote --address ${destination.address} --username ${destination.username} --accept-host-key ${fingerprint}`
  return {
    stateDirectory: options.stateDirectory,
    ...(options.sharedDirectory === undefined ? {} : { sharedDirectory: options.sharedDirectory }),
    ...(options.acceptHostKey === undefined ? {} : { acceptHostKey: options.acceptHostKey }),
    ...(options.knownHostsFiles === undefined ? {} : { knownHostsFiles: options.knownHostsFiles }),
    acceptCommand: options.acceptCommand ?? command,
    ask: options.ask,
    log: options.log,
    loginLimit: options.loginLimit ?? 30_000,
    secret: (name) => options.secret(name),
    memory(account) {
      const memory = memories.get(account) ?? { ...keys }
      memories.set(account, memory)
      return memory
    },
  }
}

const longestRoute = 8

/** The machines to pass, the destination last. */
function resolveRoute(
  start: SshDestination,
  sources: Pick<SshOptions, 'configFile' | 'environment' | 'log'>,
): readonly ResolvedDestination[] {
  const resolve = (destination: SshDestination, depth: number, jumps?: readonly string[]): readonly ResolvedDestination[] => {
    const resolved = resolveDestination(destination, sources)
    if (depth > longestRoute) throw loop(start)
    if (resolved.proxyCommand !== undefined && resolved.proxyJump.length === 0 && jumps === undefined) throw proxyCommand(resolved)
    // As ssh: the first hop may have jump hosts of its own; the others are reached from the one before.
    const [first, ...others] = jumps ?? resolved.proxyJump
    if (first === undefined) return [resolved]
    const direct = others.flatMap((hop) => resolve(parseHop(hop), depth + 1, []))
    return [...resolve(parseHop(first), depth + 1), ...direct, resolved]
  }
  return resolve(start, 0)
}

function loop(start: SshDestination): ErrandError {
  return new ErrandError('SSH_CONFIG_INVALID', `The jump hosts of ${start.address} lead in a circle.`, {
    hint: 'Correct ProxyJump in your ssh_config.',
  })
}

function proxyCommand({ address }: ResolvedDestination): ErrandError {
  return new ErrandError('PROXY_COMMAND_NOT_SUPPORTED', `Your ssh_config has a ProxyCommand for ${address}, which errand does not run.`, {
    hint: `Write it as ProxyJump in a Host block for ${address}.`,
  })
}

/** Milliseconds after which a user who sees nothing wants to know why. */
const quietFor = 2000

/** Milliseconds of an attempt that count at most: a longer one was slept through, and the network may take a moment to wake up, too. */
const longestAttempt = 60_000

/** Tries at once, then after 1, 2, 4 … seconds, as long as only the network fails and the limit is not reached. */
async function reconnect(
  open: (signal: AbortSignal) => Promise<Line>,
  { name, log, limit, signal }: { readonly name: string; readonly log: Logger; readonly limit: number; readonly signal: AbortSignal },
): Promise<Line> {
  let spent = 0
  // Mostly the way is there again at once, and nobody need hear of it.
  using quiet = new DisposableStack()
  quiet.adopt(
    setTimeout(() => log.warn(`The connection to ${name} was lost. Connecting again.`), quietFor),
    clearTimeout,
  )
  for (let wait = 1000; ; wait = Math.min(2 * wait, longestWait)) {
    const started = Date.now()
    try {
      const line = await open(signal)
      log.info(`Connected to ${name} again.`)
      return line
    } catch (error) {
      spent += Math.min(Date.now() - started, longestAttempt) + wait
      if (!mayPass(error) || spent > limit) throw error
      quiet.dispose()
      log.warn(`${errorMessage(error)} Trying again in ${wait / 1000} s.`)
      await sleep(wait, undefined, { signal })
    }
  }
}
