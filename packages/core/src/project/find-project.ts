import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import type { Project } from './model.ts'

/** Folders that may hold configuration files, in the order in which they are asked. */
export const configurationDirectories = ['aml_config', '.azureml'] as const

/** Names in a folder; none when it is not there. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return []
    throw error
  }
}

async function configurationDirectory(directory: string): Promise<string | undefined> {
  const inside = await namesIn(directory)
  if (inside.includes('aml_config') && (await isDirectory(join(directory, 'aml_config')))) return 'aml_config'
  if (!inside.includes('.azureml')) return undefined
  // `~/.azureml` is the share of the original, not a project.
  const files = await namesIn(join(directory, '.azureml'))
  return files.some((file) => /\.(compute|runconfig)$/.test(file)) ? '.azureml' : undefined
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

/** The project in a folder. Folders above are not searched, but named in the error. */
export async function findProject(directory: string): Promise<Project> {
  const absolute = resolve(directory)
  const found = await configurationDirectory(absolute)
  if (found !== undefined) return { directory: absolute, name: basename(absolute) || 'project', configurationDirectory: found }
  if (await isFile(absolute))
    throw new ErrandError('NO_PROJECT', `${absolute} is a file.`, { hint: 'give the project folder with -p PATH' })
  if (!(await isDirectory(absolute)))
    throw new ErrandError('NO_PROJECT', `The folder ${absolute} does not exist.`, { hint: 'give the project folder with -p PATH' })
  for (let parent = dirname(absolute); parent !== dirname(parent); parent = dirname(parent)) {
    if ((await configurationDirectory(parent)) === undefined) continue
    const hint = `the project is ${parent}: use -p ${relative(absolute, parent)}`
    throw new ErrandError('NO_PROJECT', `${absolute} is no project: it has no folder aml_config.`, { hint })
  }
  throw new ErrandError('NO_PROJECT', `${absolute} is no project: it has no folder aml_config.`, { hint: 'make it one with `errand init`' })
}
