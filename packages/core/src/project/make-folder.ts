import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ErrandError, errorCode, exitCodeOf } from '../errors.ts'

/**
 * Makes a folder and those above it. Not with `recursive: true`: below `/proc`, where nothing can be made, Node tries that for ever.
 * Errors: `NOT_A_FOLDER` where a file is in the way, `FOLDER_NOT_MADE`.
 */
export async function makeFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined
    throw notMade(path, error)
  })
  if (found?.isDirectory() === true) return
  if (found !== undefined) throw new ErrandError('NOT_A_FOLDER', `${path} is a file, not a folder.`, { hint: 'Choose another folder.' })
  if (dirname(path) !== path) await makeFolder(dirname(path))
  await mkdir(path).catch((error: unknown) => {
    // Another process was quicker.
    if (errorCode(error) !== 'EEXIST') throw notMade(path, error)
  })
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system can only be read',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'nothing can be made there',
}

/** Why nothing could be written, in words. */
export function reasonOf(error: unknown): string {
  return reasons[errorCode(error) ?? ''] ?? errorCode(error) ?? 'unknown reason'
}

function notMade(path: string, error: unknown): ErrandError {
  return new ErrandError('FOLDER_NOT_MADE', `The folder ${path} can't be made: ${reasonOf(error)}.`, {
    hint: 'Choose another folder.',
    cause: error,
    exitCode: exitCodeOf(error),
  })
}
