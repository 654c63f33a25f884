import type { AgentOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Host } from '@errand/core'
import type { EngineAddress } from './engine-address.ts'
import { cannotReachEngine } from './engine-errors.ts'

// An import would ask the module for all that it exports, and with that load a whole web client: tens of milliseconds in every command.
const { Agent } = process.getBuiltinModule('node:http')

/** Keeps connections for the next request; each is made by the host, which may be behind SSH. */
export class EngineAgent extends Agent {
  readonly #host: Host
  readonly #address: EngineAddress
  readonly #open = new Set<Duplex>()
  #closed = false
  #spare: Promise<Duplex> | undefined

  constructor(host: Host, address: EngineAddress, options: AgentOptions = {}) {
    super({ keepAlive: true, ...options })
    this.#host = host
    this.#address = address
  }

  /** docker-modem prints the agent, with all its sockets and requests, into a text for each request, which it then throws away. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return 'EngineAgent'
  }

  /** Makes, or takes, a connection for the next call that needs one, which then does not wait a round trip for it. One at most. */
  keepSpare(made?: Duplex): void {
    if (this.#spare !== undefined) return
    const spare = made === undefined ? this.#connect() : (async () => this.#kept(made))()
    const forget = () => {
      if (this.#spare === spare) this.#spare = undefined
    }
    // One that breaks while nobody uses it is nobody's fault; whoever needs one will see for itself.
    spare.then((stream) => stream.on('error', () => {}).once('close', forget)).catch(forget)
    this.#spare = spare
  }

  /** Ends every connection: those that a container's streams have taken over, and those that are still on their way, too. */
  override destroy(): void {
    this.#closed = true
    super.destroy()
    for (const stream of this.#open) stream.destroy()
  }

  override createConnection(_options: object, made?: (error: Error | null, stream: Duplex) => void): undefined {
    const connection = this.#spare?.catch(() => this.#connect()) ?? this.#connect()
    this.#spare = undefined
    connection.then(
      (stream) => made?.(null, likeSocket(stream)),
      (error: Error) => made?.(error, undefined as never),
    )
  }

  async #connect(): Promise<Duplex> {
    return this.#kept(await connectEngine(this.#host, this.#address))
  }

  #kept(stream: Duplex): Duplex {
    if (this.#closed) {
      stream.destroy()
      throw new Error('The connections to the engine were closed.')
    }
    this.#open.add(stream)
    return stream.once('close', () => this.#open.delete(stream))
  }
}

/** Methods of a socket that Node's agent calls and a stream of an SSH connection does not have. */
const socketMethods = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'] as const

function likeSocket(stream: Duplex): Duplex {
  const missing = socketMethods.filter((name) => !(name in stream))
  return Object.assign(stream, Object.fromEntries(missing.map((name) => [name, () => stream])))
}

/** A connection to the engine. Errors: those of `cannotReachEngine`. */
export async function connectEngine(host: Host, address: EngineAddress): Promise<Duplex> {
  const plain = await host.connect(address.to).catch((error: unknown) => {
    throw cannotReachEngine(triedAt(host, address), error, address.guessed)
  })
  if (address.tls === undefined) return plain
  const { ca, certificate, key, verify } = address.tls
  return new Promise((resolve, reject) => {
    const secure = connectTls({
      socket: plain,
      rejectUnauthorized: verify,
      ...('host' in address.to ? { servername: address.to.host } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
    })
    secure.once('secureConnect', () => resolve(secure))
    secure.once('error', reject)
  })
}

/** For errors. */
export const triedAt = ({ name }: Pick<Host, 'name'>, address: EngineAddress) => ({
  where: addressText(address),
  from: address.from,
  host: name,
})

/** `socket /var/run/docker.sock (DOCKER_HOST)` */
export function addressText({ to, from }: EngineAddress): string {
  return `${'path' in to ? `socket ${to.path}` : `address ${to.host}:${to.port}`} (${from})`
}
