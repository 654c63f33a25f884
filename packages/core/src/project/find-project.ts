import { readdir, stat } from 'node:fs/promises'
import { basename, relative, resolve } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import type { Project } from './model.ts'
import { configurationDirectory, enclosingProject } from './project-folder.ts'

/** Names in a folder; none when it is not there. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return []
    throw error
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

/** The project in a folder. Folders above are not searched ({@link enclosingProject} does that), but named in the error. */
export async function findProject(directory: string): Promise<Project> {
  const absolute = resolve(directory)
  const found = configurationDirectory(absolute)
  if (found !== undefined) return { directory: absolute, name: basename(absolute) || 'project', configurationDirectory: found }
  if (await isFile(absolute))
    throw new ErrandError('NO_PROJECT', `${absolute} is a file.`, { hint: 'give the project folder with -p PATH' })
  if (!(await isDirectory(absolute)))
    throw new ErrandError('NO_PROJECT', `The folder ${absolute} does not exist.`, { hint: 'give the project folder with -p PATH' })
  const above = enclosingProject(absolute)
  throw new ErrandError('NO_PROJECT', `${absolute} is no project: it has no folder aml_config.`, { hint: wayOut(absolute, above) })
}

function wayOut(directory: string, above: ReturnType<typeof enclosingProject>): string {
  if (above === undefined) return 'make it one with `errand init`'
  const use = `use -p ${relative(directory, above.directory)}`
  return above.foreign
    ? `the project ${above.directory} belongs to another user: if you trust it, ${use}`
    : `the project is ${above.directory}: ${use}`
}
