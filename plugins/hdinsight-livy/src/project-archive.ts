import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { ErrandError, type Snapshot, errorMessage } from '@errand/core'

/**
 * The project as `project_archive.py` unpacks it: one line of JSON with the entries and the digest and size of each content, then the
 * contents; all of it packed by gzip. The same snapshot gives the same archive.
 */
export function projectArchive(snapshot: Snapshot, openObject: (digest: string) => Readable): Readable {
  const sizes = new Map(snapshot.entries.flatMap((entry) => (entry.kind === 'file' ? [[entry.digest, entry.size] as const] : [])))
  const header = Buffer.from(`${JSON.stringify({ objects: [...sizes], entries: snapshot.entries })}\n`)
  const packed = createGzip()
  const plain = Readable.from(contents(header, [...sizes.keys()], openObject))
  plain.once('error', (error) => packed.destroy(error))
  return plain.pipe(packed)
}

async function* contents(header: Buffer, digests: readonly string[], openObject: (digest: string) => Readable): AsyncGenerator<Buffer> {
  yield header
  for (const digest of digests) yield* content(digest, openObject)
}

async function* content(digest: string, openObject: (digest: string) => Readable): AsyncGenerator<Buffer> {
  try {
    yield* openObject(digest) as AsyncIterable<Buffer>
  } catch (cause) {
    throw new ErrandError('OBJECT_DAMAGED', `The kept copy of a file of the project can't be read: ${errorMessage(cause)}.`, {
      hint: 'Something else removed it or wrote into it. Submit again.',
      cause,
    })
  }
}

/** Bytes before packing, and the number of contents. */
export function sizeOf({ entries }: Snapshot): { readonly files: number; readonly bytes: number } {
  const files = entries.filter((entry) => entry.kind === 'file')
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) }
}
