import { readdir, realpath, stat } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { ErrandError } from '../errors.ts'
import { insideProject } from './files.ts'
import type { PlanOptions, Project, RunConfiguration } from './model.ts'
import { meantOne, nearNames } from './near-name.ts'

/** The script of a run and its arguments, complete. */
export interface ScriptCall {
  /** Relative to the project, forward slashes. */
  readonly script: string
  readonly arguments: readonly string[]
}

/** What the command line says of the script. */
export type TypedCall = Pick<PlanOptions, 'script' | 'arguments' | 'from'>

/**
 * Puts the script of the command line into the argument vector and adds its arguments. Errors: `SCRIPT_MISSING` (none given and none in the
 * run configuration), `SCRIPT_FIXED`, and those of {@link resolveScript}.
 */
export async function scriptCall(
  project: Project,
  configuration: Pick<RunConfiguration, 'argumentVector' | 'file' | 'scriptReplaceable'>,
  { script, arguments: added, from }: TypedCall,
): Promise<ScriptCall> {
  const vector = configuration.argumentVector
  const open = vector.some((item) => item.includes('$file'))
  if (open && script === undefined) {
    throw new ErrandError('SCRIPT_MISSING', 'Specify the script to run, with its arguments if any.', {
      hint: `or write a script in place of $file into ArgumentVector in ${configuration.file}`,
    })
  }
  const typed = script === undefined ? undefined : await resolveScript(project, script, from)
  const replaced = open ? vector.map((item) => item.replaceAll('$file', () => typed ?? '')) : vector
  const [first = '', ...fixed] = replaced
  const resolved = await resolveScript(project, first)
  if (open || typed === undefined || typed === resolved) return { script: resolved, arguments: [...fixed, ...added] }
  if (configuration.scriptReplaceable) return { script: typed, arguments: added }
  throw new ErrandError(
    'SCRIPT_FIXED',
    `${configuration.file} runs the script ${resolved}, so ${typed} can't be given on the command line.`,
    {
      hint: 'leave the script out, or put $file into ArgumentVector',
    },
  )
}

/**
 * A script as typed in the folder `from` of the project, relative to the project. Errors: `SCRIPT_OUTSIDE_PROJECT`, `SCRIPT_NOT_FOUND` with
 * near names, `SCRIPT_IS_DIRECTORY`.
 */
async function resolveScript(project: Project, typed: string, from = '.'): Promise<string> {
  const inside = insideProject(project, typed, from) ?? (await throughLinks(project, typed))
  const asTyped = (path: string): string => posix.relative(from, path)
  if (inside === undefined) throw outside(project, typed)
  const absolute = join(project.directory, inside)
  const found = await stat(absolute).catch(() => undefined)
  if (found === undefined) {
    const near = nearNames(inside, await scriptNames(project, posix.dirname(inside)))
    const fromRoot = insideProject(project, typed)
    // Who stands in a folder of the project may have named the script from the project, as all of its files do.
    const meant = fromRoot !== undefined && (await isFile(join(project.directory, fromRoot))) ? [fromRoot] : near
    const folder = from === '.' ? 'the project folder' : `the current folder, ${from}`
    throw new ErrandError('SCRIPT_NOT_FOUND', `The script ${inside} does not exist in the project ${project.directory}.`, {
      hint: meantOne(meant.map(asTyped)) ?? `give its path relative to ${folder}`,
    })
  }
  if (found.isDirectory()) {
    throw new ErrandError('SCRIPT_IS_DIRECTORY', `The script ${inside} is a folder.`, {
      hint: `name a file in it, like ${asTyped(posix.join(inside, 'main.py'))}`,
    })
  }
  const [real, root] = await Promise.all([realpath(absolute), realpath(project.directory)])
  if (real !== absolute && !real.startsWith(join(root, '/'))) throw outside(project, typed)
  return inside
}

/** An absolute path that leads into the project by another name of its folder. */
async function throughLinks(project: Project, typed: string): Promise<string | undefined> {
  const real = await realpath(typed).catch(() => undefined)
  return real === undefined ? undefined : insideProject({ ...project, directory: await realpath(project.directory) }, real)
}

function outside(project: Project, typed: string): ErrandError {
  const hint = 'only files in the project are copied to a run: move the script there, or name another project with -p'
  return new ErrandError('SCRIPT_OUTSIDE_PROJECT', `The script ${typed} is outside the project ${project.directory}.`, { hint })
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

async function scriptNames(project: Project, directory: string): Promise<readonly string[]> {
  const folders = [...new Set([directory, '.'])]
  const lists = await Promise.all(folders.map((folder) => readdir(join(project.directory, folder)).catch(() => [])))
  return lists.flatMap((names, index) =>
    names.filter((name) => name.endsWith('.py')).map((name) => posix.join(folders[index] ?? '.', name)),
  )
}
