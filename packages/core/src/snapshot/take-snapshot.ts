import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Snapshot, SnapshotFile } from '../request.ts'
import { findFiles } from './find-files.ts'
import { digestOf, isFile, type SnapshotEntry } from './manifest.ts'
import { isStored, objectsMark } from './object-store.ts'
import { pace } from './pace.ts'
import { type ReadingOptions, readFiles } from './read-files.ts'
import { notWritable, replaceFile } from './sealed-file.ts'
import { readStatCache, type StatCache, type StatRow, writeStatCache } from './stat-cache.ts'
import { storeSnapshot } from './stored-snapshots.ts'
import { type TakenSnapshot, describe, entriesOf } from './taken-snapshot.ts'
import type { WalkResult } from './walk.ts'

export interface SnapshotOptions extends ReadingOptions {
  /** Paths in the project (the script, configuration files) that are sent although an ignore file hides them; a note names them. */
  readonly needed?: readonly string[]
}

/**
 * Records the project as it is now: its list under `snapshots/`, the content of its files under `objects/`. A file that nothing has
 * touched since an earlier snapshot is not read. Several processes may do this at once. Errors: `SNAPSHOT_FILES_UNREADABLE`,
 * `SNAPSHOT_NAMES_NOT_UTF8`, `SNAPSHOT_FILES_CHANGING`, `SNAPSHOT_NEEDED_FILE_LEFT_OUT`, `STATE_NOT_WRITABLE`.
 */
export async function takeSnapshot(options: SnapshotOptions): Promise<TakenSnapshot> {
  options.signal.throwIfAborted()
  const directory = resolve(options.directory)
  const state = resolve(options.state)
  const cache = openState(state)
  const breaks = pace(options.signal)
  // A content may have been removed or cut short since; only then is it worth looking at each.
  const believed = cache === undefined || cache.facts.objects === objectsMark(state)
  const kept = believed ? () => true : ({ digest, size }: SnapshotFile) => isStored(state, digest, size)
  const found = await findFiles({ directory, state, needed: options.needed, breaks, cache, kept })
  const stored = await readFiles(found.toRead, { ...options, directory, state })
  const entries = entriesOf(found.walked, [...found.unchanged, ...stored.files])
  const snapshot = keep(state, entries, cache, stored.rows, followsRules(found.walked, entries))
  return describe(found.walked, snapshot, stored.files.length)
}

/** Makes the folders; answers what is known of the files. */
function openState(state: string): StatCache | undefined {
  try {
    for (const folder of ['objects', 'snapshots']) mkdirSync(join(state, folder), { recursive: true, mode: 0o700 })
    // The folder ignores itself in git.
    if (!existsSync(join(state, '.gitignore'))) replaceFile(join(state, '.gitignore'), '*\n', 0o644)
    return readStatCache(state)
  } catch (cause) {
    throw notWritable(state, cause)
  }
}

/** Stores list and cache, in this order: the cache names the list. Nothing is written when nothing has changed. */
function keep(
  state: string,
  entries: readonly SnapshotEntry[],
  cache: StatCache | undefined,
  rows: ReadonlyMap<string, StatRow>,
  followedRules: boolean,
): Snapshot {
  const snapshot = cache !== undefined && isSame(cache, entries) ? cache.stored.snapshot : { digest: digestOf(entries), entries }
  const facts = { snapshot: snapshot.digest, followedRules, objects: objectsMark(state) }
  if (rows.size === 0 && isDeepStrictEqual(cache?.facts, facts)) return snapshot
  if (snapshot !== cache?.stored.snapshot) storeSnapshot(state, snapshot, cache?.stored.bases ?? [])
  const kept = entries.filter(isFile).map(({ path }) => rows.get(path) ?? cache?.row(path) ?? { modified: 0, changed: 0, inode: 0 })
  writeStatCache(state, facts, kept)
  return snapshot
}

function followsRules(walked: WalkResult, entries: readonly SnapshotEntry[]): boolean {
  const paths = new Set(walked.ignoreFiles)
  for (const entry of entries) if (entry.kind === 'file') paths.delete(entry.path)
  return walked.forced.length === 0 && paths.size === 0
}

function isSame({ stored }: StatCache, entries: readonly SnapshotEntry[]): boolean {
  const before = stored.snapshot.entries
  return before.length === entries.length && before.every((entry, index) => isSameEntry(entry, entries[index]))
}

function isSameEntry(one: SnapshotEntry, other: SnapshotEntry | undefined): boolean {
  return one === other || (other !== undefined && JSON.stringify(one) === JSON.stringify(other))
}
