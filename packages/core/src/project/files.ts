import { readdir, readFile } from 'node:fs/promises'
import { isAbsolute, join, posix, relative, resolve, sep } from 'node:path'
import { errorCode } from '../errors.ts'
import { namesIn } from './find-project.ts'
import type { Project } from './model.ts'
import { diagnosticList, type Diagnostic } from './diagnostic.ts'
import { configurationDirectories } from './project-folder.ts'
import { parseFile, type ParsedFile } from './parse.ts'

export interface ConfigurationFile {
  /** File name without its suffix. */
  readonly name: string
  /** Relative to the project. */
  readonly file: string
}

/** Configuration files of one suffix (`.compute`), sorted by name. `aml_config/` wins over `.azureml/`. */
export async function listConfigurationFiles(project: Project, suffix: string): Promise<readonly ConfigurationFile[]> {
  const found = new Map<string, string>()
  for (const directory of configurationDirectories) {
    for (const file of await namesIn(join(project.directory, directory))) {
      const name = file.slice(0, -suffix.length)
      if (file.endsWith(suffix) && name !== '' && !found.has(name)) found.set(name, `${directory}/${file}`)
    }
  }
  return [...found].map(([name, file]) => ({ name, file })).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const notSearched = new Set(['.git', '.errand', 'node_modules', 'outputs', '__pycache__', 'azureml-logs', 'azureml-setup'])

/** Files of that name that lie elsewhere in the project, where they are not read. Looks at 2,000 folders at most. */
export async function sameNamedElsewhere(project: Project, fileName: string): Promise<readonly string[]> {
  const found: string[] = []
  const queue = ['']
  for (let looked = 0; queue.length > 0 && looked < 2000; looked++) {
    const directory = queue.shift() ?? ''
    const entries = await readdir(join(project.directory, directory), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const path = posix.join(directory, entry.name)
      if (entry.isDirectory() && !notSearched.has(entry.name)) queue.push(path)
      else if (entry.name === fileName && !configurationDirectories.some((known) => path === `${known}/${fileName}`)) found.push(path)
    }
  }
  return found
}

/** Reads and parses a file of the project. An unreadable file is a diagnostic, not an exception. */
export async function readProjectFile(project: Project, file: string): Promise<ParsedFile> {
  try {
    return await parseFile(file, await readFile(join(project.directory, file)))
  } catch (error) {
    const diagnostics = diagnosticList(file)
    const reason = errorCode(error)
    if (reason === undefined) throw error
    diagnostics.error(reason === 'ENOENT' ? 'FILE_MISSING' : 'FILE_UNREADABLE', reasons[reason] ?? `the file can't be read (${reason})`)
    return { file, text: '', diagnostics: diagnostics.list }
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  EACCES: 'the file may not be read: permission denied',
  EISDIR: 'this is a folder, not a file',
}

/** A path as typed by a user or written in a file: `\` is `/`, blanks, `./` and `..` inside are resolved. */
export function cleanPath(path: string): string {
  return posix.normalize(path.trim().replaceAll('\\', '/')).replace(/(?<=.)\/$/, '')
}

/**
 * Path relative to the project with `/`, or undefined when it leads outside. A relative one begins in the folder `from` of the project; an
 * absolute one inside the project becomes relative.
 */
export function insideProject(project: Project, path: string, from = '.'): string | undefined {
  const windows = /^[A-Za-z]:[\\/]/.test(path.trim())
  const absolute = windows || isAbsolute(path.trim()) ? resolve(path.trim()) : undefined
  if (absolute !== undefined && windows && sep === '/') return undefined
  const given = absolute === undefined ? cleanPath(path) : relative(project.directory, absolute).split(sep).join('/')
  if (isAbsolute(given) || /^[A-Za-z]:/.test(given)) return undefined
  const inside = absolute === undefined ? posix.join(from, given) : given
  if (inside === '..' || inside.startsWith('../')) return undefined
  return inside === '' ? '.' : inside
}

/** Notes for files that look like configuration and are not read: of the first months, of the cloud project, of the successor. */
export async function listOtherFiles(
  project: Project,
): Promise<readonly { readonly file: string; readonly diagnostics: readonly Diagnostic[] }[]> {
  const found: { file: string; diagnostics: readonly Diagnostic[] }[] = []
  for (const directory of configurationDirectories) {
    for (const name of (await namesIn(join(project.directory, directory))).toSorted()) {
      const known = otherFiles.find(([pattern]) => pattern.test(name))
      if (known === undefined) continue
      const diagnostics = diagnosticList(`${directory}/${name}`)
      diagnostics.note('FILE_IGNORED', known[1], undefined, known[2])
      found.push({ file: diagnostics.file, diagnostics: diagnostics.list })
    }
  }
  return found
}

const otherFiles: readonly (readonly [pattern: RegExp, message: string, hint?: string])[] = [
  [/^project\.json$/, 'the id of a cloud project; not used'],
  [/\.amb$/, 'a run configuration of the first months; not read', 'make a new one with `errand runconfiguration create`'],
  [
    /^environment\.ya?ml$/,
    'the environment part of a successor run configuration; not used',
    'packages go into aml_config/conda_dependencies.yml',
  ],
]
