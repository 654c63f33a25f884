import { ErrandError } from '../errors.ts'
import { listed } from './names.ts'

const ignoreHint = 'or write them into .amlignore (.gitignore, where there is none) if the run does not need them.'

export function undecodedFiles(paths: readonly string[]): ErrandError {
  const message = `These names are not UTF-8, so no other machine would show them alike: ${paths.join(', ')}.`
  return new ErrandError('SNAPSHOT_NAMES_NOT_UTF8', message, {
    hint: `Rename them, ${ignoreHint} A ? in a pattern stands for one such byte.`,
  })
}

const reasons: Record<string, string> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EIO: 'the disk reports an error',
}

export function unreadableFiles(files: readonly { readonly path: string; readonly reason: string }[]): ErrandError {
  const named = files.map(({ path, reason }) => `${path} (${reasons[reason] ?? reason})`)
  return new ErrandError('SNAPSHOT_FILES_UNREADABLE', `These files of the project can't be read: ${named.join(', ')}.`, {
    hint: `Make them readable (chmod u+r), ${ignoreHint}`,
  })
}

export function changingFiles(paths: readonly string[]): ErrandError {
  return new ErrandError('SNAPSHOT_FILES_CHANGING', `These files changed each of the three times they were read: ${listed(paths)}.`, {
    hint: `Wait until nothing writes to them any more, ${ignoreHint}`,
  })
}

export function neededLeftOut(path: string, excluded: string | undefined): ErrandError {
  const reason = excluded === undefined ? 'no regular file or folder of the project has this name' : `it is left out by ${excluded}`
  return new ErrandError('SNAPSHOT_NEEDED_FILE_LEFT_OUT', `${path} is needed by the run but can't be sent: ${reason}.`, {
    hint: `Put a regular file at that place, outside of the folders that are never copied.`,
  })
}
