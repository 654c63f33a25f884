import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadFile, SnapshotFile } from '../request.ts'
import type { Progress } from '../target.ts'
import { type FoundFile, isExecutable } from './find-files.ts'
import { longFile, longFileSize } from './long-file.ts'
import { objectPath, removeOldPartials } from './object-store.ts'
import { objectWriter, type OnCopy } from './object-writer.ts'
import { pace } from './pace.ts'
import { changingFiles, unreadableFiles } from './refusals.ts'
import { statRow, type StatRow } from './stat-cache.ts'

export interface ReadingOptions {
  /** The project. */
  readonly directory: string
  /** The `.errand` folder: contents, stored snapshots and the stat cache live here. Made when it is absent. */
  readonly state: string
  readonly signal: AbortSignal
  report?(progress: Progress): void
  /** Asked before files are read; what it answers is given each file as soon as its content is stored, and a long one before. */
  reading?(files: readonly FoundFile[]): ((file: ReadFile) => void) | undefined
}

interface ReadFiles {
  readonly files: readonly SnapshotFile[]
  readonly rows: ReadonlyMap<string, StatRow>
}

/** Stores the contents of files, and what the stat cache shall know of them. */
export async function readFiles(toRead: readonly FoundFile[], options: ReadingOptions): Promise<ReadFiles> {
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

function progressOf(toRead: readonly FoundFile[], report: ReadingOptions['report']): (bytes: number) => void {
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
