import { relative } from 'node:path'
import { enclosingProject } from '@errand/core'

/** The project of a command that names none with `-p`. */
export interface ProjectHere {
  /** Absolute or relative to the current folder. */
  readonly directory: string
  /** The current folder, relative to the project with `/`; absent when it is the project, or when there is none. */
  readonly from?: string
}

/** The nearest project upwards from the current folder; where there is none, or one that is not to be entered unasked, the folder itself. */
export function projectHere(): ProjectHere {
  const here = process.cwd()
  const found = enclosingProject(here)
  if (found === undefined || found.foreign || found.directory === here) return { directory: '.' }
  return { directory: found.directory, from: relative(found.directory, here).replaceAll('\\', '/') }
}
