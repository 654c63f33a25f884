import { type Socket, connect as connectSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import ssh2, { type Client, type ServerHostKeyAlgorithm } from 'ssh2'
import { ErrandError, type Logger, type TargetContext } from '@errand/core'
import { giveKeyObject } from './cipher-key.ts'
import { cannotConnect, connectionLost, hungUpOnUser, timedOut } from './connection-errors.ts'
import { type HostKeyPolicy, knownKeysOf, verifyHostKey } from './host-key.ts'
import { fingerprint, hostKeyAlgorithms } from './known-hosts.ts'
import { type LoginMemory, createLogin } from './login.ts'
import type { ResolvedDestination } from './ssh-config.ts'
import { duplexOf } from './streams.ts'

/** A login that stands. */
export interface Connection {
  readonly client: Client
  /** Aborted, with the error as reason, when the connection is lost or closed. */
  readonly lost: AbortSignal
  /** `SHA256:…` of the machine's key. */
  readonly hostKey: string
  close(): void
}

export interface ConnectionSettings extends HostKeyPolicy {
  readonly log: Logger
  readonly ask: TargetContext<unknown>['ask']
  secret(name: string): Promise<string | undefined>
  /** Milliseconds from the open socket to the login, without the time in which the user is asked. */
  readonly loginLimit: number
  /** By machine: what the user typed. */
  memory(account: string): LoginMemory
}

/** Milliseconds between signs of life, and how many of them may be missed: at the fourth without an answer the connection is lost. */
const keepaliveInterval = 15_000
const missedKeepalives = 3
const supportedHostKeys = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/** Logs in on the last machine of a route, through those before it. Each one's host key is verified. */
export async function connectRoute(route: readonly ResolvedDestination[], settings: ConnectionSettings, signal: AbortSignal) {
  const opened: Connection[] = []
  try {
    for (const [index, destination] of route.entries()) {
      const last = index === route.length - 1
      const via = opened.at(-1)
      const openAnother = () => openTransport(destination, via, signal)
      opened.push(await logIn(await openAnother(), { destination, settings, isLast: last, signal, openAnother }))
    }
    return joined(opened)
  } catch (error) {
    for (const connection of opened.toReversed()) connection.close()
    throw error
  }
}

function joined(opened: readonly Connection[]): Connection {
  const connection = opened.at(-1)
  if (connection === undefined) throw new ErrandError('ROUTE_EMPTY', 'There is no machine to connect to.')
  const closeAll = () => {
    for (const each of opened.toReversed()) each.close()
  }
  connection.lost.addEventListener('abort', closeAll, { once: true })
  return { ...connection, close: closeAll }
}

const nameOf = ({ host, port }: ResolvedDestination): string => (port === 22 ? host : `${host}:${port}`)

function openTransport(destination: ResolvedDestination, via: Connection | undefined, signal: AbortSignal): Promise<Duplex> {
  const { host, port, connectTimeout } = destination
  const machine = nameOf(destination)
  return new Promise((resolve, reject) => {
    const controller = new AbortController()
    const fail = (error: Error) => {
      finish()
      controller.abort()
      reject(error)
    }
    const timer = setTimeout(() => fail(timedOut(machine, connectTimeout / 1000)), connectTimeout)
    const abort = () => fail(signal.reason as Error)
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) return abort()
    if (via) {
      return void via.client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error) return fail(noWayThrough(machine, error))
        finish()
        if (controller.signal.aborted) channel.close()
        else resolve(duplexOf(channel, () => (via.lost.aborted ? (via.lost.reason as Error) : undefined)))
      })
    }
    const socket = connectSocket({ host, port, noDelay: true, keepAlive: true })
    controller.signal.addEventListener('abort', () => socket.destroy(), { once: true })
    const refused = (error: Error) => fail(cannotConnect(machine, firstCause(error)))
    socket.once('error', refused)
    socket.once('connect', () => {
      finish()
      socket.off('error', refused)
      resolve(gathering(socket))
    })
  })
}

/**
 * What is written in one turn goes out in one system call. The library writes each packet in three pieces; with the delay of small packets
 * switched off, as it must be, each of them would be one on the network.
 */
function gathering(socket: Socket): Socket {
  const write = socket.write.bind(socket) as (...words: readonly unknown[]) => boolean
  let gathers = false
  socket.write = (...words: readonly unknown[]) => {
    if (!gathers) {
      gathers = true
      socket.cork()
      process.nextTick(() => {
        gathers = false
        socket.uncork()
      })
    }
    return write(...words)
  }
  return socket
}

/** Node tries all addresses of a name and then says only that all failed. */
const firstCause = (error: Error): unknown => (error instanceof AggregateError ? error.errors.at(-1) : error)

function noWayThrough(machine: string, cause: Error & { reason?: unknown }): ErrandError {
  const forbidden = cause.reason === 1 || /prohibited/i.test(cause.message)
  return forbidden
    ? new ErrandError('FORWARDING_FORBIDDEN', `The jump host does not let you through to ${machine}.`, {
        hint: 'Its administrator must allow it: AllowTcpForwarding and PermitOpen in sshd_config.',
        cause,
      })
    : new ErrandError('CONNECTION_REFUSED', `The jump host can't reach ${machine}: ${cause.message}.`, {
        hint: 'Look whether the address is right as seen from the jump host, and whether sshd runs there.',
        cause,
      })
}

interface LogIn {
  readonly destination: ResolvedDestination
  readonly settings: ConnectionSettings
  readonly isLast: boolean
  readonly signal: AbortSignal
  /** Makes another connection to the same machine. */
  openAnother(): Promise<Duplex>
}

function logIn(transport: Duplex, { destination, settings, isLast, signal, openAnother }: LogIn): Promise<Connection> {
  const machine = nameOf(destination)
  const known = knownKeysOf(destination, settings)
  const limit = stopwatch(settings.loginLimit)
  // A secret that is not stored is asked for, too.
  let asking = false
  const patiently = async <Answer>(question: () => Promise<Answer>): Promise<Answer> => {
    asking = true
    limit.pause()
    try {
      return await question()
    } finally {
      asking = false
      limit.resume()
    }
  }
  const ask: ConnectionSettings['ask'] = (question) => patiently(() => settings.ask(question))
  const secret: ConnectionSettings['secret'] = (name) => patiently(() => settings.secret(name))
  const login = createLogin({
    destination,
    log: settings.log,
    ask,
    // The target's password is nobody else's: a jump host has its own.
    password: () => secret(isLast ? 'password' : 'jumpPassword'),
    passphrase: () => secret('passphrase'),
    memory: settings.memory(`${destination.username}@${machine}`),
  })
  const client = new ssh2.Client()
  const lost = new AbortController()
  let trusted: Buffer | undefined

  return new Promise((resolve, reject) => {
    let ready = false
    let refusal: Error | undefined
    let loggingIn = false
    let cause: (Error & { level?: string }) | undefined
    const end = (error: Error) => {
      limit.stop()
      signal.removeEventListener('abort', abort)
      if (ready) lost.abort(connectionLost(machine, cause))
      else reject(error)
      client.destroy()
      transport.destroy()
    }
    const abort = () => end(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    limit.start(() => end(timedOut(machine, settings.loginLimit / 1000)))

    client.on('ready', () => {
      ready = true
      limit.stop()
      signal.removeEventListener('abort', abort)
      login.succeeded()
      resolve({ client, lost: lost.signal, hostKey: fingerprint(trusted ?? Buffer.alloc(0)), close: () => close(client, transport) })
    })
    client.on('handshake', () => giveKeyObject(client))
    client.on('error', (error: Error & { level?: string }) => {
      // The agent or a key could not sign: the next method is tried.
      if (error.level === 'agent') return settings.log.debug(`${machine}: ${error.message}`)
      cause ??= error
    })
    client.on('close', () => {
      if (refusal) end(refusal)
      else if (asking) end(hungUpOnUser(machine))
      else if (loggingIn && isRefusal(cause)) end(login.failure(cause))
      else end(cannotConnect(machine, cause ?? { code: 'ECONNRESET' }))
    })
    client.on('end', () => transport.end())
    client.connect({
      sock: transport,
      username: destination.username,
      readyTimeout: 0,
      keepaliveInterval,
      keepaliveCountMax: missedKeepalives,
      algorithms: { serverHostKey: [...hostKeyAlgorithms(known.lines, supportedHostKeys)] as ServerHostKeyAlgorithm[] },
      hostVerifier(key: Buffer, verify: (valid: boolean) => void) {
        // Keys are exchanged again from time to time: the machine must stay who it is.
        if (trusted) return verify(trusted.equals(key))
        void verifyHostKey(known, key, { ...settings, ask }, openAnother)
          .then(() => (trusted = key))
          .catch((error: Error) => (refusal = error))
          .finally(() => verify(refusal === undefined))
      },
      authHandler(methods, partial, next) {
        loggingIn = true
        login.next(methods, partial, next)
      },
    })
  })
}

/** The server has looked at what we offered and said no: not the same as a line that broke meanwhile. */
function isRefusal(cause: (Error & { level?: string }) | undefined): boolean {
  return cause?.level === 'client-authentication' || /authentication/i.test(cause?.message ?? '')
}

function close(client: Client, transport: Duplex): void {
  client.end()
  const timer = setTimeout(() => transport.destroy(), 1000)
  client.once('close', () => clearTimeout(timer))
}

interface Stopwatch {
  start(late: () => void): void
  pause(): void
  resume(): void
  stop(): void
}

/** Milliseconds that count only while nobody is asked. */
function stopwatch(limit: number): Stopwatch {
  let timer: NodeJS.Timeout | undefined
  let action: (() => void) | undefined
  const arm = () => {
    clearTimeout(timer)
    if (action) timer = setTimeout(action, limit)
  }
  return {
    start(late) {
      action = late
      arm()
    },
    pause: () => clearTimeout(timer),
    resume: arm,
    stop() {
      action = undefined
      clearTimeout(timer)
    },
  }
}
