import { createHash, hash, type Hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, read, rmSync, type Stats, write } from 'node:fs'
import { promisify } from 'node:util'
import { errorCode } from '../errors.ts'
import { fill, guarded, isStored, partialPath, pieceSize, publish, storeContent } from './object-store.ts'
import type { Pace } from './pace.ts'
import { notWritable } from './sealed-file.ts'
import { markUntouched } from './untouched.ts'

/** What became of reading one file. `stat` is that of the moment after the last byte. */
export type StoreOutcome =
  | { readonly kind: 'stored'; readonly digest: string; readonly size: number; readonly stat: Stats }
  | { readonly kind: 'vanished' | 'changing' }
  | { readonly kind: 'unreadable'; readonly reason: string }

export interface ObjectWriter {
  /** Reads a file once, hashing while it copies, and stores the content unless it is stored. */
  store(path: string, onCopy?: OnCopy): Promise<StoreOutcome>
}

/** Told of the copy of a file of several pieces when it is begun; what it answers is told how far it is. */
export type OnCopy = (copy: { readonly path: string; readonly stat: Stats }) => GrowingCopy | undefined

export interface GrowingCopy {
  grown(bytes: number): void
  /** The digest under which the content is stored now, or undefined when the copy came to nothing. */
  ended(digest: string | undefined): void
}

export interface ObjectWriterOptions {
  readonly state: string
  readonly pace: Pace
  /** Told after each piece that was read. */
  onRead(bytes: number): void
}

const attempts = 3

/** Stores files one after the other, with one buffer for all of them. */
export function objectWriter(options: ObjectWriterOptions): ObjectWriter {
  const piece = Buffer.allocUnsafe(pieceSize)
  return {
    store: async (path, onCopy) => {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        const outcome = await storeOnce(path, piece, { ...options, ...(onCopy && attempt === 1 && { onCopy }) })
        if (outcome.kind !== 'changing') return outcome
      }
      return { kind: 'changing' }
    },
  }
}

interface StoringOptions extends ObjectWriterOptions {
  readonly onCopy?: OnCopy
}

async function storeOnce(path: string, piece: Buffer, options: StoringOptions): Promise<StoreOutcome> {
  const opened = openSource(path)
  if (typeof opened !== 'number') return opened
  try {
    const before = fstatSync(opened)
    if (!before.isFile()) return { kind: 'vanished' }
    const copied = await copyContent(opened, before, piece, options)
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

async function copyContent(source: number, before: Stats, piece: Buffer, options: StoringOptions): Promise<Copied> {
  try {
    const length = fill(source, piece)
    options.onRead(length)
    if (options.pace.due()) await options.pace.rest()
    if (length === piece.length) return await copyLarge(source, before, piece, options)
    const content = piece.subarray(0, length)
    const digest = `sha256:${hash('sha256', content, 'hex')}`
    storeContent(options.state, digest, content)
    return { digest, size: length }
  } catch (error) {
    if (readFailures.has(errorCode(error) ?? '')) return unreadable(error)
    throw error
  }
}

const readFailures = new Set(['EIO', 'EACCES', 'EPERM', 'EISDIR', 'EINVAL', 'ESTALE'])

/** The first piece is in `piece`: the digest is known only at the end, so the copy is made under a passing name. */
async function copyLarge(source: number, stat: Stats, piece: Buffer, options: StoringOptions): Promise<Copied> {
  const partial = partialPath(options.state)
  const target = guarded(partial, () => openSync(partial, 'wx', 0o444))
  const growing = options.onCopy?.({ path: partial, stat })
  const digesting = createHash('sha256')
  let stored: string | undefined
  try {
    const size = await copyPieces({ source, expected: stat.size, target, piece, digesting, growing }, options)
    if (size !== stat.size) return { kind: 'changing' }
    const digest = `sha256:${digesting.digest('hex')}`
    markUntouched(target)
    if (!isStored(options.state, digest, size)) publish(options.state, partial, digest)
    stored = digest
    return { digest, size }
  } finally {
    closeSync(target)
    rmSync(partial, { force: true })
    growing?.ended(stored)
  }
}

interface Copy {
  readonly source: number
  readonly expected: number
  readonly target: number
  readonly piece: Buffer
  readonly digesting: Hash
  readonly growing: GrowingCopy | undefined
}

/**
 * Answers how much was copied. Ends soon after the expected size: a file that grows as fast as it is read has no end. The next piece is read
 * while this one is hashed and written, and the thread is free for whoever sends the file meanwhile.
 */
async function copyPieces({ source, expected, target, piece, digesting, growing }: Copy, options: StoringOptions): Promise<number> {
  let size = 0
  let other: Buffer = Buffer.allocUnsafe(pieceSize)
  for (let length = piece.length; length > 0 && size <= expected;) {
    if (size > 0) options.onRead(length)
    const working = Promise.allSettled([writeWhole(target, piece, length), fillMeanwhile(source, other)])
    digesting.update(piece.subarray(0, length))
    // Both are over before either's failure closes the files.
    const [written, filled] = await working
    if (written.status === 'rejected') throw notWritable(options.state, written.reason)
    size += length
    growing?.grown(size)
    if (filled.status === 'rejected') throw filled.reason
    length = filled.value
    ;[piece, other] = [other, piece]
    if (options.pace.due()) await options.pace.rest()
  }
  return size
}

const readSome = promisify(read)
const writeSome = promisify(write)

async function fillMeanwhile(source: number, piece: Buffer): Promise<number> {
  for (let length = 0; ;) {
    const { bytesRead } = await readSome(source, piece, length, piece.length - length, null)
    length += bytesRead
    if (bytesRead === 0 || length === piece.length) return length
  }
}

async function writeWhole(target: number, piece: Buffer, length: number): Promise<void> {
  for (let written = 0; written < length;) written += (await writeSome(target, piece, written, length - written)).bytesWritten
}
