import { Duplex, Readable } from 'node:stream'
import { type Host, errorCode } from '@errand/core'

/** As whom a program there reaches a socket. */
type Way = 'user' | 'root'

/**
 * The same host, which also reaches sockets that its SSH server does not forward, or that only root may use: through a program there.
 * What has worked for a socket once is taken for all connections to it.
 */
export function reachingSockets(host: Host): Host {
  const ways = new Map<string, Way>()
  return {
    ...host,
    async connect(to) {
      if (!('path' in to)) return host.connect(to)
      const known = ways.get(to.path)
      if (known !== undefined) return relay(host, to.path, known)
      try {
        return await host.connect(to)
      } catch (error) {
        if (!['FORWARDING_FORBIDDEN', 'SOCKET_FORBIDDEN'].includes(errorCode(error) ?? '')) throw error
        const way = await wayTo(host, to.path)
        if (way === undefined) throw error
        ways.set(to.path, way)
        return relay(host, to.path, way)
      }
    },
  }
}

/** Asks for no password: who may become root without one may also use what is root's. */
const look = `[ -w "$1" ] && exit 0; sudo -n true >/dev/null 2>&1 && exit 10; exit 1`

async function wayTo(host: Host, path: string): Promise<Way | undefined> {
  const { exitCode } = await host.run(['/bin/sh', '-c', look, 'sh', path], { signal: new AbortController().signal })
  return exitCode === 0 ? 'user' : exitCode === 10 ? 'root' : undefined
}

/** The engine's own client first; a machine that has none mostly has one of the others. */
const copy = `if command -v docker >/dev/null 2>&1; then exec docker --host "unix://$1" system dial-stdio
elif command -v socat >/dev/null 2>&1; then exec socat - "UNIX-CONNECT:$1"
elif command -v nc >/dev/null 2>&1; then exec nc -U "$1"
else echo 'there is neither docker nor socat nor nc' >&2; exit 127; fi`

/** A connection over standard input and output of a program. */
async function relay(host: Host, path: string, way: Way): Promise<Duplex> {
  const command = [...(way === 'root' ? ['sudo', '-n'] : []), '/bin/sh', '-c', copy, 'sh', path]
  const child = await host.spawn(command, { signal: new AbortController().signal })
  void drain(child.stderr)
  const stream = Duplex.from({ readable: Readable.from(child.stdout, { objectMode: false }), writable: child.stdin })
  // Closed before the program has ended is no fault: whoever uses the stream listens for its own.
  stream.on('error', () => {})
  stream.once('close', () => void child.kill('SIGTERM').catch(() => undefined))
  return stream
}

async function drain(stream: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of stream);
}
