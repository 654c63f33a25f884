import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  createWriteStream,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { symlinkSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ErrandError, errorCode } from '../errors.ts'
import type { Snapshot, SnapshotFile } from '../request.ts'
import type { Progress } from '../target.ts'
import { isFile, type SnapshotEntry } from './manifest.ts'
import { isStored, objectPath, openObject } from './object-store.ts'
import { notWritable } from './sealed-file.ts'

export interface RestoreOptions {
  /** The `.errand` folder that holds the contents. */
  readonly state: string
  readonly snapshot: Snapshot
  /** Made by this; it may be there already as an empty folder. */
  readonly directory: string
  readonly signal: AbortSignal
  report?(progress: Progress): void
}

const namesShown = 10

/**
 * Writes the files of a snapshot into a new folder, each content checked against its digest. The folder appears with everything in it or
 * not at all. Errors: `FOLDER_NOT_EMPTY`, `SNAPSHOT_INCOMPLETE`, `SNAPSHOT_DAMAGED`, `STATE_NOT_WRITABLE`.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<void> {
  const { state, snapshot, signal, report } = options
  const directory = resolve(options.directory)
  refuseFilled(directory)
  refusePathsOutside(snapshot)
  refuseIncomplete(state, snapshot)
  const partial = join(dirname(directory), `.${basename(directory)}.${randomBytes(6).toString('hex')}.partial`)
  const files = snapshot.entries.filter(isFile)
  try {
    mkdirSync(partial, { recursive: true })
    makeFolders(partial, snapshot)
    for (const [done, file] of files.entries()) {
      signal.throwIfAborted()
      report?.({ message: 'Writing files', done, total: files.length, unit: 'files' })
      await writeChecked(state, file, join(partial, file.path))
    }
    makeLinks(partial, snapshot)
    if (statSync(directory, { throwIfNoEntry: false }) !== undefined) rmdirSync(directory)
    renameSync(partial, directory)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw errorCode(error) !== undefined && /^E[A-Z]+$/u.test(errorCode(error) ?? '') ? notWritable(directory, error) : error
  }
}

/**
 * The same tree with the stored contents themselves where the file system can link them: quick, and only for those who read. Who wants
 * to put another file in the place of one removes that first.
 */
export function linkSnapshot(state: string, snapshot: Snapshot, directory: string): void {
  refusePathsOutside(snapshot)
  refuseIncomplete(state, snapshot)
  mkdirSync(directory, { recursive: true })
  makeFolders(directory, snapshot)
  for (const { path, digest } of snapshot.entries.filter(isFile)) linkOrCopy(objectPath(state, digest), join(directory, path))
  makeLinks(directory, snapshot)
}

function linkOrCopy(content: string, path: string): void {
  try {
    linkSync(content, path)
  } catch {
    copyFileSync(content, path)
  }
}

/** Files whose content is not in the store any more, or was changed there. */
function missingContents(state: string, files: readonly SnapshotFile[]): SnapshotFile[] {
  return files.filter(({ digest, size }) => !isStored(state, digest, size))
}

/** Error: `SNAPSHOT_INCOMPLETE`, which names the files. */
export function refuseIncomplete(state: string, snapshot: Snapshot): void {
  const missing = missingContents(state, snapshot.entries.filter(isFile))
  if (missing.length === 0) return
  const names = missing.slice(0, namesShown).map(({ path }) => path)
  const more = missing.length > namesShown ? ` and ${missing.length - namesShown} more` : ''
  throw new ErrandError(
    'SNAPSHOT_INCOMPLETE',
    `The contents of ${names.join(', ')}${more} are missing or changed in ${join(state, 'objects')}.`,
    {
      hint: 'They come back when the same files are submitted again, or from `errand history import`.',
    },
  )
}

function refuseFilled(directory: string): void {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found === undefined) return
  if (found.isDirectory() && readdirSync(directory).length === 0) return
  const what = found.isDirectory() ? 'is there already and is not empty' : 'is a file'
  throw new ErrandError('FOLDER_NOT_EMPTY', `${directory} ${what}. Nothing was written.`, { hint: 'Name a new folder.' })
}

/** A list may come from an imported history: no path of it may lead anywhere else. */
function refusePathsOutside({ digest, entries }: Snapshot): void {
  const links = new Set(entries.filter(({ kind }) => kind === 'link').map(({ path }) => path))
  for (const { path } of entries) {
    const parts = path.split('/')
    const through = parts.slice(0, -1).some((_, index) => links.has(parts.slice(0, index + 1).join('/')))
    const backslash = process.platform === 'win32' && path.includes('\\')
    const wrong = backslash || isAbsolute(path) || /^[A-Za-z]:/u.test(path) || parts.some((part) => ['', '.', '..'].includes(part))
    if (through || wrong) throw damaged(digest, `the path ${JSON.stringify(path)} leads out of it`)
  }
}

function makeFolders(directory: string, { entries }: Snapshot): void {
  const folders = new Set(entries.map((entry) => (entry.kind === 'directory' ? entry.path : dirname(entry.path))))
  for (const folder of folders) mkdirSync(join(directory, folder), { recursive: true })
}

/** After the files, so that nothing is written through one. */
function makeLinks(directory: string, { entries }: Snapshot): void {
  const isLink = (entry: SnapshotEntry) => entry.kind === 'link'
  for (const { path, to } of entries.filter(isLink)) symlinkSync(to, join(directory, path))
}

async function writeChecked(state: string, { path, digest, executable }: SnapshotFile, target: string): Promise<void> {
  const hash = createHash('sha256')
  const source = openObject(state, digest)
  source.on('data', (piece: Buffer) => hash.update(piece))
  await pipeline(source, createWriteStream(target, { flags: 'wx', mode: 0o666 }))
  if (`sha256:${hash.digest('hex')}` !== digest) throw damaged(digest, `the stored content of ${path} was changed`)
  if (executable) chmodSync(target, statSync(target).mode | 0o111)
}

function damaged(digest: string, reason: string): ErrandError {
  return new ErrandError('SNAPSHOT_DAMAGED', `The snapshot ${digest} can't be used: ${reason}.`, {
    hint: 'Submit the project again: that stores the content of the files that it still has.',
  })
}
