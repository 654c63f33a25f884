import { hash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Snapshot, SnapshotFile } from '../request.ts'

export type SnapshotEntry = Snapshot['entries'][number]

/** A list of entries as it is stored: everything, or what changed against another stored list. */
export interface StoredList {
  /** Digest of the list that this one changes. Absent: this one is full. */
  readonly base?: string
  /** Paths of the base that are gone. */
  readonly removed: readonly string[]
  readonly entries: readonly SnapshotEntry[]
}

const digestPrefix = 'sha256:'
const digestBytes = 32

/** Sorted by the bytes of their paths in UTF-8, the one order of every snapshot. */
export function sortEntries(entries: readonly SnapshotEntry[]): SnapshotEntry[] {
  return entries.toSorted((left, right) => comparePaths(left.path, right.path))
}

// UTF-16 order is the order of UTF-8 bytes except where a surrogate meets a character of U+E000 and above.
function comparePaths(left: string, right: string): number {
  if (beyondSurrogates.test(left) && beyondSurrogates.test(right)) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  return left < right ? -1 : Number(left > right)
}

const beyondSurrogates = /[\uD800-\uFFFF]/

/**
 * `sha256:<hex>` of a snapshot whose entries are sorted. What is hashed, in UTF-8: the line `errand snapshot 1`, then for each entry
 * its kind, its path and, for a file, `x` or `-`, the size in decimal and the digest's hex; for a link, what it points to. Every
 * field ends with a zero byte. No times, owners or other mode bits, so equal trees have equal digests on every machine.
 */
export function digestOf(entries: readonly SnapshotEntry[]): string {
  return digestPrefix + hash('sha256', `errand snapshot 1\n${entries.map(canonical).join('')}`, 'hex')
}

function canonical(entry: SnapshotEntry): string {
  if (entry.kind === 'file') {
    return `file\0${entry.path}\0${entry.executable ? 'x' : '-'}\0${entry.size}\0${hexOf(entry.digest)}\0`
  }
  return entry.kind === 'link' ? `link\0${entry.path}\0${entry.to}\0` : `directory\0${entry.path}\0`
}

/** The hex of a digest `sha256:<hex>`. */
export function hexOf(digest: string): string {
  return digest.slice(digestPrefix.length)
}

/**
 * Packs a list: two lengths (big-endian, 32 bits), the paths and sizes as deflated text, then 32 raw bytes for each file. About 40
 * bytes a file, so that the lists of a project of many tiny files stay small beside the files.
 */
export function packList(list: StoredList): Buffer {
  const files = list.entries.filter((entry) => entry.kind === 'file')
  const header = JSON.stringify({ base: list.base, removed: list.removed })
  const text = deflateRawSync([header, ...list.entries.map(fields)].join('\0'))
  const digests = Buffer.from(files.map((file) => hexOf(file.digest)).join(''), 'hex')
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(text.length)
  lengths.writeUInt32BE(digests.length, 4)
  return Buffer.concat([lengths, text, digests])
}

const letters = { directory: 'd', link: 'l' } as const

function fields(entry: SnapshotEntry): string {
  if (entry.kind === 'file') return `${entry.executable ? 'x' : 'f'}${entry.path}\0${entry.size}`
  return `${letters[entry.kind]}${entry.path}\0${entry.kind === 'link' ? entry.to : ''}`
}

export function unpackList(packed: Buffer): StoredList {
  const textEnd = 8 + packed.readUInt32BE(0)
  const parts = inflateRawSync(packed.subarray(8, textEnd)).toString('utf8').split('\0')
  const hex = packed.toString('hex', textEnd, textEnd + packed.readUInt32BE(4))
  const header = JSON.parse(parts[0] ?? '') as { base?: string; removed: string[] }
  const entries: SnapshotEntry[] = []
  let digestAt = 0
  for (let index = 1; index + 1 < parts.length; index += 2) {
    const entry = entryOf(parts[index] ?? '', parts[index + 1] ?? '', hex, digestAt)
    if (entry.kind === 'file') digestAt += digestBytes * 2
    entries.push(entry)
  }
  return { ...header, entries }
}

function entryOf(marked: string, value: string, hex: string, digestAt: number): SnapshotEntry {
  const letter = marked[0]
  const path = marked.slice(1)
  if (letter === 'd') return { kind: 'directory', path }
  if (letter === 'l') return { kind: 'link', path, to: value }
  const digest = digestPrefix + hex.slice(digestAt, digestAt + digestBytes * 2)
  return { kind: 'file', path, size: Number(value), executable: letter === 'x', digest }
}

/** What must be removed from and added to `base` to get `entries`. */
export function changesBetween(base: readonly SnapshotEntry[], entries: readonly SnapshotEntry[]): Omit<StoredList, 'base'> {
  const before = new Map(base.map((entry) => [entry.path, entry]))
  const changed: SnapshotEntry[] = []
  for (const entry of entries) {
    const old = before.get(entry.path)
    before.delete(entry.path)
    if (old === undefined || (old !== entry && canonical(old) !== canonical(entry))) changed.push(entry)
  }
  return { removed: [...before.keys()], entries: changed }
}

/** `base` with the changes made, sorted. */
export function withChanges(base: readonly SnapshotEntry[], changes: StoredList): SnapshotEntry[] {
  const gone = new Set([...changes.removed, ...changes.entries.map((entry) => entry.path)])
  return sortEntries([...base.filter((entry) => !gone.has(entry.path)), ...changes.entries])
}

export function isFile(entry: SnapshotEntry): entry is SnapshotFile {
  return entry.kind === 'file'
}
