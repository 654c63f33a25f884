import { PassThrough, type Duplex } from 'node:stream'
import type { Exit, HostProcess } from '@errand/core'
import { frameDecoder } from './frames.ts'

/** What the stream of a process in a container does not tell. */
export interface ProcessEnding {
  /** Asked once, when the stream has ended. `last`: the end of what stderr said. */
  exit(last: string): Promise<Exit>
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): Promise<void>
}

/**
 * A process in a container behind the one connection that carries its three streams. A connection that is cut ends its output; how the
 * process ended is then what the engine says of it.
 */
export function containerProcess(socket: Duplex, ending: ProcessEnding): HostProcess {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  // The end of the connection says it all; a process that ends before it has read its input is no error.
  socket.on('error', () => {})
  const output = distribute(socket, stdout, stderr)
  return { stdin: socket, stdout, stderr, exit: output.then((last) => ending.exit(last)), kill: (signal) => ending.kill(signal) }
}

/** Bytes. */
const mostKept = 512

/** Returns the end of stderr. */
async function distribute(socket: Duplex, stdout: PassThrough, stderr: PassThrough): Promise<string> {
  const decode = frameDecoder()
  let last: Buffer = Buffer.alloc(0)
  try {
    for await (const piece of socket as AsyncIterable<Buffer>) {
      const decoded = decode(piece)
      if (decoded.stderr.length > 0) last = Buffer.from(Buffer.concat([last, ...decoded.stderr]).subarray(-mostKept))
      await Promise.all([write(stdout, decoded.stdout), write(stderr, decoded.stderr)])
    }
  } catch {
    socket.destroy()
  } finally {
    stdout.end()
    stderr.end()
  }
  return last.toString('utf8')
}

/** Thousands of small frames become one piece; resolves when there is room for more. */
async function write(stream: PassThrough, content: readonly Buffer[]): Promise<void> {
  const [first] = content
  if (first === undefined || stream.destroyed) return
  if (stream.write(content.length === 1 ? first : Buffer.concat(content))) return
  await new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}
