import { closeSync, copyFileSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { History } from '../history/index.ts'
import type { Snapshot } from '../request.ts'
import type { Progress } from '../target.ts'
import { objectPath } from '../snapshot/index.ts'
import { exportLines, type OnMissing } from './export-lines.ts'
import { fillNewFolder } from './new-folder.ts'

export interface ExportOptions {
  /** Made by this. */
  readonly directory: string
  /** Oldest first. */
  readonly ids: readonly string[]
  readonly signal: AbortSignal
  /** Told of what is not here any more. */
  readonly onMissing: OnMissing
  /** Told of what can't be read; a run whose record is damaged is left out. */
  readonly onDamaged?: OnMissing
  report(progress: Progress): void
}

const linesAtOnce = 1 << 20

/**
 * Writes runs so that another history, or any other program, can read them: `history.jsonl` with {@link exportLines}, `runs/<id>/` with the
 * files of each run, `objects/<aa>/<digest>` with the contents of the copied project files, each once. Answers the runs that are there.
 */
export function exportArchive(history: History, options: ExportOptions): Promise<readonly string[]> {
  return fillNewFolder(options.directory, async (directory) => {
    const contents = new Set<string>()
    const written = writeLines(history, options, directory, contents)
    let done = 0
    for (const digest of contents) {
      options.signal.throwIfAborted()
      if (done % 100 === 0) options.report({ message: 'copying files', done, total: contents.size, unit: 'files' })
      done += 1
      copyContent(history, directory, digest, options.onMissing)
    }
    for (const id of written) {
      for (const { path } of history.artifacts(id)) {
        options.signal.throwIfAborted()
        copyArtifact(join(history.outputsDirectory(id), path), join(directory, 'runs', id, path), `${path} of ${id}`, options.onMissing)
      }
    }
    return written
  })
}

function writeLines(history: History, options: ExportOptions, directory: string, contents: Set<string>): readonly string[] {
  const { ids, onMissing, onDamaged, signal, report } = options
  const file = openSync(join(directory, 'history.jsonl'), 'wx')
  const onSnapshot = ({ entries }: Snapshot) => {
    for (const entry of entries) if (entry.kind === 'file') contents.add(entry.digest)
  }
  try {
    let text = ''
    const runs: string[] = []
    for (const line of exportLines(history, ids, { onSnapshot, onMissing, onDamaged })) {
      signal.throwIfAborted()
      if (typeof line === 'object' && line !== null && 'type' in line && line['type'] === 'run') {
        report({ message: 'writing runs', done: runs.length, total: ids.length })
        if (typeof line['id'] === 'string') runs.push(line['id'])
      }
      text += `${JSON.stringify(line)}\n`
      if (text.length < linesAtOnce) continue
      writeAll(file, text)
      text = ''
    }
    writeAll(file, text)
    return runs
  } finally {
    closeSync(file)
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written)
}

function copyContent({ directory: state }: History, directory: string, digest: string, onMissing: OnMissing): void {
  const from = objectPath(state, digest)
  if (statSync(from, { throwIfNoEntry: false }) === undefined) return onMissing(`The content ${digest} is gone.`)
  const to = objectPath(directory, digest)
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}

/** What was announced and never came, or was deleted here, is said. */
export function copyArtifact(from: string, to: string, name: string, onMissing: OnMissing): void {
  if (statSync(from, { throwIfNoEntry: false })?.isFile() !== true) return onMissing(`${name} is not in the history.`)
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}
