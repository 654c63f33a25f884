import { lstatSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Folders that may hold configuration files, in the order in which they are asked. */
export const configurationDirectories = ['aml_config', '.azureml'] as const

/** The folder of configuration files that makes a folder a project. */
export function configurationDirectory(directory: string): (typeof configurationDirectories)[number] | undefined {
  if (statSync(join(directory, 'aml_config'), { throwIfNoEntry: false })?.isDirectory() === true) return 'aml_config'
  // `~/.azureml` is the share of the original, not a project.
  return filesIn(join(directory, '.azureml')).some((file) => /\.(compute|runconfig)$/.test(file)) ? '.azureml' : undefined
}

/**
 * The nearest project upwards from a folder, itself included. One above that another user has made is not entered unasked, as git does it:
 * its files say which programs are run.
 */
export function enclosingProject(directory: string): { readonly directory: string; readonly foreign: boolean } | undefined {
  const start = resolve(directory)
  for (let folder = start; ; folder = dirname(folder)) {
    const found = folder === start ? configurationDirectory(folder) : unlessClosed(folder)
    if (found !== undefined) return { directory: folder, foreign: folder !== start && isForeign(join(folder, found)) }
    if (dirname(folder) === folder) return undefined
  }
}

/** What another user keeps closed above, a link in `/tmp` for example, is no project of ours. */
function unlessClosed(directory: string): ReturnType<typeof configurationDirectory> {
  try {
    return configurationDirectory(directory)
  } catch {
    return undefined
  }
}

/** Of a link it counts who made the link: it may lead to a folder of the system where everybody may write. */
function isForeign(path: string): boolean {
  const [owner, me] = [lstatSync(path).uid, process.getuid?.()]
  return me !== undefined && owner !== me && owner !== 0
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
