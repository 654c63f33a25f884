import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, rmSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { ReadFile, Snapshot, SnapshotFile } from '../request.ts'
import type { Progress } from '../target.ts'
import { excludedBy } from './excluded-by.ts'
import { digestOf, isFile, type SnapshotEntry, sortEntries } from './manifest.ts'
import { neededPaths } from './needed-paths.ts'
import { notesOf } from './notes.ts'
import { longFile, longFileSize } from './long-file.ts'
import { objectPath, isStored, objectsMark, removeOldPartials } from './object-store.ts'
import { objectWriter, type OnCopy } from './object-writer.ts'
import { pace, type Pace } from './pace.ts'
import { changingFiles, neededLeftOut, undecodedFiles, unreadableFiles } from './refusals.ts'
import { notWritable, replaceFile } from './sealed-file.ts'
import { readStatCache, type StatCache, statRow, type StatRow, writeStatCache } from './stat-cache.ts'
import { storeSnapshot } from './stored-snapshots.ts'
import { type EarlierWalk, type WalkResult, walkProject } from './walk.ts'

export interface SnapshotOptions {
  /** The project. */
  readonly directory: string
  /** The `.errand` folder: contents, stored snapshots and the stat cache live here. Made when it is absent. */
  readonly state: string
  /** Paths in the project (the script, configuration files) that are sent although an ignore file hides them; a note names them. */
  readonly needed?: readonly string[]
  readonly signal: AbortSignal
  report?(progress: Progress): void
  /** Asked before files are read; what it answers is given each file as soon as its content is stored, and a long one before. */
  reading?(files: readonly FoundFile[]): ((file: ReadFile) => void) | undefined
}

export interface TakenSnapshot {
  readonly snapshot: Snapshot
  readonly files: number
  /** Size of all its files together. */
  readonly bytes: number
  /** Files whose content was read this time. */
  readonly read: number
  /** Sentences for the user: what was left out or could surprise. */
  readonly notes: readonly string[]
  /** Only when there are more than 100 MB: the files that have a hundredth of it or more, biggest first, at most ten. */
  readonly largest?: readonly { readonly path: string; readonly size: number }[]
  /** What each ignore file keeps out; what is in a folder that is kept out is not counted. */
  readonly leftOut: readonly LeftOutBy[]
  /** The kind of ignore file that was followed. */
  readonly ignoreFile?: '.amlignore' | '.gitignore'
}

/** What an ignore file (`data/.gitignore`) keeps out. */
export interface LeftOutBy {
  readonly by: string
  readonly files: number
  readonly folders: number
}

export interface FoundFile {
  readonly path: string
  readonly size: number
  readonly executable: boolean
}

const manyBytes = 100_000_000

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

/** What a caller is told of a snapshot of which `read` files were read. */
export function describe(walked: WalkResult, snapshot: Snapshot, read: number): TakenSnapshot {
  const files = snapshot.entries.filter(isFile)
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  return {
    snapshot,
    files: files.length,
    bytes,
    read,
    notes: notesOf(walked),
    leftOut: leftOutBy(walked),
    ...(bytes > manyBytes && { largest: largestOf(files, bytes / 100) }),
    ...(walked.ignoreFile !== undefined && { ignoreFile: walked.ignoreFile }),
  }
}

function leftOutBy({ ignored }: WalkResult): readonly LeftOutBy[] {
  const counts = new Map<string, LeftOutBy>()
  for (const { line, isFolder } of ignored) {
    const by = line.replace(/:\d+$/, '')
    const { files, folders } = counts.get(by) ?? { files: 0, folders: 0 }
    counts.set(by, { by, files: files + (isFolder ? 0 : 1), folders: folders + (isFolder ? 1 : 0) })
  }
  return [...counts.values()]
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

export interface Found {
  readonly walked: WalkResult
  readonly unchanged: readonly SnapshotFile[]
  readonly toRead: readonly FoundFile[]
}

export interface FindingOptions {
  readonly directory: string
  readonly state: string
  readonly needed: readonly string[] | undefined
  readonly breaks: Pace
  readonly cache: StatCache | undefined
  /** Whether the content of a file that the cache knows is still stored. */
  kept(file: SnapshotFile): boolean
}

/** Goes through the project; what the cache knows needs no reading. */
export async function findFiles({ directory, state, needed: wanted, breaks, cache, kept }: FindingOptions): Promise<Found> {
  const needed = neededPaths(wanted ?? [])
  const unchanged: SnapshotFile[] = []
  const toRead: FoundFile[] = []
  const absent = new Set(needed.paths)
  const onFile = (path: string, stat: Stats): void => {
    absent.delete(path)
    const executable = isExecutable(stat)
    const file = cache?.unchanged(path, stat, executable)
    if (file === undefined || !kept(file)) toRead.push({ path, size: stat.size, executable })
    else unchanged.push(file)
  }
  const earlier = cache?.facts.followedRules === true ? earlierWalk(cache) : undefined
  const walked = await walkProject({ directory, state, needed, pace: breaks, onFile, ...(earlier && { earlier }) })
  if (walked.undecoded.length > 0) throw undecodedFiles(walked.undecoded)
  if (walked.unreadable.length > 0) throw unreadableFiles(walked.unreadable)
  await refuseAbsent(directory, absent, [...unchanged, ...toRead, ...walked.links, ...walked.emptyFolders.map((path) => ({ path }))])
  return { walked, unchanged, toRead }
}

function earlierWalk(cache: StatCache): EarlierWalk {
  return { had: cache.had, keeps: (path, stat) => cache.unchanged(path, stat, isExecutable(stat)) !== undefined }
}

// Windows has no such bit: there every file is plain.
function isExecutable(stat: Stats): boolean {
  return process.platform !== 'win32' && (stat.mode & 0o100) !== 0
}

async function refuseAbsent(directory: string, absent: ReadonlySet<string>, present: readonly { readonly path: string }[]): Promise<void> {
  for (const path of absent) {
    const there = present.some((entry) => entry.path === path || entry.path.startsWith(`${path}/`))
    if (!there) throw neededLeftOut(path, await excludedBy(directory, path))
  }
}

interface ReadFiles {
  readonly files: readonly SnapshotFile[]
  readonly rows: ReadonlyMap<string, StatRow>
}

async function readFiles(toRead: readonly FoundFile[], options: SnapshotOptions): Promise<ReadFiles> {
  const files: SnapshotFile[] = []
  const rows = new Map<string, StatRow>()
  if (toRead.length === 0) return { files, rows }
  const { directory, state, signal } = options
  removeOldPartials(state)
  const readAfter = fileSystemTime(state)
  const give = options.reading?.(toRead)
  // Whoever takes the files needs the thread between them.
  const breaks = give === undefined ? pace(signal) : pace(signal, sharedStretch)
  const writer = objectWriter({ state, pace: breaks, onRead: progressOf(toRead, options.report) })
  const unreadable: { path: string; reason: string }[] = []
  const changing: string[] = []
  for (const { path } of toRead) {
    let given: string | undefined
    const onCopy: OnCopy = ({ path: partial, stat }) => {
      if (give === undefined || stat.size < longFileSize) return undefined
      const long = longFile({ path, size: stat.size, executable: isExecutable(stat) }, partial, (digest) => objectPath(state, digest))
      give(long)
      return {
        grown: long.grown,
        ended(digest) {
          given = digest
          long.ended(digest)
        },
      }
    }
    const outcome = await writer.store(`${directory}/${path}`, onCopy)
    if (outcome.kind === 'unreadable') unreadable.push({ path, reason: outcome.reason })
    if (outcome.kind === 'changing') changing.push(path)
    if (outcome.kind !== 'stored') continue
    const { digest, size, stat } = outcome
    const file = { kind: 'file', path, size, executable: isExecutable(stat), digest } as const
    files.push(file)
    rows.set(path, statRow(stat, readAfter))
    if (given !== digest) give?.(file)
  }
  if (unreadable.length > 0) throw unreadableFiles(unreadable)
  if (changing.length > 0) throw changingFiles(changing)
  return { files, rows }
}

/** Milliseconds. */
const sharedStretch = 3

/** What time it is for the file system, which may not be what the clock of this machine says. Milliseconds. */
function fileSystemTime(state: string): number {
  const path = join(state, `${process.pid}-${randomBytes(6).toString('hex')}.partial`)
  const opened = openSync(path, 'wx', 0o600)
  try {
    return fstatSync(opened).mtimeMs
  } finally {
    closeSync(opened)
    rmSync(path, { force: true })
  }
}

const reportEvery = 100

function progressOf(toRead: readonly FoundFile[], report: SnapshotOptions['report']): (bytes: number) => void {
  const total = toRead.reduce((sum, file) => sum + file.size, 0)
  let done = 0
  let last = performance.now()
  return (bytes) => {
    done += bytes
    if (report === undefined || performance.now() - last < reportEvery) return
    last = performance.now()
    report({ message: 'Copying the project', done: Math.min(done, total), total, unit: 'bytes' })
  }
}

export function entriesOf(walked: WalkResult, files: readonly SnapshotFile[]): SnapshotEntry[] {
  return sortEntries([
    ...files,
    ...walked.links.map(({ path, to }) => ({ kind: 'link' as const, path, to })),
    ...walked.emptyFolders.map((path) => ({ kind: 'directory' as const, path })),
  ])
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

function largestOf(files: readonly SnapshotFile[], least: number): { path: string; size: number }[] {
  return files
    .filter(({ size }) => size >= least)
    .toSorted((one, other) => other.size - one.size)
    .slice(0, 10)
    .map(({ path, size }) => ({ path, size }))
}
