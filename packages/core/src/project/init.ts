import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { errorCode } from '../errors.ts'
import { projectFiles } from './init-templates.ts'

/**
 * Makes a folder a project: writes the files of {@link projectFiles} that are not there. Existing files are never touched, unless
 * `overwrite`. With `name` the project becomes a new folder of that name. Paths in the answer are relative to the project.
 */
export async function initProject(
  directory: string,
  { name, overwrite = false }: { readonly name?: string; readonly overwrite?: boolean } = {},
): Promise<{ readonly created: readonly string[]; readonly kept: readonly string[] }> {
  const root = name === undefined ? resolve(directory) : resolve(directory, name)
  const created: string[] = []
  const kept: string[] = []
  for (const [path, text] of Object.entries(projectFiles)) {
    const absolute = join(root, path)
    await mkdir(dirname(absolute), { recursive: true })
    try {
      await writeFile(absolute, text, { flag: overwrite ? 'w' : 'wx' })
      created.push(path)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      kept.push(path)
    }
  }
  return { created, kept }
}
