import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ErrandError, errorCode, errorMessage, exitCodeOf } from '../errors.ts'

/**
 * Fills a folder that appears with everything in it or not at all. It must not be there, or be empty. Errors: `FOLDER_NOT_EMPTY`,
 * `FOLDER_NOT_WRITABLE`.
 */
export async function fillNewFolder<Result>(path: string, fill: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = resolve(path)
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found !== undefined && !(found.isDirectory() && readdirSync(directory).length === 0)) {
    const what = found.isDirectory() ? 'is there already and is not empty' : 'is a file'
    throw new ErrandError('FOLDER_NOT_EMPTY', `${directory} ${what}. Nothing was written.`, { hint: 'Name a new folder.' })
  }
  const partial = join(dirname(directory), `.${basename(directory)}.${randomBytes(6).toString('hex')}.partial`)
  try {
    mkdirSync(partial, { recursive: true })
    const result = await fill(partial)
    if (found !== undefined) rmdirSync(directory)
    renameSync(partial, directory)
    return result
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (!/^E[A-Z]+$/u.test(errorCode(error) ?? '')) throw error
    throw new ErrandError('FOLDER_NOT_WRITABLE', `${directory} could not be written: ${errorMessage(error)}.`, {
      hint: 'Make room, or name another folder. Nothing was left behind.',
      cause: error,
      exitCode: exitCodeOf(error),
    })
  }
}
