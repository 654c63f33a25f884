import { mkdirSync, rmSync, statSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ErrandError, errorCode, errorMessage } from '../errors.ts'
import { encodeEvents, type History, type ImportedRun, writeLog } from '../history/index.ts'
import type { Snapshot } from '../request.ts'
import { copyObject, keepSnapshot } from '../snapshot/index.ts'
import type { Progress } from '../target.ts'
import { type ArchiveLine, checkArchive, readLines } from './archive-lines.ts'
import { copyArtifact } from './export-archive.ts'
import type { OnMissing } from './export-lines.ts'
import { importPrefix } from './unneeded.ts'

export interface ImportOptions {
  /** What `history export` has written. */
  readonly directory: string
  readonly signal: AbortSignal
  readonly onMissing: OnMissing
  report(progress: Progress): void
}

export interface Imported {
  readonly imported: readonly string[]
  /** There already, and left as they are. */
  readonly skipped: readonly string[]
  /** Not taken over: runs, and contents of copied files, that are damaged in the export. */
  readonly left: readonly { readonly run?: string; readonly reason: string }[]
}

/**
 * Takes over the runs of an export that are not here, each whole or not at all. Everything in `history.jsonl` is checked first: nothing is
 * imported when that has a problem. What is damaged in the folders beside it is left out and told, and the rest is imported. A run that had
 * not ended is `lost` here. Runs keep their numbers where these are free. Errors: `ARCHIVE_MISSING`, `ARCHIVE_INVALID`.
 */
export async function importArchive(history: History, options: ImportOptions): Promise<Imported> {
  const file = join(options.directory, 'history.jsonl')
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new ErrandError('ARCHIVE_MISSING', `There is no file ${file}.`, {
      hint: 'Name a folder that `errand history export` has written.',
    })
  }
  await checkArchive(file)
  const aside = join(history.directory, `${importPrefix}${randomBytes(6).toString('hex')}`)
  try {
    // Before the first content is looked for: while this folder is there, a `gc` leaves contents alone.
    history.exclusively(() => mkdirSync(aside, { mode: 0o700 }))
    return await takeOver(history, file, aside, options)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

/** The lines of an export, one after another: those of a run come before the next run, and the run is imported behind its last. */
async function takeOver(history: History, file: string, aside: string, options: ImportOptions): Promise<Imported> {
  const imported: string[] = []
  const skipped: string[] = []
  const left: Imported['left'][number][] = []
  const here = new Set(history.list({}, () => {}).map(({ id }) => id))
  let open: OpenRun | undefined
  const close = (complete: OpenRun | undefined) => {
    open = undefined
    if (complete === undefined) return
    const reason = unlessDamaged(() => finishRun(history, complete, options))
    if (reason === undefined) imported.push(complete.run.id)
    else left.push({ run: complete.run.id, reason })
  }
  for await (const { line } of readLines(file)) {
    options.signal.throwIfAborted()
    if (typeof line === 'string') continue
    if (line.type === 'log') {
      if (open?.run.id === line.run) appendLog(open, line)
      continue
    }
    close(open)
    if (line.type === 'snapshot') left.push(...importSnapshot(history, line.snapshot, options))
    if (line.type !== 'run') continue
    if (here.has(line.run.id)) skipped.push(line.run.id)
    else open = openRun(line.run, aside)
    options.report({ message: 'importing runs', done: imported.length + skipped.length })
  }
  close(open)
  return { imported, skipped, left }
}

/** What a damaged export leads to, or what stands where a run would come: other contents, files and folders in each other's place. */
const damages = new Set(['OBJECT_DAMAGED', 'RUN_EXISTS', 'EEXIST', 'EISDIR', 'ENOTDIR', 'ENOENT', 'ENOTEMPTY', 'EINVAL', 'ENAMETOOLONG'])

/** The reason why it could not be done, when that is in the export. A full disk is not. */
function unlessDamaged(work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (!damages.has(errorCode(error) ?? '')) throw error
    return errorMessage(error)
  }
}

function importSnapshot(history: History, snapshot: Snapshot, { directory, onMissing }: ImportOptions): Imported['left'] {
  const left: { reason: string }[] = []
  for (const entry of snapshot.entries) {
    if (entry.kind !== 'file') continue
    let isThere = true
    const reason = unlessDamaged(() => (isThere = copyObject(directory, history.directory, entry)))
    if (reason !== undefined) left.push({ reason: `${entry.path}: ${reason} What needs it can't be run again.` })
    if (!isThere) onMissing(`The content of ${entry.path} is not in the export: what needs it can't be run again.`)
  }
  keepSnapshot(history.directory, snapshot)
  return left
}

interface OpenRun {
  readonly run: ImportedRun
  /** Becomes the folder of the run. */
  readonly folder: string
  size: number
}

function openRun(run: ImportedRun, aside: string): OpenRun {
  const folder = join(aside, run.id)
  mkdirSync(folder, { recursive: true })
  return { run, folder, size: 0 }
}

function appendLog(open: OpenRun, line: Extract<ArchiveLine, { type: 'log' }>): void {
  const { stream, at, data } = line
  const { bytes } = encodeEvents([{ type: 'log', cursor: '', at, stream, data }])
  open.size = writeLog(join(open.folder, 'log'), bytes, open.size) ?? open.size
}

function finishRun(history: History, { run, folder, size }: OpenRun, { directory, onMissing }: ImportOptions): void {
  for (const { path } of run.artifacts) {
    copyArtifact(join(directory, 'runs', run.id, path), join(folder, 'files', path), `${path} of ${run.id}`, onMissing)
  }
  history.import({ ...run, log: { ...run.log, size } }, folder)
}
