import { statSync } from 'node:fs'
import { join } from 'node:path'
import { ErrandError } from '../errors.ts'
import type { Snapshot } from '../request.ts'
import { changesBetween, digestOf, hexOf, packList, type SnapshotEntry, unpackList, withChanges } from './manifest.ts'
import { readSealed, writeSealed } from './sealed-file.ts'

/** A stored snapshot together with the full list it is stored against (itself, when it is full). */
export interface StoredSnapshot {
  readonly snapshot: Snapshot
  readonly full: Snapshot
}

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

/** Reads without checking the digest; undefined when the list or its base is absent or damaged. */
export function readStored(state: string, digest: string): StoredSnapshot | undefined {
  const packed = readSealed(snapshotPath(state, digest), magic)
  if (packed === undefined) return undefined
  const list = unpackList(packed)
  if (list.base === undefined) {
    const snapshot = { digest, entries: list.entries }
    return { snapshot, full: snapshot }
  }
  const full = readFull(state, list.base)
  return full && { snapshot: { digest, entries: withChanges(full.entries, list) }, full }
}

/** Stores the snapshot unless it is stored: as its changes against `full` when that takes less than half of the room. */
export function storeSnapshot(state: string, snapshot: Snapshot, full: Snapshot | undefined): void {
  if (readStored(state, snapshot.digest) !== undefined) return
  const packed = packChanges(state, snapshot.entries, full) ?? packList({ removed: [], entries: snapshot.entries })
  writeSealed(snapshotPath(state, snapshot.digest), magic, packed, 0o444)
}

function packChanges(state: string, entries: readonly SnapshotEntry[], full: Snapshot | undefined): Buffer | undefined {
  if (full === undefined) return undefined
  const packed = packList({ base: full.digest, ...changesBetween(full.entries, entries) })
  const fullSize = statSync(snapshotPath(state, full.digest), { throwIfNoEntry: false })?.size ?? 0
  return packed.length * 2 > fullSize ? undefined : packed
}

function readFull(state: string, digest: string): Snapshot | undefined {
  const packed = readSealed(snapshotPath(state, digest), magic)
  const list = packed && unpackList(packed)
  return list === undefined || list.base !== undefined ? undefined : { digest, entries: list.entries }
}

function snapshotPath(state: string, digest: string): string {
  return join(state, 'snapshots', hexOf(digest))
}
