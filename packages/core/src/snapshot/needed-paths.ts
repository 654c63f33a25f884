import { posix } from 'node:path'

/** The paths that are sent although an ignore file hides them. */
export interface NeededPaths {
  /** Asked for itself, or below a folder that is asked for. */
  covers(path: string): boolean
  /** A folder on the way to one of them. */
  leadsTo(path: string): boolean
  readonly paths: readonly string[]
}

export function neededPaths(given: readonly string[]): NeededPaths {
  const paths = [...new Set(given.map((path) => posix.normalize(path).replace(/\/$/, '')))].filter((path) => path !== '.')
  const asked = new Set(paths)
  const leading = new Set(paths.flatMap(foldersAbove))
  return {
    paths,
    covers: (path) => asked.size > 0 && (asked.has(path) || foldersAbove(path).some((folder) => asked.has(folder))),
    leadsTo: (path) => leading.has(path),
  }
}

function foldersAbove(path: string): readonly string[] {
  const names = path.split('/')
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'))
}
