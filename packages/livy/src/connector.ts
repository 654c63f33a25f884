import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { Agent, type Dispatcher, type buildConnector } from 'undici'

/** Makes a connection to where the service is, from a machine that can reach it. */
export type Connect = (to: { readonly host: string; readonly port: number }) => Promise<Duplex>

export interface ConnectionSettings {
  /** PEM certificates to trust instead of those of the system. */
  readonly certificateAuthority?: string
  /** Absent: connections are made from this machine. */
  readonly connect?: Connect
  /** Milliseconds without a word after which an answer counts as lost. Default 60,000. */
  readonly answerLimit?: number
}

export function createDispatcher(settings: ConnectionSettings): Dispatcher {
  const { certificateAuthority, connect, answerLimit = 60_000 } = settings
  const limits = { headersTimeout: answerLimit, bodyTimeout: answerLimit, keepAliveTimeout: 4000 }
  if (connect === undefined)
    return new Agent({
      ...limits,
      connect: { timeout: 20_000, ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }) },
    })
  return new Agent({ ...limits, connect: (to, callback) => void answer(to, settings, connect, callback) })
}

async function answer(
  { protocol, hostname, port }: buildConnector.Options,
  settings: ConnectionSettings,
  connect: Connect,
  callback: buildConnector.Callback,
): Promise<void> {
  let connection: Duplex
  try {
    connection = await connectThrough(connect, { protocol, hostname, port }, settings)
  } catch (error) {
    callback(error instanceof Error ? error : new Error(String(error)), null)
    return
  }
  callback(null, asSocket(connection))
}

/** A connection to a URL's server, with TLS where the URL wants it. */
export async function connectThrough(
  connect: Connect,
  { protocol, hostname, port }: Pick<URL, 'protocol' | 'hostname' | 'port'>,
  { certificateAuthority }: ConnectionSettings,
): Promise<Duplex | TLSSocket> {
  const secure = protocol === 'https:'
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = await connect({ host, port: Number(port) || (secure ? 443 : 80) })
  // Whoever uses it hears of its errors as long as he does; one that comes later is nobody's.
  socket.on('error', () => {})
  if (!secure) return socket
  const trusted = certificateAuthority === undefined ? {} : { ca: certificateAuthority }
  const tls = connectTls({ socket, servername: host, ...trusted })
  await once(tls, 'secureConnect')
  return tls
}

/** What the HTTP client does to sockets and a stream of another kind has no need of. */
function asSocket(duplex: Duplex): Socket {
  const none = () => duplex
  for (const name of ['ref', 'unref', 'setTimeout', 'setNoDelay', 'setKeepAlive'])
    if (!(name in duplex)) Object.assign(duplex, { [name]: none })
  return duplex as Socket
}
