import { randomUUID } from 'node:crypto'
import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { ErrandError, errorCode, exitCodeOf } from '../errors.ts'
import { reasonOf } from './make-folder.ts'

/**
 * Writes a file whole or not at all: a disk that is full leaves neither the beginning of a new file nor an old one without its end. False
 * when there is a file and it is not to be replaced. Error: `FILE_NOT_WRITTEN`.
 */
export async function writeWhole(path: string, text: string, { replace }: { readonly replace: boolean }): Promise<boolean> {
  const present = replace ? await realpath(path).catch(() => undefined) : undefined
  const written = present === undefined ? path : `${present}.${randomUUID()}`
  try {
    await writeFile(written, text, { flag: 'wx', ...(present !== undefined && { mode: (await stat(present)).mode }) })
    if (present !== undefined) await rename(written, present)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    await rm(written, { force: true }).catch(() => undefined)
    throw new ErrandError('FILE_NOT_WRITTEN', `The file ${path} can't be written: ${reasonOf(error)}.`, {
      hint: 'What was there is as it was.',
      cause: error,
      exitCode: exitCodeOf(error),
    })
  }
}
