import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { objectDamaged } from './connection.ts'

/** A content by its digest, `sha256:` and 64 hexadecimal digits. */
export interface Content {
  readonly digest: string
  /** Bytes. */
  readonly size: number
}

/** Bytes. */
const pieceBytes = 256 * 1024

/**
 * Contents one behind the other, read from the folder in which this machine keeps them: short ones with a few calls each and together in one
 * piece, for a stream of its own would cost more than what it carries; a long one piece by piece, the next being read while this one is on
 * its way. Errors: `OBJECT_DAMAGED`; `ENOENT` before the first piece.
 */
export async function* storedContents(folder: string, contents: readonly Content[]): AsyncGenerator<Buffer> {
  const bytes = contents.reduce((sum, { size }) => sum + size, 0)
  const [only] = contents
  if (only !== undefined && contents.length === 1 && only.size > pieceBytes) yield* longContent(pathOf(folder, only), only)
  else if (bytes > 0) yield shortContents(folder, contents, bytes)
}

const pathOf = (folder: string, { digest }: Content): string => join(folder, digest.slice(-64, -62), digest.slice(-64))

function shortContents(folder: string, contents: readonly Content[], bytes: number): Buffer {
  const piece = Buffer.allocUnsafe(bytes)
  let offset = 0
  for (const content of contents) {
    const file = openSync(pathOf(folder, content), 'r')
    try {
      if (fstatSync(file).size !== content.size) throw objectDamaged(content.digest, content.size)
      const end = offset + content.size
      while (offset < end) offset += readSync(file, piece, offset, end - offset, null) || damaged(content)
    } finally {
      closeSync(file)
    }
  }
  return piece
}

async function* longContent(path: string, content: Content): AsyncGenerator<Buffer> {
  await using file = await open(path)
  if ((await file.stat()).size !== content.size) damaged(content)
  let left = content.size
  let reading = readPiece(file, left)
  while (left > 0) {
    const piece = await reading
    if (piece.length === 0) damaged(content)
    left -= piece.length
    if (left > 0) {
      reading = readPiece(file, left)
      // One that fails is looked at in its turn, or by nobody when the sending was given up.
      reading.catch(() => {})
    }
    yield piece
  }
}

async function readPiece(file: FileHandle, left: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(Math.min(left, pieceBytes)), 0)
  return buffer.subarray(0, bytesRead)
}

function damaged({ digest, size }: Content): never {
  throw objectDamaged(digest, size)
}
