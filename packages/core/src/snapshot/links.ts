import { readlinkSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, posix, relative, sep } from 'node:path'
import { errorCode } from '../errors.ts'

export interface Link {
  readonly to: string
  /** Relative and, as written and as followed, inside the project: the only kind that means the same in a copy. */
  readonly stays: boolean
}

/** Reads a symbolic link of the project; `path` is relative to `directory`. Undefined when it is gone. */
export function readLink(directory: string, path: string): Link | undefined {
  const raw = followed(() => readlinkSync(join(directory, path)))
  if (raw === undefined) return undefined
  const to = sep === '/' ? raw : raw.replaceAll(sep, '/')
  if (isAbsolute(raw) || leaves(posix.join(posix.dirname(path), to))) return { to, stays: false }
  const target = followed(() => realpathSync(join(directory, dirname(path), raw)))
  return { to, stays: target === undefined || !leaves(relative(realpathSync(directory), target)) }
}

function leaves(path: string): boolean {
  return path === '..' || path.startsWith('../') || path.startsWith(`..${sep}`) || isAbsolute(path)
}

// A link to nothing, or in a circle, is a link all the same.
function followed(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'EACCES'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}
