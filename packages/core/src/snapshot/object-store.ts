import { createHash, hash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { PassThrough, pipeline, Readable } from 'node:stream'
import { bootId } from '../boot-id.ts'
import { ErrandError, errorCode } from '../errors.ts'
import type { SnapshotFile } from '../request.ts'
import { hexOf } from './manifest.ts'
import { notWritable } from './sealed-file.ts'
import { isUntouched, markUntouched } from './untouched.ts'

/** Bytes of what is read at once. */
export const pieceSize = 1 << 20

/** Where the content of that digest lies below the state folder. */
export function objectPath(state: string, digest: string): string {
  const hex = hexOf(digest)
  return join(state, 'objects', hex.slice(0, 2), hex)
}

/** The bytes of a stored file. The stream fails with `OBJECT_MISSING` when the content is not there (any more). */
export function openObject(state: string, digest: string): Readable {
  const path = objectPath(state, digest)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size !== undefined && size <= pieceSize) return Readable.from(wholeContent(path, digest), { objectMode: false })
  const content = new PassThrough()
  const source = createReadStream(path, { highWaterMark: pieceSize / 4 })
  source.once('error', (cause) => content.destroy(errorCode(cause) === 'ENOENT' ? missing(path, digest, cause) : cause))
  pipeline(source, content, () => {})
  return content
}

/** A short content costs one read when its turn comes; thousands of file streams would cost more than what they carry. */
function* wholeContent(path: string, digest: string): Generator<Buffer> {
  try {
    const content = readFileSync(path)
    if (content.length > 0) yield content
  } catch (cause) {
    throw cause instanceof Error && errorCode(cause) === 'ENOENT' ? missing(path, digest, cause) : cause
  }
}

function missing(path: string, digest: string, cause: Error): ErrandError {
  return new ErrandError('OBJECT_MISSING', `The content ${digest} is not at ${path}.`, {
    hint: 'Submit the project again: that stores the content of the files that it still has.',
    cause,
  })
}

/** Reads until the piece is full or the file ends; answers the length. */
export function fill(source: number, piece: Buffer): number {
  let length = 0
  while (length < piece.length) {
    const count = readSync(source, piece, length, piece.length - length, null)
    if (count === 0) break
    length += count
  }
  return length
}

/** Stored, whole and what it is called: a power cut can leave a renamed file without its content, and a search-and-replace another one. */
export function isStored(state: string, digest: string, size: number): boolean {
  const path = objectPath(state, digest)
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat?.size === size && (isUntouched(stat) || provesItself(path, digest))
}

/** False also when another process has just taken it away. */
function provesItself(path: string, digest: string): boolean {
  const file = openIfPresent(path)
  if (file === undefined) return false
  try {
    const proven = digestOfFile(file) === digest
    if (proven) markUntouched(file)
    return proven
  } finally {
    closeSync(file)
  }
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Stores a short content, unless it is stored. It is written under its own name at once: what a killed process leaves there does not have its
 * size, and is replaced by the next to store that content.
 */
export function storeContent(state: string, digest: string, content: Buffer): void {
  const path = objectPath(state, digest)
  const created = guarded(path, () => create(path))
  if (created !== undefined) return writeNew(path, created, content)
  if (isStored(state, digest, content.length)) return
  const partial = partialPath(state)
  writeNew(
    partial,
    guarded(partial, () => openSync(partial, 'wx', 0o444)),
    content,
  )
  publish(state, partial, digest)
}

/** Undefined when there is a file of that name. */
function create(path: string): number | undefined {
  try {
    return openSync(path, 'wx', 0o444)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined
    if (errorCode(error) !== 'ENOENT') throw error
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
    return create(path)
  }
}

function writeNew(path: string, created: number, content: Buffer): void {
  try {
    guarded(path, () => writeAll(created, content, content.length))
    markUntouched(created)
  } catch (error) {
    // By now it may be another process's, and whole.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(created).ino) rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(created)
  }
}

function writeAll(target: number, piece: Buffer, length: number): void {
  for (let written = 0; written < length;) written += writeSync(target, piece, written, length - written)
}

export function publish(state: string, partial: string, digest: string): void {
  const path = objectPath(state, digest)
  guarded(path, () => {
    try {
      renameSync(partial, path)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 })
      renameSync(partial, path)
    }
  })
}

export function guarded<Result>(path: string, write: () => Result): Result {
  try {
    return write()
  } catch (cause) {
    throw notWritable(path, cause)
  }
}

/**
 * Changes when a content is added to or removed from the store: the folders' own modification times, 256 questions instead of one for each
 * content. And with each start of the machine: a power cut leaves contents short and the times of their folders as they were.
 */
export function objectsMark(state: string): string {
  const objects = join(state, 'objects')
  const folders = readdirSync(objects).filter((name) => !name.startsWith(partialPrefix))
  const times = folders.map((name) => `${name} ${statSync(join(objects, name), { throwIfNoEntry: false })?.mtimeMs}`)
  const started = bootId() ?? Math.round(Date.now() / 10_000 - uptime() / 10)
  return hash('sha256', [started, ...times.toSorted()].join(), 'hex')
}

/**
 * Takes a content over from another folder of objects, unless it is here. False when it is not there. Error: `OBJECT_DAMAGED` when what is
 * there is another content.
 */
export function copyObject(from: string, state: string, { digest, size }: SnapshotFile): boolean {
  if (isStored(state, digest, size)) return true
  const source = objectPath(from, digest)
  if (statSync(source, { throwIfNoEntry: false }) === undefined) return false
  mkdirSync(join(state, 'objects'), { recursive: true, mode: 0o700 })
  const partial = partialPath(state)
  try {
    guarded(partial, () => copyFileSync(source, partial, constants.COPYFILE_EXCL))
    if (!provesItself(partial, digest)) {
      throw new ErrandError('OBJECT_DAMAGED', `${source} does not have the content of its name.`, {
        hint: 'Nothing was taken over from it.',
      })
    }
    chmodSync(partial, 0o444)
    publish(state, partial, digest)
  } finally {
    rmSync(partial, { force: true })
  }
  return true
}

function digestOfFile(file: number): string {
  const digesting = createHash('sha256')
  const piece = Buffer.allocUnsafe(pieceSize)
  for (let length = fill(file, piece); length > 0; length = fill(file, piece)) digesting.update(piece.subarray(0, length))
  return `sha256:${digesting.digest('hex')}`
}

const partialPrefix = 'partial-'
const partialLifetime = 24 * 60 * 60 * 1000

export function partialPath(state: string): string {
  return join(state, 'objects', `${partialPrefix}${process.pid}-${randomBytes(6).toString('hex')}`)
}

/** Removes what killed processes left behind: partial copies that nobody has touched for a day. */
export function removeOldPartials(state: string): void {
  const objects = join(state, 'objects')
  for (const name of readdirSync(objects)) {
    if (!name.startsWith(partialPrefix)) continue
    const modified = statSync(join(objects, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (Date.now() - modified > partialLifetime) rmSync(join(objects, name), { force: true })
  }
}
