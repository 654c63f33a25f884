import type { Stats } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { SnapshotFile } from '../request.ts'
import { isFile } from './manifest.ts'
import { readSealed, writeSealed } from './sealed-file.ts'
import { readStored, type StoredSnapshot } from './stored-snapshots.ts'

/**
 * What the files looked like when their content was last read. Paths, sizes and digests are those of the stored snapshot it names, so
 * it adds only three numbers a file: modification time, change time (milliseconds) and inode.
 */
export interface StatCache {
  readonly stored: StoredSnapshot
  readonly facts: CacheFacts
  had(path: string): boolean
  /** The file as stored when nothing has touched it since, else undefined. */
  unchanged(path: string, stat: Stats, executable: boolean): SnapshotFile | undefined
  /** The numbers kept for a path, to write them again. */
  row(path: string): StatRow | undefined
}

/** What held when the cache was written. */
export interface CacheFacts {
  /** The snapshot whose files the rows belong to, in its order. It is stored. */
  readonly snapshot: string
  /** Whether each of these is in it because the ignore files let it pass, and the ignore files are in it themselves. */
  readonly followedRules: boolean
  /** `objectsMark` of the state folder. */
  readonly objects: string
}

export interface StatRow {
  readonly modified: number
  /** 0 when the file changed so shortly before it was read that a later change could look the same: it is read again next time. */
  readonly changed: number
  readonly inode: number
}

const magic = 'ERRSTAT1'
const columns = 3
const bytesPerRow = columns * Float64Array.BYTES_PER_ELEMENT

/**
 * Times in milliseconds as floating point hold a quarter of a microsecond at this time of the world; file systems tick in
 * milliseconds, so 64-bit nanoseconds would cost a third more time for each file and tell nothing more.
 */
export function statRow(stat: Stats, readAfter: number): StatRow {
  return { modified: stat.mtimeMs, changed: isRacy(stat.ctimeMs, readAfter) ? 0 : stat.ctimeMs, inode: stat.ino }
}

// File systems stamp with the kernel's tick (at most 10 ms) or, the old ones, with whole or even seconds.
const tick = 50
const coarseTick = 2500

function isRacy(changed: number, readAfter: number): boolean {
  return changed >= readAfter - (changed % 1000 === 0 ? coarseTick : tick)
}

/** Undefined when there is none, it is damaged, or the snapshot it names is gone: then every file is read. */
export function readStatCache(state: string): StatCache | undefined {
  const unpacked = readSealed(cachePath(state), magic, unpackCache)
  const stored = unpacked && readStored(state, unpacked.facts.snapshot)
  if (unpacked === undefined || stored === undefined) return undefined
  const { facts, numbers } = unpacked
  const files = stored.snapshot.entries.filter(isFile)
  return numbers.length === files.length * columns ? statCache(stored, files, numbers, facts) : undefined
}

function unpackCache(packed: Buffer): { facts: CacheFacts; numbers: Float64Array } {
  const factsEnd = 2 + packed.readUInt16BE(0)
  const facts = JSON.parse(packed.toString('latin1', 2, factsEnd)) as CacheFacts
  return { facts, numbers: unpackRows(inflateRawSync(packed.subarray(factsEnd))) }
}

function statCache(stored: StoredSnapshot, files: readonly SnapshotFile[], numbers: Float64Array, facts: CacheFacts): StatCache {
  const places = new Map(files.map((file, index) => [file.path, index]))
  return {
    stored,
    facts,
    had: (path) => places.has(path),
    unchanged: (path, stat, executable) => {
      const index = places.get(path)
      const file = index === undefined ? undefined : files[index]
      if (index === undefined || file === undefined) return undefined
      const at = index * columns
      const same =
        numbers[at] === stat.mtimeMs &&
        numbers[at + 1] === stat.ctimeMs &&
        numbers[at + 2] === stat.ino &&
        file.size === stat.size &&
        file.executable === executable
      return same ? file : undefined
    },
    row: (path) => {
      const at = (places.get(path) ?? files.length) * columns
      const [modified, changed, inode] = numbers.subarray(at, at + columns)
      return modified === undefined || changed === undefined || inode === undefined ? undefined : { modified, changed, inode }
    },
  }
}

/** Replaces the cache. */
export function writeStatCache(state: string, facts: CacheFacts, rows: readonly StatRow[]): void {
  const header = Buffer.from(`  ${JSON.stringify(facts)}`, 'latin1')
  header.writeUInt16BE(header.length - 2)
  const body = Buffer.concat([header, deflateRawSync(packRows(rows), { level: 3 })])
  writeSealed(cachePath(state), magic, body, 0o600)
}

function cachePath(state: string): string {
  return join(state, 'stat-cache')
}

/** Column by column and byte by byte, each row as its difference (exclusive or) from the one before: long runs of zeros deflate well. */
function packRows(rows: readonly StatRow[]): Buffer {
  const numbers = new Float64Array(rows.length * columns)
  for (const [index, row] of rows.entries()) numbers.set([row.modified, row.changed, row.inode], index * columns)
  const bytes = new Uint8Array(numbers.buffer)
  const planes = Buffer.alloc(bytes.length)
  for (let plane = 0; plane < bytesPerRow; plane += 1) {
    for (let row = 0, last = 0; row < rows.length; row += 1) {
      const byte = bytes[row * bytesPerRow + plane] ?? 0
      planes[plane * rows.length + row] = byte ^ last
      last = byte
    }
  }
  return planes
}

function unpackRows(planes: Buffer): Float64Array {
  const rows = Math.floor(planes.length / bytesPerRow)
  const bytes = new Uint8Array(rows * bytesPerRow)
  for (let plane = 0; plane < bytesPerRow; plane += 1) {
    for (let row = 0, last = 0; row < rows; row += 1) {
      last ^= planes[plane * rows + row] ?? 0
      bytes[row * bytesPerRow + plane] = last
    }
  }
  return new Float64Array(bytes.buffer)
}
