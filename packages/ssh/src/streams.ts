import { Duplex, type Readable, Writable } from 'node:stream'
import type { ClientChannel } from 'ssh2'

/**
 * Reads a stream up to a mark and gives back the rest, so that another reader finds the stream behind the mark.
 * @returns what was read, mark included; `found` is false when the stream ended before, or more than `limit` bytes held no mark.
 */
export function readUntil(stream: Readable, mark: string, limit: number): Promise<{ readonly text: string; readonly found: boolean }> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    const finish = (end: number, found: boolean) => {
      stream.off('data', take)
      stream.off('end', ended)
      stream.off('close', ended)
      stream.pause()
      if (end < bytes.length) stream.unshift(bytes.subarray(end))
      resolve({ text: bytes.toString('utf8', 0, end), found })
    }
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const start = bytes.indexOf(mark)
      if (start !== -1) finish(start + Buffer.byteLength(mark), true)
      else if (bytes.length > limit) finish(bytes.length, false)
    }
    const ended = () => finish(bytes.length, false)
    stream.on('data', take)
    stream.on('end', ended)
    stream.on('close', ended)
    stream.resume()
  })
}

/** The chunks of a stream. Leaving the loop leaves the stream as it is; `failure` may turn an end into an error. */
export async function* chunksOf(stream: Readable, failure: () => Error | undefined): AsyncGenerator<Buffer> {
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  const error = failure()
  if (error) throw error
}

export async function concatenate(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The writing half of a channel as a stream with Node's manners: a channel that is gone swallows what is written and closes the stream. */
export function writableOf(channel: ClientChannel, gone: AbortSignal): Writable {
  const stream = new Writable({
    highWaterMark: 1024 * 1024,
    write(chunk: Buffer, _encoding, done) {
      writeTo(channel, chunk, gone, done)
    },
    final(done) {
      channel.end()
      done()
    },
  })
  stream.on('error', () => {})
  gone.addEventListener('abort', () => stream.destroy(), { once: true })
  return stream
}

function writeTo(channel: ClientChannel, chunk: Buffer, gone: AbortSignal, done: () => void): void {
  if (gone.aborted || !channel.writable) return done()
  // The library never answers a write to a channel that closes meanwhile.
  const finish = () => {
    gone.removeEventListener('abort', finish)
    done()
  }
  gone.addEventListener('abort', finish, { once: true })
  channel.write(chunk, finish)
}

/**
 * A channel as a socket-like stream: half-closes, ends, and is destroyed with an error when the connection under it is lost.
 * @param lost says why, when the channel ended because its connection did.
 */
export function duplexOf(channel: ClientChannel, lost: () => Error | undefined): Duplex {
  const gone = new AbortController()
  const stream = new Duplex({
    allowHalfOpen: true,
    read: () => void channel.resume(),
    write(chunk: Buffer, _encoding, done) {
      writeTo(channel, chunk, gone.signal, done)
    },
    final(done) {
      channel.end()
      done()
    },
    destroy(error, done) {
      gone.abort()
      channel.close()
      channel.resume()
      done(error)
    },
  })
  channel.on('data', (chunk: Buffer) => {
    if (!stream.destroyed && !stream.push(chunk)) channel.pause()
  })
  channel.on('end', () => {
    const error = lost()
    if (error) stream.destroy(error)
    else if (!stream.destroyed) stream.push(null)
  })
  channel.on('close', () => {
    gone.abort()
    if (stream.readableEnded || lost()) stream.destroy(lost())
    else stream.once('end', () => stream.destroy())
  })
  channel.on('error', (error: Error) => stream.destroy(error))
  return stream
}
