import { closeSync, mkdirSync, openSync, readSync, statSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { ErrandError, errorCode, errorMessage, exitCodes } from '../errors.ts'
import type { Migration } from './schema.ts'

/** How long a write waits for those of other processes, in milliseconds. */
const busyTimeout = 30_000

export interface HistoryDatabase {
  readonly file: string
  /** Prepared once for each text. */
  statement(sql: string): StatementSync
  /** One write transaction; with `durable` it has reached the disk when this returns. A throw takes everything back. */
  write<Result>(work: () => Result, options?: { readonly durable?: boolean }): Result
  close(): void
}

/** Opens the file; where nothing can be written beside it (a full disk, one that can only be read), what it holds can still be read. */
export function openDatabase(file: string, migrations: readonly Migration[]): HistoryDatabase {
  try {
    return openForWriting(file, migrations)
  } catch (error) {
    const database = isRefusedWrite(error) ? openUnchanging(file, migrations.length) : undefined
    if (database === undefined) throw error
    const refuse = (): never => {
      throw error
    }
    return { file, statement: statementsOf(database), write: refuse, close: () => database.close() }
  }
}

/**
 * Brings the file to the newest version. One that a newer errand has written is refused before it is opened for writing, because that alone
 * would change files beside it.
 */
function openForWriting(file: string, migrations: readonly Migration[]): HistoryDatabase {
  makeDirectory(dirname(file))
  refuseNewerVersion(file, migrations.length)
  const database = new DatabaseSync(file, { timeout: busyTimeout })
  try {
    enterWriteAheadLog(database)
    database.exec('PRAGMA synchronous = NORMAL')
    migrate(database, file, migrations)
  } catch (error) {
    database.close()
    throw error
  }
  return historyDatabase(database, file, migrations.length)
}

/**
 * The file as something that nobody changes: SQLite then needs no files beside it. Undefined when that would not be the whole history, because
 * a part is in the write-ahead log or because it is of another version.
 */
function openUnchanging(file: string, version: number): DatabaseSync | undefined {
  if (size(file) === 0 || size(`${file}-wal`) > 0) return undefined
  const location = pathToFileURL(file)
  location.searchParams.set('immutable', '1')
  const database = new DatabaseSync(location, { readOnly: true })
  if (versionOf(database) === version) return database
  database.close()
  return undefined
}

function statementsOf(database: DatabaseSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const made = database.prepare(sql)
    statements.set(sql, made)
    return made
  }
}

function historyDatabase(database: DatabaseSync, file: string, version: number): HistoryDatabase {
  const write = <Result>(work: () => Result, options: { readonly durable?: boolean } = {}): Result => {
    refuseMoved(file)
    if (options.durable) database.exec('PRAGMA synchronous = FULL')
    try {
      return transaction(database, () => {
        // A newer errand may have migrated the file since it was opened.
        refuseVersion(file, versionOf(database), version)
        return work()
      })
    } finally {
      if (options.durable) database.exec('PRAGMA synchronous = NORMAL')
    }
  }
  return { file, statement: statementsOf(database), write, close: () => database.close() }
}

/** The open file goes along with its folder, but logs and files are found by their names: they would be left behind, in new folders. */
function refuseMoved(file: string): void {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return
  throw new ErrandError('HISTORY_MOVED', `${file} is not there any more: the project was moved or renamed, or its history was deleted.`, {
    hint: 'What is recorded is as it was. Go on in the folder where the project is now.',
  })
}

function transaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** The `.errand` folder ignores itself in git. A file of that name that is there stays. */
function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true })
  try {
    writeFileSync(join(directory, '.gitignore'), '*\n', { flag: 'wx' })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

/**
 * Looks without any trace. What is only in the write-ahead log (a client died right after it had migrated) needs a second look, read-only,
 * so that closing does not move it into the file.
 */
function refuseNewerVersion(file: string, known: number): void {
  if (size(file) === 0) return
  refuseVersion(file, versionInHeader(file), known)
  if (size(`${file}-wal`) > 0) refuseVersion(file, versionAt(file), known)
}

/**
 * `user_version` as the file alone has it: four bytes at offset 60 (https://www.sqlite.org/fileformat2.html). Read without SQLite, which
 * takes a file for damaged that it may not lock and that another process writes. 0 for what is no database: opening it says that.
 */
function versionInHeader(file: string): number {
  const header = Buffer.alloc(64)
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    readSync(descriptor, header, 0, header.length, 0)
  } catch {
    return 0
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
  return header.toString('latin1', 0, 16) === 'SQLite format 3\0' ? header.readInt32BE(60) : 0
}

function versionAt(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true, timeout: busyTimeout })
  try {
    return versionOf(database)
  } finally {
    database.close()
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
}

function refuseVersion(file: string, version: number, known: number): void {
  if (version <= known) return
  throw new ErrandError('HISTORY_TOO_NEW', `${file} has version ${version} of the history; this errand knows versions up to ${known}.`, {
    hint: 'Use the newer errand that wrote it. Nothing was changed.',
  })
}

/** The switch to WAL does not wait for other processes by itself: several may make the same new file. */
function enterWriteAheadLog(database: DatabaseSync): void {
  const end = Date.now() + busyTimeout
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (;;) {
    try {
      if (database.prepare('PRAGMA journal_mode').get()?.['journal_mode'] !== 'wal') database.exec('PRAGMA journal_mode = WAL')
      return
    } catch (error) {
      if (primaryCode(error) !== 5 || Date.now() > end) throw error
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

/** Each process looks again inside the transaction: another one may have done it. */
function migrate(database: DatabaseSync, file: string, migrations: readonly Migration[]): void {
  const found = versionOf(database)
  refuseVersion(file, found, migrations.length)
  if (found === migrations.length) return
  transaction(database, () => {
    const version = versionOf(database)
    refuseVersion(file, version, migrations.length)
    for (const step of migrations.slice(version)) step(database)
    database.exec(`PRAGMA user_version = ${migrations.length}`)
  })
  // Into the file itself, where an older errand sees the version without opening the write-ahead log.
  database.exec('PRAGMA wal_checkpoint(PASSIVE)')
}

function size(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** SQLite's own error number without its extension; undefined for any other error. */
function primaryCode(error: unknown): number | undefined {
  if (errorCode(error) !== 'ERR_SQLITE_ERROR') return undefined
  return typeof error === 'object' && error !== null && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
}

/** Whether SQLite says that what it reads is damaged. */
export function isDamage(error: unknown): boolean {
  return primaryCode(error) === 11
}

interface Explanation {
  readonly code: string
  readonly sentence: string
  readonly hint: string
}

const full: Explanation = {
  code: 'HISTORY_DISK_FULL',
  sentence: 'could not be written: the disk is full',
  hint: 'Free some space on this disk; what was recorded before is as it was.',
}
const denied: Explanation = {
  code: 'HISTORY_NOT_WRITABLE',
  sentence: 'could not be opened or written',
  hint: 'Errand needs to write in the .errand folder of the project: look at its permissions and at the disk.',
}
const corrupt: Explanation = {
  code: 'HISTORY_CORRUPT',
  sentence: 'is damaged',
  hint: 'It was left as it is. Move it (with its -wal and -shm files) away to begin a new history; `sqlite3 history.db .recover` may save the old one.',
}
const busy: Explanation = {
  code: 'HISTORY_BUSY',
  sentence: `has been kept locked by another process for more than ${busyTimeout / 1000} seconds`,
  hint: 'Repeat the command; look for a stopped errand process if it happens again.',
}

const explanations: Readonly<Record<string, Explanation>> = {
  3: denied,
  5: busy,
  6: busy,
  8: denied,
  10: denied,
  11: corrupt,
  13: full,
  14: denied,
  26: corrupt,
  ENOSPC: full,
  EDQUOT: full,
  EACCES: denied,
  EEXIST: denied,
  EPERM: denied,
  EROFS: denied,
  ENOTDIR: denied,
  EIO: denied,
  EMFILE: denied,
}

function isRefusedWrite(error: unknown): boolean {
  const explanation = explanations[primaryCode(error) ?? errorCode(error) ?? '']
  return explanation === denied || explanation === full
}

function hasNoRoom(file: string): boolean {
  try {
    // Some file systems count no files.
    const { bavail, files, ffree } = statfsSync(dirname(file))
    return bavail === 0 || (files > 0 && ffree === 0)
  } catch {
    return false
  }
}

/** What an error of SQLite or of a file of the history means to the user. Errors that are ours already stay as they are. */
export function historyError(error: unknown, file: string): unknown {
  const found = explanations[primaryCode(error) ?? errorCode(error) ?? '']
  // SQLite makes small files beside its own: that there is no room for them it calls an error of the disk.
  const explanation = found === denied && hasNoRoom(file) ? full : found
  if (explanation === undefined) return error
  const path = typeof error === 'object' && error !== null && 'path' in error && typeof error.path === 'string' ? error.path : file
  return new ErrandError(explanation.code, `${path} ${explanation.sentence} (${errorMessage(error)}).`, {
    hint: explanation.hint,
    exitCode: exitCodes.internal,
    cause: error,
  })
}
