import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { clientAlive, finalStates, type History, type RunRecord, snapshotDigest } from '../history/index.ts'
import { readStoredChain } from '../snapshot/index.ts'

/** What a history holds that no run needs. */
export interface Unneeded {
  readonly kind: 'contents' | 'snapshots' | 'run folders' | 'unfinished copies'
  readonly count: number
  /** Bytes on disk, as the files say. */
  readonly bytes: number
}

export interface UnneededPlan {
  readonly items: readonly Unneeded[]
  /** Why contents and snapshots stay for now, where they do. */
  readonly kept?: string
}

interface Doomed {
  readonly kind: Unneeded['kind']
  readonly path: string
  readonly bytes: number
}

/** Of the folder that an import makes before it stores a content and removes when it is done. */
export const importPrefix = 'import-'

const day = 24 * 60 * 60 * 1000

/**
 * What may go, without touching it. Errors: `HISTORY_CORRUPT` when a record can't be read: what that run needs is not known, so that nothing
 * may go.
 */
export function planUnneeded(history: History): UnneededPlan {
  const { doomed, kept } = findUnneeded(history)
  return summary(doomed, kept)
}

/**
 * Removes it. Looks again while nobody can create or change a run, and moves what may go aside before anybody else goes on: a submit that
 * begins meanwhile sees a content or has to store it, never one that is about to go.
 */
export function removeUnneeded(history: History): UnneededPlan {
  const aside = join(history.directory, `${asidePrefix}${randomBytes(6).toString('hex')}`)
  const { doomed, kept } = history.exclusively(() => {
    const found = findUnneeded(history)
    if (found.doomed.length > 0) mkdirSync(aside, { mode: 0o700 })
    for (const [index, { path }] of found.doomed.entries()) renameSync(path, join(aside, String(index)))
    return found
  })
  for (const name of namesIn(history.directory)) {
    if (name.startsWith(asidePrefix)) rmSync(join(history.directory, name), { recursive: true, force: true })
  }
  return summary(doomed, kept)
}

const asidePrefix = 'removed-'

function summary(doomed: readonly Doomed[], kept: string | undefined): UnneededPlan {
  const items = new Map<Unneeded['kind'], Unneeded>()
  for (const { kind, bytes } of doomed) {
    const before = items.get(kind) ?? { kind, count: 0, bytes: 0 }
    items.set(kind, { kind, count: before.count + 1, bytes: before.bytes + bytes })
  }
  return { items: [...items.values()], ...(kept === undefined ? {} : { kept }) }
}

function findUnneeded(history: History): { doomed: Doomed[]; kept?: string } {
  const runs = history.list().flatMap(({ id }) => history.get(id) ?? [])
  const always = [...unknownRunFolders(history, runs), ...unfinished(history)]
  const pending = runs.find(isStoringFiles)
  if (pending !== undefined)
    return { doomed: always, kept: `${pending.id} is at work and may be storing files: try again when it has started or ended` }
  if (isImporting(history)) return { doomed: always, kept: 'an import is at work: try again when it is done' }
  const needed = neededBy(history, runs)
  if (typeof needed === 'string') return { doomed: always, kept: needed }
  return { doomed: [...unneededContents(history, needed.contents), ...unneededLists(history, needed.lists), ...always] }
}

/** Between its record and the digest of its files a run's contents are known to nobody else; a prepare may read wheels at any time. */
function isStoringFiles(run: RunRecord): boolean {
  if (finalStates.has(run.state) || snapshotDigest(run) !== undefined) return false
  return run.client !== undefined && clientAlive(run.client) !== false
}

/** What an import has stored is known to nobody else until its run is in the history. One that was killed counts for a day. */
function isImporting({ directory }: History): boolean {
  return namesIn(directory).some((name) => name.startsWith(importPrefix) && !isForgotten(join(directory, name)))
}

/** Hexadecimal digests of the contents and of the lists that runs need, or why that can't be said. */
function neededBy({ directory }: History, runs: readonly RunRecord[]): { contents: Set<string>; lists: Set<string> } | string {
  const contents = new Set<string>()
  const lists = new Set<string>()
  const read = new Set<string>()
  for (const run of runs) {
    for (const digest of localFilesOf(run)) contents.add(hex(digest))
    const digest = snapshotDigest(run)
    if (digest === undefined || read.has(digest)) continue
    read.add(digest)
    const chain = readStoredChain(directory, digest)
    if (chain === 'absent') continue
    if (chain === 'damaged') return `the list of files of ${run.id} can't be read: what it needs is not known`
    for (const list of chain.lists) lists.add(hex(list))
    for (const entry of chain.snapshot.entries) if (entry.kind === 'file') contents.add(hex(entry.digest))
  }
  return { contents, lists }
}

/** Wheels and the like that an environment was made from. */
function localFilesOf({ request }: RunRecord): string[] {
  const { environment } = (request ?? {}) as { readonly environment?: { readonly localFiles?: readonly { readonly digest: string }[] } }
  return environment?.localFiles?.map(({ digest }) => digest) ?? []
}

function hex(digest: string): string {
  return digest.replace(/^sha256:/u, '')
}

function unneededContents({ directory }: History, needed: ReadonlySet<string>): Doomed[] {
  const objects = join(directory, 'objects')
  return namesIn(objects)
    .filter((folder) => /^[0-9a-f]{2}$/u.test(folder))
    .flatMap((folder) => namesIn(join(objects, folder)).map((name) => ({ name, path: join(objects, folder, name) })))
    .filter(({ name }) => !needed.has(name))
    .map(({ path }) => doomedFile('contents', path))
}

function unneededLists({ directory }: History, needed: ReadonlySet<string>): Doomed[] {
  const snapshots = join(directory, 'snapshots')
  return namesIn(snapshots)
    .filter((name) => /^[0-9a-f]{64}$/u.test(name) && !needed.has(name))
    .map((name) => doomedFile('snapshots', join(snapshots, name)))
}

/** Of deleted runs whose folder could not be removed, and of clients that were killed while they deleted. */
function unknownRunFolders(history: History, runs: readonly RunRecord[]): Doomed[] {
  const known = new Set(runs.map(({ id }) => id))
  const folder = join(history.directory, 'runs')
  return namesIn(folder)
    .filter((name) => !known.has(name))
    .map((name) => ({ kind: 'run folders', path: join(folder, name), bytes: bytesBelow(join(folder, name)) }))
}

/** What killed clients have left: nobody has touched it for a day. */
function unfinished({ directory }: History): Doomed[] {
  const inState = namesIn(directory).filter((name) => /^(?:rerun|import)-|\.partial$/u.test(name))
  const inObjects = namesIn(join(directory, 'objects')).filter((name) => name.startsWith('partial-'))
  const inSnapshots = namesIn(join(directory, 'snapshots')).filter((name) => name.endsWith('.partial'))
  const paths = [
    ...inState.map((name) => join(directory, name)),
    ...inObjects.map((name) => join(directory, 'objects', name)),
    ...inSnapshots.map((name) => join(directory, 'snapshots', name)),
  ]
  return paths.filter(isForgotten).map((path) => ({ kind: 'unfinished copies', path, bytes: bytesBelow(path) }))
}

function isForgotten(path: string): boolean {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > day
}

function doomedFile(kind: Unneeded['kind'], path: string): Doomed {
  return { kind, path, bytes: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }
}

function bytesBelow(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 0
  if (!found.isDirectory()) return found.size
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0)
}

function namesIn(directory: string): string[] {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(directory) : []
}
