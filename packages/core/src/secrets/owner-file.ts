import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ErrandError, errorCode, errorMessage, exitCodeOf } from '../errors.ts'

/** The text of a file that only its owner can read; undefined when there is none. SECRET_FILE_PERMISSIONS when others can. */
export function readFileOfOwner(path: string): string | undefined {
  const descriptor = openIfPresent(path)
  if (descriptor === undefined) return undefined
  try {
    // Windows keeps the user's profile from other users and has no such bits.
    const others = process.platform === 'win32' ? 0 : fstatSync(descriptor).mode & 0o077
    if (others !== 0) throw permissionsError(path)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw new ErrandError('SECRET_FILE_UNREADABLE', `${path} can't be read (${errorCode(cause) ?? 'unknown reason'}).`, {
      hint: `See who owns it: ls -l '${path}'`,
      cause,
    })
  }
}

function permissionsError(path: string): ErrandError {
  return new ErrandError('SECRET_FILE_PERMISSIONS', `Other users of this machine may read or write ${path}, so errand does not use it.`, {
    hint: `chmod 600 '${path}' (and change the secrets in it if others could have read them)`,
  })
}

/**
 * Replaces the file by what `edit` makes of its text, in one step, while no other process does the same in this folder.
 * SECRET_FILE_NOT_WRITTEN when the machine does not let us.
 */
export function changeFile(path: string, edit: (text: string | undefined) => string): void {
  try {
    withLock(join(dirname(path), 'secrets.lock'), () => replaceFile(path, edit(readFileOfOwner(path))))
  } catch (cause) {
    if (cause instanceof ErrandError) throw cause
    throw new ErrandError('SECRET_FILE_NOT_WRITTEN', `${path} can't be written: ${errorMessage(cause)}.`, {
      hint: 'Make its folder writable, or set ERRAND_CONFIG to another folder outside the project.',
      cause,
      exitCode: exitCodeOf(cause),
    })
  }
}

/** Under the lock there is one writer: what a killed one left under the temporary name is overwritten by the next. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`
  rmSync(temporary, { force: true })
  const descriptor = openSync(temporary, 'wx', 0o600)
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, path)
}

/** An empty database, since its lock ends with the process that holds it, however that ends. */
function withLock(path: string, action: () => void): void {
  const database = new DatabaseSync(path, { timeout: 30_000 })
  try {
    database.exec('BEGIN EXCLUSIVE')
    action()
    database.exec('ROLLBACK')
  } finally {
    database.close()
  }
}
