import { ErrandError } from '@errand/core'

/** What one piece of an engine's stream held, by the stream that it came from. */
export interface DecodedOutput {
  readonly stdout: readonly Buffer[]
  readonly stderr: readonly Buffer[]
}

const headerLength = 8

/** By the first byte of a frame's header. 0 is an echo of stdin, which no engine sends; 3 is the engine's own word on what went wrong. */
const streams: Readonly<Record<number, 'stdout' | 'stderr'>> = { 0: 'stdout', 1: 'stdout', 2: 'stderr', 3: 'stderr' }

/**
 * Cuts the multiplexed output of a container without a terminal into its two streams: frames of a stream type, three zero bytes, the length
 * (32 bits, big endian) and the content. A frame may come in pieces, and a piece may hold any number of frames: one loop takes them all.
 * Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach. Error: `ENGINE_STREAM_BROKEN`.
 */
export function frameDecoder(): (piece: Buffer) => DecodedOutput {
  let header: Buffer = Buffer.alloc(0)
  let stream: 'stdout' | 'stderr' = 'stdout'
  /** Bytes of the current frame that are still to come. */
  let remaining = 0
  return (piece) => {
    const decoded = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
    for (let at = 0; at < piece.length;) {
      if (remaining > 0) {
        const content = piece.subarray(at, at + remaining)
        decoded[stream].push(content)
        remaining -= content.length
        at += content.length
        continue
      }
      const part = piece.subarray(at, at + headerLength - header.length)
      header = header.length === 0 ? part : Buffer.concat([header, part])
      at += part.length
      if (header.length < headerLength) break
      stream = streamOf(header)
      remaining = header.readUInt32BE(4)
      header = Buffer.alloc(0)
    }
    return decoded
  }
}

function streamOf(header: Buffer): 'stdout' | 'stderr' {
  const stream = streams[header[0] ?? -1]
  if (stream !== undefined && header.readUIntBE(1, 3) === 0) return stream
  throw new ErrandError(
    'ENGINE_STREAM_BROKEN',
    `The Docker engine sent something that is no output of a container: ${header.toString('hex')}.`,
  )
}
