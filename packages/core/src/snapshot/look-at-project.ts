import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errorCode } from '../errors.ts'
import type { SnapshotFile } from '../request.ts'
import { findFiles } from './find-files.ts'
import { digestOf } from './manifest.ts'
import { pace } from './pace.ts'
import { unreadableFiles } from './refusals.ts'
import { readStatCache } from './stat-cache.ts'
import type { SnapshotOptions } from './take-snapshot.ts'
import { type TakenSnapshot, describe, entriesOf } from './taken-snapshot.ts'

/**
 * The snapshot that `takeSnapshot` would take now, without storing anything: for a plan, also of a project that may not be written.
 * Errors: as `takeSnapshot`, but for those of storing.
 */
export async function lookAtProject(options: SnapshotOptions): Promise<TakenSnapshot> {
  const directory = resolve(options.directory)
  const state = resolve(options.state)
  const breaks = pace(options.signal)
  const cache = readStatCache(state)
  const found = await findFiles({ directory, state, needed: options.needed, breaks, cache, kept: () => true })
  const files: SnapshotFile[] = []
  const unreadable: { path: string; reason: string }[] = []
  for (const { path, executable } of found.toRead) {
    const read = await digestOfFile(`${directory}/${path}`).catch((error: unknown) => {
      unreadable.push({ path, reason: errorCode(error) ?? String(error) })
    })
    if (read !== undefined) files.push({ kind: 'file', path, executable, ...read })
    options.signal.throwIfAborted()
  }
  if (unreadable.length > 0) throw unreadableFiles(unreadable)
  const entries = entriesOf(found.walked, [...found.unchanged, ...files])
  return describe(found.walked, { digest: digestOf(entries), entries }, files.length)
}

async function digestOfFile(path: string): Promise<{ readonly digest: string; readonly size: number }> {
  if (!(await stat(path)).isFile()) throw new Error('it is no file any more')
  const digesting = createHash('sha256')
  let size = 0
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    digesting.update(piece)
    size += piece.length
  }
  return { digest: `sha256:${digesting.digest('hex')}`, size }
}
