import { type Socket, connect, createServer } from 'node:net'

/** A TCP proxy on 127.0.0.1 that behaves as bad networks do. */
export interface FaultyProxy extends AsyncDisposable {
  readonly port: number
  /** Connections that were made through it. */
  readonly connections: number
  /** Bytes that have passed, by direction. */
  readonly bytes: { readonly toServer: number; readonly toClient: number }
  /** Breaks all connections with a reset. */
  cut(): void
  /** Lets nothing pass and says nothing, until `flow`. */
  stall(): void
  flow(): void
  /** Ends one direction of all connections and leaves the other open. */
  halfClose(direction: 'toServer' | 'toClient'): void
  /** Breaks the next connection once that many more bytes have passed to the client. */
  cutAfter(bytes: number): void
  /** New connections are refused until `accept`. */
  refuse(): void
  accept(): void
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** @param delay Milliseconds that every piece is held back in each direction. */
export async function startFaultyProxy(to: number, { delay = 0 }: { readonly delay?: number } = {}): Promise<FaultyProxy> {
  const pairs = new Set<Pair>()
  const bytes = { toServer: 0, toClient: 0 }
  let connections = 0
  let stalled = false
  let refusing = false
  let limit = Infinity

  function carry(from: Socket, onto: Socket, direction: keyof typeof bytes): void {
    const later = (action: () => void) => (delay === 0 ? action() : void setTimeout(action, delay))
    from.on('data', (chunk: Buffer) => {
      bytes[direction] += chunk.length
      if (direction === 'toClient') {
        limit -= chunk.length
        if (limit <= 0) {
          limit = Infinity
          return cut()
        }
      }
      later(() => {
        if (!onto.destroyed) onto.write(chunk)
      })
    })
    from.on('end', () => later(() => onto.end()))
    from.on('error', () => onto.destroy())
    from.on('close', () => later(() => onto.destroy()))
  }

  function cut(): void {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    pairs.clear()
  }

  const listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    if (refusing) {
      client.resetAndDestroy()
      return
    }
    connections++
    const server = connect({ port: to, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const pair = { client, server }
    pairs.add(pair)
    client.on('close', () => pairs.delete(pair))
    carry(client, server, 'toServer')
    carry(server, client, 'toClient')
    if (stalled) pause(pair)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()

  return {
    port: typeof address === 'object' && address ? address.port : 0,
    get connections() {
      return connections
    },
    bytes,
    cut,
    stall() {
      stalled = true
      for (const pair of pairs) pause(pair)
    },
    flow() {
      stalled = false
      for (const { client, server } of pairs) {
        client.resume()
        server.resume()
      }
    },
    halfClose(direction) {
      for (const { client, server } of pairs) (direction === 'toServer' ? server : client).end()
    },
    cutAfter(more) {
      limit = more
    },
    refuse() {
      refusing = true
    },
    accept() {
      refusing = false
    },
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }
}

function pause({ client, server }: Pair): void {
  client.pause()
  server.pause()
}
