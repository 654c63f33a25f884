import { Readable } from 'node:stream'
import { ErrandError } from '@errand/core'

/** A file of an archive. A content that is a stream has exactly `size` bytes. */
export interface TarFile {
  readonly path: string
  readonly content: string | Buffer | { readonly size: number; open(): Readable }
  readonly executable?: boolean
}

/**
 * A tar archive as it is read. All times are zero and no owner is named: the same files are the same bytes, which is what an engine compares.
 * Error: `FILE_CHANGED`, when a stream is not as long as it was said.
 */
export function tarOf(files: readonly TarFile[]): Readable {
  return Readable.from(records(files))
}

async function* records(files: readonly TarFile[]): AsyncGenerator<Buffer> {
  for (const { path, content, executable = false } of files) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    const size = Buffer.isBuffer(bytes) ? bytes.length : bytes.size
    yield header(path, size, executable ? 0o755 : 0o644)
    if (Buffer.isBuffer(bytes)) yield bytes
    else yield* exactly(path, size, bytes.open())
    yield Buffer.alloc((512 - (size % 512)) % 512)
  }
  yield Buffer.alloc(1024)
}

async function* exactly(path: string, size: number, stream: Readable): AsyncGenerator<Buffer> {
  let seen = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    seen += chunk.length
    if (seen > size) break
    yield chunk
  }
  if (seen !== size) throw new ErrandError('FILE_CHANGED', `${path} has changed while it was sent.`, { hint: 'Call it again.' })
}

/** Of the format `ustar`: paths of up to 255 bytes. */
function header(path: string, size: number, mode: number): Buffer {
  const block = Buffer.alloc(512)
  const [prefix, name] = split(path)
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`
  block.write(name, 0)
  block.write(octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) + octal(0, 12), 100)
  block.write('        0', 148)
  block.write('ustar\x0000', 257)
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function split(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path]
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const parts = [path.slice(0, at), path.slice(at + 1)] as const
    if (Buffer.byteLength(parts[0]) <= 155 && Buffer.byteLength(parts[1]) <= 100) return parts
  }
  throw new ErrandError('PATH_TOO_LONG', `The name ${path} is too long for an image.`, { hint: 'Give the file a shorter name.' })
}
