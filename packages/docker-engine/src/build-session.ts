import { randomUUID } from 'node:crypto'
import { type IncomingHttpHeaders, type ServerHttp2Stream, constants, performServerHandshake } from 'node:http2'
import type { Duplex } from 'node:stream'
import { readFields } from './buildkit-trace.ts'
import type { Engine } from './engine.ts'

/** Contents by their id, for `RUN --mount=type=secret,id=…`. They are asked for when a line needs them, and no layer keeps them. */
export type BuildSecrets = Readonly<Record<string, string>>

/** A connection on which BuildKit asks us, for as long as a build lasts. */
export interface BuildSession extends Disposable {
  /** For the parameter `session` of a build. */
  readonly id: string
}

const getSecret = '/moby.buildkit.secrets.v1.Secrets/GetSecret'
const checkHealth = '/grpc.health.v1.Health/Check'
/** Codes of gRPC. */
const status = { ok: '0', notFound: '5', unimplemented: '12' } as const

/**
 * The engine is the client: it calls us by gRPC, which is HTTP/2. Node's own suffices for two calls of one small message each.
 * Source: moby/buildkit, session/manager.go and session/secrets/secrets.proto.
 */
export async function openBuildSession(engine: Engine, secrets: BuildSecrets): Promise<BuildSession> {
  const id = randomUUID()
  const socket = await upgraded(engine, id)
  const session = performServerHandshake(socket)
  // A build whose session is gone says so itself.
  session.on('error', () => {})
  session.on('stream', (stream, headers) => void answer(stream, headers, secrets))
  return {
    id,
    [Symbol.dispose]() {
      session.destroy()
      socket.destroy()
    },
  }
}

function upgraded({ docker }: Engine, id: string): Promise<Duplex> {
  const request = {
    path: '/session',
    method: 'POST',
    // No body: its end would come before the first frame.
    file: Buffer.alloc(0),
    hijack: true,
    headers: {
      Upgrade: 'h2c',
      'X-Docker-Expose-Session-Uuid': id,
      'X-Docker-Expose-Session-Name': 'errand',
      'X-Docker-Expose-Session-Grpc-Method': [getSecret, checkHealth],
    },
    statusCodes: { 101: true, 400: 'bad parameter', 404: 'no such call', 500: 'server error' },
  }
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: Error | null, socket: unknown) => (error === null ? resolve(socket as Duplex) : reject(error)))
  })
}

async function answer(stream: ServerHttp2Stream, { ':path': path }: IncomingHttpHeaders, secrets: BuildSecrets): Promise<void> {
  stream.on('error', () => {})
  const pieces: Buffer[] = []
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
  } catch {
    return
  }
  // A message has a byte for its compression and four for its length before it.
  const message = Buffer.concat(pieces).subarray(5)
  if (path === checkHealth) return reply(stream, Buffer.from([8, 1]))
  if (path !== getSecret) return refuse(stream, status.unimplemented)
  const id = new Map(readFields(message)).get(1)
  const secret = Buffer.isBuffer(id) ? secrets[id.toString('utf8')] : undefined
  if (secret === undefined) refuse(stream, status.notFound)
  else reply(stream, bytesField(1, Buffer.from(secret)))
}

function reply(stream: ServerHttp2Stream, message: Buffer): void {
  if (stream.destroyed) return
  stream.respond({ ':status': constants.HTTP_STATUS_OK, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status.ok }))
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([header, message]))
}

function refuse(stream: ServerHttp2Stream, code: string): void {
  if (stream.destroyed) return
  stream.respond({ ':status': constants.HTTP_STATUS_OK, 'content-type': 'application/grpc', 'grpc-status': code }, { endStream: true })
}

/** A field of bytes in the wire format of protocol buffers. */
function bytesField(number: number, content: Buffer): Buffer {
  const length: number[] = []
  for (let rest = content.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest)
    if (rest <= 127) break
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content])
}
