import { mkdirSync, rmSync, statSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ErrandError } from '../errors.ts'
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
}

/**
 * Takes over the runs of an export that are not here, each whole or not at all. Everything in the file is checked first: nothing is imported
 * from one that has a problem. A run that had not ended is `lost` here. Runs keep their numbers where these are free. Errors: `ARCHIVE_MISSING`, `ARCHIVE_INVALID`, `OBJECT_DAMAGED`.
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
  const imported: string[] = []
  const skipped: string[] = []
  const here = new Set(history.list({}, () => {}).map(({ id }) => id))
  let open: OpenRun | undefined
  const close = () => {
    if (open === undefined) return
    finishRun(history, open, options)
    imported.push(open.run.id)
    open = undefined
  }
  try {
    // Before the first content is looked for: while this folder is there, a `gc` leaves contents alone.
    history.exclusively(() => mkdirSync(aside, { mode: 0o700 }))
    for await (const { line } of readLines(file)) {
      options.signal.throwIfAborted()
      if (typeof line === 'string') continue
      if (line.type === 'log') {
        if (open?.run.id === line.run) appendLog(open, line)
        continue
      }
      close()
      if (line.type === 'snapshot') importSnapshot(history, line.snapshot, options)
      if (line.type !== 'run') continue
      if (here.has(line.run.id)) skipped.push(line.run.id)
      else open = openRun(line.run, aside)
      options.report({ message: 'importing runs', done: imported.length + skipped.length })
    }
    close()
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return { imported, skipped }
}

function importSnapshot(history: History, snapshot: Snapshot, { directory, onMissing }: ImportOptions): void {
  for (const entry of snapshot.entries) {
    if (entry.kind !== 'file' || copyObject(directory, history.directory, entry)) continue
    onMissing(`The content of ${entry.path} is not in the export: what needs it can't be run again.`)
  }
  keepSnapshot(history.directory, snapshot)
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
