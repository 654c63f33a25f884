import { mkdirSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import { isObject } from '../json-object.ts'
import { changeFile, readFileOfOwner } from './owner-file.ts'

export interface SecretName {
  readonly name: string
  readonly target?: string
}

/**
 * Two files in the user's configuration folder: `secrets.json` holds values, where no keychain does; `secret-names.json` says what the
 * keychain holds, which can't be asked for a list. All calls are synchronous: a change is one step for every other caller in this process,
 * and a lock makes it one for other processes.
 */
export interface SecretFiles {
  /** The file with values. */
  readonly path: string
  read(name: string, target: string | undefined): string | undefined
  write(name: string, target: string | undefined, value: string): void
  /** False when it was not there. */
  remove(name: string, target: string | undefined): boolean
  names(): readonly SecretName[]
  /** The keychain has it now: noted, and taken out of the file. */
  note(name: string, target: string | undefined): void
  forget(name: string, target: string | undefined): void
  isNoted(name: string, target: string | undefined): boolean
  noted(): readonly SecretName[]
}

interface Entry extends SecretName {
  readonly value?: string
}

/** `name` and `directory` of a project are for a human reader. */
interface Document {
  readonly version: 1
  readonly projects: Readonly<Record<string, { readonly name: string; readonly directory: string; readonly secrets: readonly Entry[] }>>
}

interface ProjectOfSecrets {
  readonly directory: string
  readonly id: string
  readonly name: string
}

export function openSecretFiles(project: ProjectOfSecrets, environment: NodeJS.ProcessEnv): SecretFiles {
  const directory = configurationDirectory(environment)
  const values = join(directory, 'secrets.json')
  const index = join(directory, 'secret-names.json')
  const entries = (path: string) => parseDocument(path, readFileOfOwner(path)).projects[project.id]?.secrets ?? []
  const find = (path: string, name: string, target: string | undefined) =>
    entries(path).find((entry) => entry.name === name && entry.target === target)
  const names = (path: string) => entries(path).map(nameOf)

  const change = (path: string, edit: (entries: readonly Entry[]) => readonly Entry[]) => {
    makeDirectory(directory)
    changeFile(path, (text) => editDocument(parseDocument(path, text), project, edit))
  }
  const put = (path: string, entry: Entry) => change(path, (present) => [...without(present, entry.name, entry.target), entry])
  const remove = (path: string, name: string, target: string | undefined) => {
    if (find(path, name, target) === undefined) return false
    change(path, (present) => without(present, name, target))
    return true
  }

  return {
    path: values,
    read: (name, target) => find(values, name, target)?.value,
    write(name, target, value) {
      refuseInsideProject(values, project.directory)
      put(values, { ...nameOf({ name, ...(target === undefined ? {} : { target }) }), value })
    },
    remove: (name, target) => remove(values, name, target),
    names: () => names(values),
    note(name, target) {
      if (find(index, name, target) === undefined) put(index, nameOf({ name, ...(target === undefined ? {} : { target }) }))
      remove(values, name, target)
    },
    forget: (name, target) => void remove(index, name, target),
    isNoted: (name, target) => find(index, name, target) !== undefined,
    noted: () => names(index),
  }
}

function nameOf({ name, target }: SecretName): SecretName {
  return target === undefined ? { name } : { name, target }
}

function without(entries: readonly Entry[], name: string, target: string | undefined): readonly Entry[] {
  return entries.filter((entry) => entry.name !== name || entry.target !== target)
}

function editDocument(document: Document, project: ProjectOfSecrets, edit: (entries: readonly Entry[]) => readonly Entry[]): string {
  const { [project.id]: mine, ...others } = document.projects
  const secrets = edit(mine?.secrets ?? [])
  const projects =
    secrets.length === 0 ? others : { ...others, [project.id]: { name: project.name, directory: project.directory, secrets } }
  return `${JSON.stringify({ version: 1, projects } satisfies Document, null, 2)}\n`
}

/** Says no more than that the file is broken: what a JSON parser says quotes the file. */
function parseDocument(path: string, text: string | undefined): Document {
  if (text === undefined) return { version: 1, projects: {} }
  const document = parseJson(text)
  if (isDocument(document)) return document
  const reason = hasOtherVersion(document) ? 'was written by another version of errand' : 'is not what errand wrote'
  throw new ErrandError('SECRET_FILE_INVALID', `${path} ${reason}.`, {
    hint: `Mend it, or move it away and give the secrets again: mv '${path}' '${path}.broken'`,
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isDocument(value: unknown): value is Document {
  if (!isObject(value) || value['version'] !== 1 || !isObject(value['projects'])) return false
  return Object.values(value['projects']).every(
    (project) => isObject(project) && Array.isArray(project['secrets']) && project['secrets'].every(isEntry),
  )
}

function isEntry(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    [value['target'], value['value']].every((part) => part === undefined || typeof part === 'string')
  )
}

function hasOtherVersion(value: unknown): boolean {
  return isObject(value) && typeof value['version'] === 'number' && value['version'] !== 1
}

/** The user's own folder of errand, outside every project. */
export function configurationDirectory(environment: NodeJS.ProcessEnv): string {
  if (environment['ERRAND_CONFIG']) return resolve(environment['ERRAND_CONFIG'])
  const base = environment['XDG_CONFIG_HOME']
  // The XDG rules: a relative path there is to be ignored.
  return join(base && isAbsolute(base) ? base : join(environment['HOME'] || homedir(), '.config'), 'errand')
}

/** Its own folder is private; one that was there already stays as it is, unless others could put their file in the place of ours. */
export function makeDirectory(directory: string): void {
  mkdirSync(dirname(directory), { recursive: true })
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw cause
    if (process.platform === 'win32' || (statSync(directory).mode & 0o022) === 0) return
    throw new ErrandError('SECRET_FILE_PERMISSIONS', `Others may write to ${directory}, so errand keeps no secrets there.`, {
      hint: `chmod 700 '${directory}'`,
      cause,
    })
  }
}

/** A file in the project would be copied with every run. */
export function refuseInsideProject(path: string, project: string): void {
  const inside = relative(realpathSync(project), realFile(path))
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return
  throw new ErrandError('SECRET_FILE_INSIDE_PROJECT', `${path} is inside the project ${project}, whose files are copied with every run.`, {
    hint: 'Set ERRAND_CONFIG to a folder outside the project.',
  })
}

/** With the links of those of its folders resolved that exist. */
function realFile(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(realFile(dirname(path)), basename(path))
  }
}
