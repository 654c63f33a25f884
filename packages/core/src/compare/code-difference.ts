import { ErrandError, errorMessage } from '../errors.ts'
import { snapshotDigest, type RunRecord } from '../history/index.ts'
import type { Snapshot, SnapshotFile } from '../request.ts'
import { loadSnapshot } from '../snapshot/index.ts'
import type { ChangedFile, CodeDifference } from './comparison.ts'

type Entry = Snapshot['entries'][number]

export interface CodeOptions {
  /** Add a unified diff to each file that differs; undefined: none. */
  readonly diff?: (before: SnapshotFile | undefined, after: SnapshotFile | undefined) => Promise<string>
  /** Only these paths. */
  readonly files?: readonly string[]
}

/** Refuses files that none of the runs has, if the files of all are known. Error: `COMPARE_FILE_UNKNOWN`. */
export async function checkFiles(state: string, runs: readonly RunRecord[], files: readonly string[]): Promise<void> {
  const known = new Set<string>()
  for (const run of runs) {
    const digest = snapshotDigest(run)
    const snapshot = digest === undefined ? undefined : await loadSnapshot(state, digest).catch(() => undefined)
    if (snapshot === undefined) return
    for (const { path, kind } of snapshot.entries) if (kind !== 'directory') known.add(path)
  }
  const missing = files.filter((file) => !known.has(file))
  if (missing.length === 0) return
  const who = runs.length === 2 ? 'Neither run has' : 'None of the runs has'
  throw new ErrandError('COMPARE_FILE_UNKNOWN', `${who} ${missing.join(' or ')}.`, {
    hint: 'Write the path as it is in the project: folder/file.py',
  })
}

/** Which files differ between the snapshots of two runs. What can't be read is said in words: the rest of a comparison is worth as much. */
export async function codeDifference(
  state: string,
  before: RunRecord,
  after: RunRecord,
  options: CodeOptions = {},
): Promise<CodeDifference> {
  const lists: Entry[][] = []
  for (const run of [before, after]) {
    const digest = snapshotDigest(run)
    if (digest === undefined) return { same: null, reason: `the files of ${run.id} were not recorded` }
    try {
      const { entries } = await loadSnapshot(state, digest)
      lists.push(entries.filter(({ path, kind }) => kind !== 'directory' && (options.files?.includes(path) ?? true)))
    } catch (error) {
      return { same: null, reason: errorMessage(error).replace(/\.$/u, '') }
    }
  }
  const [left = [], right = []] = lists
  return filesDifference(left, right, options.diff)
}

async function filesDifference(left: readonly Entry[], right: readonly Entry[], diff: CodeOptions['diff']): Promise<CodeDifference> {
  const old = new Map(left.map((entry) => [entry.path, entry]))
  const now = new Map(right.map((entry) => [entry.path, entry]))
  const gone = left.filter(({ path }) => !now.has(path))
  const fresh = right.filter(({ path }) => !old.has(path))
  const renamed = renames(gone, fresh)
  const moved = new Set(renamed.flatMap(({ from, to }) => [`-${from}`, `+${to}`]))
  const removed = gone.filter(({ path }) => !moved.has(`-${path}`))
  const added = fresh.filter(({ path }) => !moved.has(`+${path}`))
  const changed: ChangedFile[] = []
  for (const entry of right) {
    const before = old.get(entry.path)
    const change = before === undefined ? undefined : changeOf(before, entry)
    if (before === undefined || change === undefined) continue
    const text = change === 'content' && diff !== undefined ? await diff(fileOf(before), fileOf(entry)) : undefined
    changed.push({ path: entry.path, change, ...(text === undefined ? {} : { diff: text }) })
  }
  const diffs: [string, string][] = []
  if (diff !== undefined) {
    for (const entry of removed) diffs.push([entry.path, await diff(fileOf(entry), undefined)])
    for (const entry of added) diffs.push([entry.path, await diff(undefined, fileOf(entry))])
  }
  const paths = (entries: readonly Entry[]) => entries.map(({ path }) => path)
  const same = changed.length + gone.length + fresh.length === 0
  return {
    same,
    added: paths(added),
    removed: paths(removed),
    renamed,
    changed,
    ...(diff === undefined ? {} : { diffs: Object.fromEntries(diffs) }),
  }
}

function fileOf(entry: Entry): SnapshotFile | undefined {
  return entry.kind === 'file' ? entry : undefined
}

function changeOf(before: Entry, after: Entry): ChangedFile['change'] | undefined {
  if (before.kind === 'file' && after.kind === 'file') {
    if (before.digest !== after.digest) return 'content'
    if (before.executable === after.executable) return undefined
    return after.executable ? 'executable' : 'plain'
  }
  if (before.kind === 'link' && after.kind === 'link' && before.to === after.to) return undefined
  return before.kind === after.kind || before.kind === 'link' || after.kind === 'link' ? 'link' : 'content'
}

/** A file that is gone and one that is new with the same content; of several of one content the first of each side. Empty files are no trace. */
function renames(gone: readonly Entry[], fresh: readonly Entry[]): { from: string; to: string }[] {
  const contents = new Map<string, string[]>()
  for (const entry of gone) {
    if (entry.kind === 'file' && entry.size > 0) contents.set(entry.digest, [...(contents.get(entry.digest) ?? []), entry.path])
  }
  return fresh.flatMap((entry) => {
    const from = entry.kind === 'file' ? contents.get(entry.digest)?.shift() : undefined
    return from === undefined ? [] : [{ from, to: entry.path }]
  })
}
