import { createHash, hash, type Hash, randomBytes } from 'node:crypto'
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
} from 'node:fs'
import { type Stats, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, pipeline, Readable } from 'node:stream'
import { ErrandError, errorCode } from '../errors.ts'
import type { SnapshotFile } from '../request.ts'
import { hexOf } from './manifest.ts'
import type { Pace } from './pace.ts'
import { notWritable } from './sealed-file.ts'

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

/** What became of reading one file. `stat` is that of the moment after the last byte. */
export type StoreOutcome =
  | { readonly kind: 'stored'; readonly digest: string; readonly size: number; readonly stat: Stats }
  | { readonly kind: 'vanished' | 'changing' }
  | { readonly kind: 'unreadable'; readonly reason: string }

export interface ObjectWriter {
  /** Reads a file once, hashing while it copies, and stores the content unless it is stored. */
  store(path: string): Promise<StoreOutcome>
}

export interface ObjectWriterOptions {
  readonly state: string
  readonly pace: Pace
  /** Told after each piece that was read. */
  onRead(bytes: number): void
}

const pieceSize = 1 << 20
const attempts = 3

/** Stores files one after the other, with one buffer for all of them. */
export function objectWriter(options: ObjectWriterOptions): ObjectWriter {
  const piece = Buffer.allocUnsafe(pieceSize)
  return {
    store: async (path) => {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const outcome = await storeOnce(path, piece, options)
        if (outcome.kind !== 'changing') return outcome
      }
      return { kind: 'changing' }
    },
  }
}

async function storeOnce(path: string, piece: Buffer, options: ObjectWriterOptions): Promise<StoreOutcome> {
  const opened = openSource(path)
  if (typeof opened !== 'number') return opened
  try {
    const before = fstatSync(opened)
    if (!before.isFile()) return { kind: 'vanished' }
    const copied = await copyContent(opened, before.size, piece, options)
    if ('kind' in copied) return copied
    const stat = fstatSync(opened)
    const same = stat.size === before.size && stat.mtimeMs === before.mtimeMs && stat.ctimeMs === before.ctimeMs
    return same && stat.size === copied.size ? { kind: 'stored', ...copied, stat } : { kind: 'changing' }
  } finally {
    closeSync(opened)
  }
}

// Not blocking, and never through a link: what was a file when it was listed may be a pipe or a link by now.
const openFlags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

function openSource(path: string): number | StoreOutcome {
  try {
    return openSync(path, openFlags)
  } catch (error) {
    const gone = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errorCode(error) ?? '')
    return gone ? { kind: 'vanished' } : unreadable(error)
  }
}

function unreadable(error: unknown): StoreOutcome & { kind: 'unreadable' } {
  return { kind: 'unreadable', reason: errorCode(error) ?? String(error) }
}

type Copied = { readonly digest: string; readonly size: number } | Exclude<StoreOutcome, { kind: 'stored' }>

async function copyContent(source: number, expected: number, piece: Buffer, options: ObjectWriterOptions): Promise<Copied> {
  try {
    const length = fill(source, piece)
    options.onRead(length)
    if (options.pace.due()) await options.pace.rest()
    if (length === piece.length) return await copyLarge(source, expected, piece, options)
    const content = piece.subarray(0, length)
    const digest = `sha256:${hash('sha256', content, 'hex')}`
    if (!isStored(options.state, digest, length)) {
      writePartial(options.state, digest, (partial) => writeFileSync(partial, content, { mode: 0o444, flag: 'wx' }))
    }
    return { digest, size: length }
  } catch (error) {
    if (readFailures.has(errorCode(error) ?? '')) return unreadable(error)
    throw error
  }
}

const readFailures = new Set(['EIO', 'EACCES', 'EPERM', 'EISDIR', 'EINVAL', 'ESTALE'])

/** Reads until the piece is full or the file ends; answers the length. */
function fill(source: number, piece: Buffer): number {
  let length = 0
  while (length < piece.length) {
    const count = readSync(source, piece, length, piece.length - length, null)
    if (count === 0) break
    length += count
  }
  return length
}

/** The first piece is in `piece`: the digest is known only at the end, so the copy is made under a passing name. */
async function copyLarge(source: number, expected: number, piece: Buffer, options: ObjectWriterOptions): Promise<Copied> {
  const partial = partialPath(options.state)
  const target = guarded(partial, () => openSync(partial, 'wx', 0o444))
  const digesting = createHash('sha256')
  try {
    const size = await copyPieces({ source, expected, target, piece, digesting }, options)
    if (size !== expected) return { kind: 'changing' }
    const digest = `sha256:${digesting.digest('hex')}`
    if (!isStored(options.state, digest, size)) publish(options.state, partial, digest)
    return { digest, size }
  } finally {
    closeSync(target)
    rmSync(partial, { force: true })
  }
}

interface Copy {
  readonly source: number
  readonly expected: number
  readonly target: number
  readonly piece: Buffer
  readonly digesting: Hash
}

/** Answers how much was copied. Ends soon after the expected size: a file that grows as fast as it is read has no end. */
async function copyPieces({ source, expected, target, piece, digesting }: Copy, options: ObjectWriterOptions): Promise<number> {
  let size = 0
  for (let length = piece.length; length > 0 && size <= expected; length = fill(source, piece)) {
    if (size > 0) options.onRead(length)
    digesting.update(piece.subarray(0, length))
    guarded(options.state, () => writeAll(target, piece, length))
    size += length
    if (options.pace.due()) await options.pace.rest()
  }
  return size
}

function writeAll(target: number, piece: Buffer, length: number): void {
  for (let written = 0; written < length;) written += writeSync(target, piece, written, length - written)
}

/** Stored, and whole: a power cut can leave a renamed file without its content. */
function isStored(state: string, digest: string, size: number): boolean {
  return statSync(objectPath(state, digest), { throwIfNoEntry: false })?.size === size
}

function writePartial(state: string, digest: string, write: (partial: string) => void): void {
  const partial = partialPath(state)
  try {
    guarded(partial, () => write(partial))
    publish(state, partial, digest)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

function publish(state: string, partial: string, digest: string): void {
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

function guarded<Result>(path: string, write: () => Result): Result {
  try {
    return write()
  } catch (cause) {
    throw notWritable(path, cause)
  }
}

/** Changes when a content is added to or removed from the store: the folders' own modification times, 256 questions instead of a listing. */
export function objectsMark(state: string): string {
  const objects = join(state, 'objects')
  const folders = readdirSync(objects).filter((name) => !name.startsWith(partialPrefix))
  const times = folders.map((name) => `${name} ${statSync(join(objects, name), { throwIfNoEntry: false })?.mtimeMs}`)
  return hash('sha256', times.toSorted().join(), 'hex')
}

/** The hex digests of all contents that are there: one listing of each of the 256 folders costs less than asking for each file. */
export function storedObjects(state: string): ReadonlySet<string> {
  const objects = join(state, 'objects')
  const folders = readdirSync(objects).filter((name) => !name.startsWith(partialPrefix))
  return new Set(folders.flatMap((folder) => readdirSync(join(objects, folder))))
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
    const found = digestOfFile(partial)
    if (found !== digest) {
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

function digestOfFile(path: string): string {
  const digesting = createHash('sha256')
  const piece = Buffer.allocUnsafe(pieceSize)
  const file = openSync(path, 'r')
  try {
    for (let length = fill(file, piece); length > 0; length = fill(file, piece)) digesting.update(piece.subarray(0, length))
  } finally {
    closeSync(file)
  }
  return `sha256:${digesting.digest('hex')}`
}

const partialPrefix = 'partial-'
const partialLifetime = 24 * 60 * 60 * 1000

function partialPath(state: string): string {
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
