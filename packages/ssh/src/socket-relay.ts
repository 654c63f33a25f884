import { Duplex } from 'node:stream'
import { ErrandError, type Host, errorCode } from '@errand/core'

/** As whom a program there reaches a socket. */
type Way = 'user' | 'root'

/** The machine, as far as programs there are concerned. */
type Programs = Pick<Host, 'name' | 'run' | 'spawn'>

/**
 * Makes `connect` reach sockets, too, that the SSH server does not forward, or that only root may use: through a program there. What has worked
 * for a socket once is taken for all connections to it.
 */
export function relaying(programs: Programs, connect: Host['connect']): Host['connect'] {
  const ways = new Map<string, Way>()
  return async (to) => {
    if (!('path' in to)) return connect(to)
    const known = ways.get(to.path)
    if (known !== undefined) return relay(programs, to.path, known)
    try {
      return await connect(to)
    } catch (error) {
      if (!['FORWARDING_FORBIDDEN', 'SOCKET_FORBIDDEN'].includes(errorCode(error) ?? '')) throw error
      const way = await wayTo(programs, to.path)
      if (way === undefined) throw error
      ways.set(to.path, way)
      return relay(programs, to.path, way)
    }
  }
}

/** Asks for no password: who may become root without one may also use what is root's. A Docker client carries bytes too; any of them will do. */
const look = `[ -w "$1" ] || sudo -n true >/dev/null 2>&1 || exit 1
command -v docker >/dev/null 2>&1 || command -v socat >/dev/null 2>&1 || nc -h 2>&1 | grep -q -e -U || exit 2
[ -w "$1" ] || exit 10`

async function wayTo(programs: Programs, path: string): Promise<Way | undefined> {
  const { exitCode } = await programs.run(['/bin/sh', '-c', look, 'sh', path], { signal: new AbortController().signal })
  if (exitCode !== 2) return exitCode === 0 ? 'user' : exitCode === 10 ? 'root' : undefined
  throw new ErrandError(
    'SOCKET_RELAY_MISSING',
    `${path} on ${programs.name} can only be reached through a program there, and there is neither docker nor socat nor an nc that knows sockets.`,
    { hint: 'Install one of them there: sudo apt-get install socat. Or have AllowStreamLocalForwarding set to yes in its sshd_config.' },
  )
}

const copy = `if command -v docker >/dev/null 2>&1; then exec docker --host "unix://$1" system dial-stdio
elif command -v socat >/dev/null 2>&1; then exec socat - "UNIX-CONNECT:$1"
else exec nc -U "$1"; fi`

/** A connection over standard input and output of a program: what that has printed arrives also when it has ended meanwhile. */
async function relay(programs: Programs, path: string, way: Way): Promise<Duplex> {
  const command = [...(way === 'root' ? ['sudo', '-n'] : []), '/bin/sh', '-c', copy, 'sh', path]
  const child = await programs.spawn(command, { signal: new AbortController().signal })
  void drain(child.stderr)
  const output = child.stdout[Symbol.asyncIterator]()
  let over = false
  async function next(): Promise<void> {
    const { done = false, value } = await output.next()
    over = done
    stream.push(done ? null : value)
  }
  const stream = new Duplex({
    // What has ended there serves no further request.
    allowHalfOpen: false,
    read: () => void next().catch((error: Error) => stream.destroy(error)),
    // A program that has ended takes nothing, as a socket that was closed there.
    write: (chunk: Buffer, _encoding, done) => void child.stdin.write(chunk, () => done()),
    // The end of what is gone already is never told.
    final: (done) => void (child.stdin.destroyed ? done() : child.stdin.end(() => done())),
  })
  stream.once('close', () => void (over || child.kill('SIGTERM').catch(() => undefined)))
  // Whoever uses the stream listens for its own.
  return stream.on('error', () => {})
}

async function drain(stream: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of stream);
}
