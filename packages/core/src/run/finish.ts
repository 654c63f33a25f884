import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, posix } from 'node:path'
import { errorCode } from '../errors.ts'
import { historyError } from '../history/database.ts'
import type { Artifact, History, RunRecord, RunState } from '../history/index.ts'
import type { CallOptions, RunHandle, RunStatus } from '../target.ts'
import { missingFileNote } from './missing-file.ts'
import { isDriven } from './settled.ts'
import { storedRequest } from './stored-request.ts'

const finalState: Readonly<Record<string, RunState>> = { completed: 'completed', failed: 'failed', cancelled: 'cancelled', lost: 'lost' }

/**
 * Collects, records, then removes: in this order, so that a client killed anywhere between leaves nothing that the next look can't finish.
 * What a collect had brought only in part when it was killed is brought again.
 */
export async function finish(
  history: History,
  run: RunRecord,
  handle: RunHandle,
  status: RunStatus,
  options: CallOptions,
): Promise<RunRecord> {
  const state = finalState[status.state] ?? 'failed'
  if (storedRequest(run)?.tracked === false) return forget(history, run, status)
  let left: readonly string[] = []
  if (!run.collected && status.state !== 'lost') {
    history.update(run.id, { state: 'finalizing' }, (current) => current.state !== state)
    left = await collectInto(history, run, handle, options)
  }
  const isShared = history.isShared(run) && !run.removed
  const notes = [
    ...left,
    ...(isShared ? [sharedNote(run)] : []),
    ...notesOn(run, status),
    ...(await missingFileNote(dirname(history.directory), status)),
  ]
  const ended = history.update(run.id, {
    state,
    status,
    collected: true,
    ...reasonOf(status),
    ...(notes.length > 0 ? { addNotes: notes } : {}),
  })
  // Whoever has collected it removes it, and knows what has to stay there.
  if (run.collected || run.removed || left.length > 0 || isShared) return ended
  // The record is complete: a place that can't be reached now keeps a folder that `clean` finds, and the run is what it is.
  await handle.remove(options).then(
    () => history.update(run.id, { removed: true }),
    () => undefined,
  )
  return history.get(run.id) ?? ended
}

function reasonOf(status: RunStatus): { reason?: string } {
  return 'reason' in status ? { reason: status.reason } : {}
}

/** A run without a record: its files stay where it ran. The process that drives it has to see its end and is the one that forgets it. */
function forget(history: History, run: RunRecord, status: RunStatus): RunRecord {
  if (!isDriven(run)) history.delete(run.id)
  return withEnd(run, status)
}

/** A record as it would be, had it not been forgotten. */
export function withEnd(run: RunRecord, status: RunStatus): RunRecord {
  return { ...run, state: finalState[status.state] ?? run.state, status, collected: true, ...reasonOf(status) }
}

/**
 * Several clients may end one run at the same moment, and the place forgets it when the first of them is done: the files of whoever has
 * brought all of them first stay, since a later collect may have found less. Answers what is to be said of files that could not come.
 */
async function collectInto(history: History, run: RunRecord, handle: RunHandle, options: CallOptions): Promise<readonly string[]> {
  const target = history.outputsDirectory(run.id)
  const arriving = join(dirname(target), `.${basename(target)}-${randomUUID()}`)
  await mkdir(arriving, { recursive: true })
  let left: readonly string[] = []
  try {
    left = await handle.collect(arriving, { ...options, include: storedRequest(run)?.outputs ?? [] }).then(() => [], pathsTooLong)
    // Fails when the other's folder is there with something in it.
    await rename(arriving, target)
  } catch (error) {
    await rm(arriving, { recursive: true, force: true })
    if (!existsSync(target)) throw historyError(error, target)
  }
  await removeArrivals(dirname(target), basename(target))
  history.setArtifacts(run.id, listFiles(target))
  return left
}

/** The one failure behind which all the other files are here: no later collect could bring more. */
function pathsTooLong(error: unknown): readonly string[] {
  if (!(error instanceof Error) || errorCode(error) !== 'PATHS_TOO_LONG') throw error
  return [error.message, ...('hint' in error && typeof error.hint === 'string' ? [error.hint] : [])]
}

/** What killed clients left half-brought. */
async function removeArrivals(directory: string, name: string): Promise<void> {
  for (const entry of await readdir(directory))
    if (entry.startsWith(`.${name}-`)) await rm(join(directory, entry), { recursive: true, force: true, maxRetries: 3 })
}

/** Regular files below a folder. Node's own recursive listing follows links to folders, and a script may have made a circle of them. */
function listFiles(directory: string): Artifact[] {
  const below = (folder: string): string[] =>
    readdirSync(join(directory, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = posix.join(folder, entry.name)
      if (entry.isDirectory()) return below(path)
      return entry.isFile() ? [path] : []
    })
  return below('')
    .toSorted()
    .map((path) => ({ path, size: statSync(join(directory, path)).size }))
}

const sharedNote = ({ id, target }: RunRecord): string =>
  `The history was copied, or moved to another disk, while the run went on. The run stays on ${target.name} for the other history; to remove it there: errand clean ${id}`

function notesOn(run: RunRecord, status: RunStatus): readonly string[] {
  return [...clockNote(run, status), ...importNote(run, status), ...interpreterNote(run, status)]
}

/** An interpreter of another machine is what a project of somebody else's names first: where it is named. */
function interpreterNote(run: RunRecord, status: RunStatus): readonly string[] {
  const environment = storedRequest(run)?.environment
  if (status.state !== 'failed' || environment?.kind !== 'user-managed' || !/^(?:No|The) Python interpreter /.test(status.reason)) return []
  const ofRunConfiguration = environment.python !== undefined && run.runConfiguration !== undefined
  const place = ofRunConfiguration ? `interpreterPath in ${run.runConfiguration}.runconfig` : `pythonLocation in ${run.target.name}.compute`
  return [`Name one that is there, or python for the first in the PATH: ${place}`]
}

/** Milliseconds by which clocks may differ without a word. */
const clockTolerance = 60_000

/** Times of a run are its place's: when its clock and ours can't both be right, that is said. */
function clockNote({ createdAt, target }: RunRecord, { startedAt, endedAt }: RunStatus, now = Date.now()): readonly string[] {
  const behind = startedAt === undefined ? 0 : Date.parse(createdAt) - Date.parse(startedAt)
  const ahead = endedAt === undefined ? 0 : Date.parse(endedAt) - now
  const [difference, word] = behind > ahead ? [behind, 'behind'] : [ahead, 'ahead of']
  if (difference <= clockTolerance) return []
  const minutes = Math.round(difference / 60_000)
  const amount = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
  return [
    `The clock of ${target.name} is ${amount} ${word} this machine's. The times of the run are those of its place; its duration is right.`,
  ]
}

/** A failed import beside a dependency file that this target does not use: the likely cause, said where it is looked for. */
function importNote(run: RunRecord, status: RunStatus): readonly string[] {
  const file = storedRequest(run)?.unusedEnvironmentFile
  if (status.state !== 'failed' || file === undefined || !/ModuleNotFoundError|ImportError/.test(status.reason)) return []
  return [
    `${file} is not used on ${run.target.name}, which runs your own Python as it is. Install the package there, or use a docker target, which builds what the file lists.`,
  ]
}
