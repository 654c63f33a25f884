import type { Snapshot, SnapshotFile } from '../request.ts'
import { isFile, type SnapshotEntry, sortEntries } from './manifest.ts'
import { notesOf } from './notes.ts'
import type { WalkResult } from './walk.ts'

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

const manyBytes = 100_000_000

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

/** The list of a snapshot: these files, and the links and empty folders that were found. */
export function entriesOf(walked: WalkResult, files: readonly SnapshotFile[]): SnapshotEntry[] {
  return sortEntries([
    ...files,
    ...walked.links.map(({ path, to }) => ({ kind: 'link' as const, path, to })),
    ...walked.emptyFolders.map((path) => ({ kind: 'directory' as const, path })),
  ])
}

function largestOf(files: readonly SnapshotFile[], least: number): { path: string; size: number }[] {
  return files
    .filter(({ size }) => size >= least)
    .toSorted((one, other) => other.size - one.size)
    .slice(0, 10)
    .map(({ path, size }) => ({ path, size }))
}
