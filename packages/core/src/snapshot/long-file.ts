import { open } from 'node:fs/promises'
import type { LongFile } from '../request.ts'
import type { GrowingCopy } from './object-writer.ts'

/** Bytes. A shorter one is read before anybody could ask for it. */
export const longFileSize = 32 * 1024 * 1024

const pieceSize = 256 * 1024

/** What a long file is to who sends it, and the copy that it is read from. `stored` finds the copy under its digest. */
export function longFile(
  file: Pick<LongFile, 'path' | 'size' | 'executable'>,
  partial: string,
  stored: (digest: string) => string,
): LongFile & GrowingCopy {
  const end = Promise.withResolvers<string | undefined>()
  let source: string | undefined = partial
  let size = 0
  let over = false
  let awaken = Promise.withResolvers<void>()
  const wake = (): void => {
    awaken.resolve()
    awaken = Promise.withResolvers()
  }

  return {
    kind: 'long',
    ...file,
    digest: end.promise,
    grown(bytes) {
      size = bytes
      wake()
    },
    ended(digest) {
      over = true
      source = digest === undefined ? undefined : stored(digest)
      end.resolve(digest)
      wake()
    },
    async *content() {
      if (source === undefined) return
      await using handle = await open(source)
      for (let offset = 0; ;) {
        const length = Math.min(pieceSize, size - offset)
        if (length > 0) {
          const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset)
          offset += bytesRead
          yield buffer.subarray(0, bytesRead)
        } else if (over) return
        else await awaken.promise
      }
    },
  }
}
