import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, request as httpRequest } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A door to a cluster as clouds build them: TLS with a certificate of its own, a login, and the services below paths. */
export interface Gateway extends AsyncDisposable {
  /** `https://127.0.0.1:PORT` */
  readonly url: string
  readonly username: string
  readonly password: string
  /** PEM of the certificate. */
  readonly certificate: string
  /** `METHOD /path` of each request that came in, in order. */
  readonly requests: readonly string[]
  /** Of the next so many matching requests, that reach the service all the same, the answer is lost or replaced by an error of the gateway. */
  spoil(count: number, matching: Pick<RegExp, 'test'>, how: 'cut' | 502 | 504): void
  /** Bytes of request bodies so far. */
  readonly received: number
}

/** @param routes Where each first part of a path leads: `{ livy: 'http://127.0.0.1:8998', webhdfs: 'http://127.0.0.1:9870/webhdfs' }`. */
export async function startGateway(routes: Readonly<Record<string, string>>): Promise<Gateway> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-gateway-'))
  const [key, certificate] = makeCertificate(directory)
  const [username, password] = ['admin', 'Pa:ss w0rd!']
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const requests: string[] = []
  const sockets = new Set<Socket>()
  let spoiling: { left: number; matching: Pick<RegExp, 'test'>; how: 'cut' | 502 | 504 } | undefined
  let received = 0
  let url = ''

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const line = `${incoming.method} ${incoming.url}`
    requests.push(line)
    if (incoming.headers.authorization !== expected) {
      incoming.resume()
      outgoing.writeHead(401, { 'WWW-Authenticate': 'Basic realm="HDInsight"', 'Content-Type': 'text/html' })
      outgoing.end('<html><head><title>401 Authorization Required</title></head><body>nginx</body></html>')
      return
    }
    const to = upstream(incoming.url ?? '/')
    if (to === undefined)
      return void outgoing.writeHead(404, { 'Content-Type': 'text/html' }).end('<html><title>404 Not Found</title></html>')
    let how: 'cut' | 502 | 504 | undefined
    if (spoiling !== undefined && spoiling.left > 0 && spoiling.matching.test(line)) {
      spoiling.left--
      how = spoiling.how
    }
    const { authorization: _authorization, host: _host, ...headers } = incoming.headers
    const passing = httpRequest(to, { method: incoming.method, headers }, (answer) => {
      if (how === 'cut') {
        answer.resume()
        incoming.socket.destroy()
      } else if (how !== undefined) {
        answer.resume()
        outgoing.writeHead(how, { 'Content-Type': 'text/html' })
        outgoing.end(`<html><head><title>${how} Gateway</title></head><body><h1>${how}</h1></body></html>`)
      } else if (/[?&]noredirect=true/.test(line) && answer.headers['content-type']?.startsWith('application/json') === true) {
        void passLocation(answer, outgoing)
      } else {
        outgoing.writeHead(answer.statusCode ?? 502, rewritten(answer.headers))
        answer.pipe(outgoing)
      }
    })
    passing.on('error', () => {
      if (!outgoing.headersSent) outgoing.writeHead(502, { 'Content-Type': 'text/html' })
      outgoing.end('<html><title>502 Bad Gateway</title></html>')
    })
    incoming.on('data', (chunk: Buffer) => (received += chunk.length))
    incoming.pipe(passing)
  }

  function upstream(path: string): string | undefined {
    const [, first = '', rest = ''] = /^\/([^/?]*)(.*)$/.exec(path) ?? []
    const base = routes[first]
    // Other servers of the cluster, that a service has sent the client to.
    if (first === 'node') return `http://127.0.0.1:${rest.slice(1)}`
    return base === undefined ? undefined : `${base}${rest}`
  }

  /** Addresses inside the cluster become addresses of the gateway. */
  function rewritten(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
    const { location } = headers
    if (location === undefined) return headers
    const known = Object.entries(routes).find(([, base]) => location.startsWith(base))
    if (known !== undefined) return { ...headers, location: `${url}/${known[0]}${location.slice(known[1].length)}` }
    return { ...headers, location: location.replace(/^http:\/\/127\.0\.0\.1:/, `${url}/node/`) }
  }

  /** So do those in the answers of WebHDFS that are no redirects: content passes the gateway, and is counted. */
  async function passLocation(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const { 'content-length': _length, ...headers } = answer.headers
    outgoing.writeHead(answer.statusCode ?? 502, headers)
    outgoing.end(text.replace(/^(\{"Location":")http:\/\/127\.0\.0\.1:/, `$1${url}/node/`))
  }

  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, forward)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `https://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  return {
    url,
    username,
    password,
    certificate: readFileSync(certificate, 'utf8'),
    requests,
    get received() {
      return received
    },
    spoil(count, matching, how) {
      spoiling = { left: count, matching, how }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function makeCertificate(directory: string): readonly [key: string, certificate: string] {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const parameters = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', names]
  execFileSync('openssl', [...parameters, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  return [key, certificate]
}
