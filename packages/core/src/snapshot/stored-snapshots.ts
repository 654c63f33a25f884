import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ErrandError } from '../errors.ts'
import type { Snapshot } from '../request.ts'
import { changesBetween, digestOf, hexOf, packList, unpackList, withChanges } from './manifest.ts'
import { readSealed, writeSealed } from './sealed-file.ts'

/** A stored snapshot with the lists that the next one can be stored against, nearest first; the last of them is a full list. */
export interface StoredSnapshot {
  readonly snapshot: Snapshot
  readonly bases: readonly Snapshot[]
}

// A full list, changes against it, and changes against those: three files make a snapshot at most.
const mostBases = 2

const magic = 'ERRSNAP1'

/** The snapshot of that digest that an earlier `takeSnapshot` stored. Errors: `SNAPSHOT_MISSING`, `SNAPSHOT_DAMAGED`. */
export async function loadSnapshot(state: string, digest: string): Promise<Snapshot> {
  const stored = readStored(state, digest)
  if (stored === undefined) {
    throw new ErrandError(
      'SNAPSHOT_MISSING',
      `The snapshot ${digest} is not in ${join(state, 'snapshots')}, or it or its base is damaged.`,
      {
        hint: 'Submit the project again: that makes a new snapshot of it as it is now.',
      },
    )
  }
  if (digestOf(stored.snapshot.entries) !== digest) {
    throw new ErrandError('SNAPSHOT_DAMAGED', `The list ${snapshotPath(state, digest)} does not have the digest of its name.`, {
      hint: `Remove that file and submit the project again.`,
    })
  }
  return stored.snapshot
}

/** Whether a list from elsewhere is one, and has the digest that it names. */
export function isSnapshotDigest(snapshot: Snapshot): boolean {
  const { digest, entries } = snapshot
  try {
    return typeof digest === 'string' && Array.isArray(entries) && digestOf(entries) === digest
  } catch {
    return false
  }
}

/** Stores a list from elsewhere unless it is stored. */
export function keepSnapshot(state: string, snapshot: Snapshot): void {
  mkdirSync(join(state, 'snapshots'), { recursive: true, mode: 0o700 })
  storeSnapshot(state, snapshot, [])
}

/** A snapshot with the digests of all lists that it is read from, its own among them. `damaged`: one of these is there and can't be read. */
export function readStoredChain(state: string, digest: string): { snapshot: Snapshot; lists: readonly string[] } | 'absent' | 'damaged' {
  const stored = readStored(state, digest)
  if (stored !== undefined) return { snapshot: stored.snapshot, lists: listsOf(state, digest) }
  return statSync(snapshotPath(state, digest), { throwIfNoEntry: false }) === undefined ? 'absent' : 'damaged'
}

function listsOf(state: string, digest: string): string[] {
  const base = readSealed(snapshotPath(state, digest), magic, unpackList)?.base
  return base === undefined ? [digest] : [digest, ...listsOf(state, base)]
}

/** Reads without checking the digest; undefined when the list or its base is absent or damaged. */
export function readStored(state: string, digest: string): StoredSnapshot | undefined {
  const list = readSealed(snapshotPath(state, digest), magic, unpackList)
  if (list === undefined) return undefined
  const below = list.base === undefined ? [] : readStored(state, list.base)?.bases
  if (below === undefined) return undefined
  const snapshot = { digest, entries: below[0] === undefined ? list.entries : withChanges(below[0].entries, list) }
  return { snapshot, bases: below.length < mostBases ? [snapshot, ...below] : below }
}

/**
 * Stores the snapshot unless it is stored: as changes against the nearest base when those are far fewer than against the full list,
 * else against the full list when that takes less than half of its room, else full. So neither the same file changed many times nor
 * another one each time makes the lists grow faster than the project.
 */
export function storeSnapshot(state: string, snapshot: Snapshot, bases: readonly Snapshot[]): void {
  if (readStored(state, snapshot.digest) !== undefined) return
  const full = bases.at(-1)
  const near = bases.length === mostBases ? packChanges(snapshot, bases[0]) : undefined
  const far = packChanges(snapshot, full)
  const limit = full === undefined ? 0 : sizeOfStored(state, full.digest) / 2
  const changes = near !== undefined && far !== undefined && near.length * 4 <= far.length ? near : far
  const packed = changes !== undefined && changes.length <= limit ? changes : packList({ removed: [], entries: snapshot.entries })
  writeSealed(snapshotPath(state, snapshot.digest), magic, packed, 0o444)
}

function packChanges({ entries }: Snapshot, base: Snapshot | undefined): Buffer | undefined {
  return base && packList({ base: base.digest, ...changesBetween(base.entries, entries) })
}

function sizeOfStored(state: string, digest: string): number {
  return statSync(snapshotPath(state, digest), { throwIfNoEntry: false })?.size ?? 0
}

function snapshotPath(state: string, digest: string): string {
  return join(state, 'snapshots', hexOf(digest))
}
