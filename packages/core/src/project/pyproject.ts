import { parse, TomlError, type TomlTable } from 'smol-toml'
import type { EnvironmentFile } from '../request.ts'
import { holdsCredentials } from './credentials.ts'
import { diagnosticList, throwErrors, type Diagnostic, type DiagnosticList } from './diagnostic.ts'
import { readLocalPackages } from './local-packages.ts'
import type { Project } from './model.ts'
import { addressRules } from './package-rules.ts'
import { decodeText } from './parse.ts'
import { pipPackageName } from './pip-items.ts'
import { readIfPresent } from './run-configurations.ts'

interface LoadedFile {
  readonly file: EnvironmentFile
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * The dependencies of a `pyproject.toml`. With a `uv.lock` beside it those that are locked: then `file.canonical` is `{conda, pip, pipOptions,
 * uvLock}`, where `conda` has the Python that is asked for and `pip` says what is locked. Errors: `CONFIGURATION_INVALID`.
 */
export async function loadPyproject(project: Project, path: string, bytes: Uint8Array, skip: readonly string[]): Promise<LoadedFile> {
  const diagnostics = diagnosticList(path)
  const text = decodeText(bytes) ?? ''
  const table = tomlTable(text, diagnostics)
  const metadata = tableOf(table['project'])
  if (metadata === undefined) {
    const hint = tableOf(tableOf(table['tool'])?.['poetry']) === undefined ? 'write a [project] table' : 'poetry export -o requirements.txt'
    diagnostics.error('NO_PROJECT_TABLE', 'the file has no [project] table with dependencies', undefined, hint)
  }
  throwErrors(diagnostics.list)
  const dependencies = texts(metadata?.['dependencies']).filter((item) => !skip.includes(pipPackageName(item)) && !skip.includes(item))
  const requires = textOf(metadata?.['requires-python']).replaceAll(' ', '')
  const conda = requires === '' ? [] : [`python${requires}`]
  const lockPath = path.replace(/[^/]+$/, 'uv.lock')
  const lockBytes = await readIfPresent(project, lockPath)
  if (lockBytes === undefined) {
    diagnostics.note('NO_UV_LOCK', `there is no ${lockPath}: versions are chosen when the environment is made`, undefined, 'call `uv lock`')
    const pipOptions = indexOptions(table, diagnostics)
    const canonical = { conda, pip: [...new Set(dependencies)].toSorted(), pipOptions }
    return { file: { file: path, text, canonical, localFiles: [] }, diagnostics: diagnostics.list }
  }
  const name = pipPackageName(textOf(metadata?.['name']))
  const locked = lockedPackages(decodeText(lockBytes) ?? '', lockPath, { name, dependencies, skip }, diagnostics)
  const localFiles = await readLocalPackages(project, [{ path: lockPath, position: { line: 1, column: 1 } }], diagnostics)
  throwErrors(diagnostics.list)
  const uvLock = {
    path: lockPath,
    name,
    requires,
    without: skip
      .filter((item) => /^[\w.-]+$/.test(item))
      .map(pipPackageName)
      .toSorted(),
  }
  const canonical = { conda, pip: locked, pipOptions: [], uvLock }
  return { file: { file: path, text, canonical, localFiles }, diagnostics: diagnostics.list }
}

function tomlTable(text: string, diagnostics: DiagnosticList): TomlTable {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [message = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n')
    diagnostics.error('TOML_SYNTAX', `not TOML: ${message}`, { line: error.line, column: error.column })
    return {}
  }
}

/** `[[tool.uv.index]]` in the options of pip. */
function indexOptions(table: TomlTable, diagnostics: DiagnosticList): readonly string[] {
  const indexes = tableOf(tableOf(table['tool'])?.['uv'])?.['index']
  return (Array.isArray(indexes) ? indexes : []).flatMap((item) => {
    const index = tableOf(item)
    const url = index?.['url']
    if (typeof url !== 'string') return []
    addressRules(url, { line: 1, column: 1 }, diagnostics)
    return [index?.['default'] === true ? '--index-url' : '--extra-index-url', url]
  })
}

interface Wanted {
  readonly name: string
  readonly dependencies: readonly string[]
  readonly skip: readonly string[]
}

/** `name==version` of each package of the lock, of whatever platform, without the project itself. */
function lockedPackages(text: string, lockPath: string, wanted: Wanted, diagnostics: DiagnosticList): readonly string[] {
  const inLock = diagnosticList(lockPath)
  const packages = tomlTable(text, inLock)['package']
  credentialErrors(text, inLock)
  diagnostics.list.push(...inLock.list)
  const tables = (Array.isArray(packages) ? packages : []).map(tableOf).filter((item) => item !== undefined)
  const root = tables.find((item) => item['name'] === wanted.name && isLocal(item))
  if (root === undefined && inLock.list.length === 0)
    diagnostics.error(
      'UV_LOCK_OTHER',
      `${lockPath} does not lock this project, ${wanted.name || 'which has no name'}`,
      undefined,
      'call `uv lock`',
    )
  const others = tables.filter((item) => item !== root)
  for (const item of others.filter(isLocal))
    diagnostics.error(
      'UV_LOCK_LOCAL',
      `${lockPath} has ${textOf(item['name'])} from a folder, which a run elsewhere does not have`,
      undefined,
      'build a wheel of it',
    )
  if (root !== undefined && isStale(root, wanted.dependencies, wanted.skip))
    diagnostics.warning(
      'UV_LOCK_STALE',
      `${lockPath} was made for other dependencies than those of this file; it is used as it is`,
      undefined,
      'call `uv lock`',
    )
  return others
    .filter((item) => !wanted.skip.includes(textOf(item['name'])))
    .map((item) => `${textOf(item['name'])}==${textOf(item['version'])}`)
    .toSorted()
}

/** Every target gets the file as it is, where nothing can be filled in, and git would show the address to every user. */
function credentialErrors(text: string, diagnostics: DiagnosticList): void {
  for (const [index, line] of text.split('\n').entries())
    if (holdsCredentials(line))
      diagnostics.error(
        'CREDENTIALS_IN_LOCK',
        'an address holds a password or token, which would be copied to every target',
        { line: index + 1, column: 1 },
        'take it out of the address in pyproject.toml, call `uv lock`, and write the login into the .netrc of the place',
      )
}

/** What is built from a folder: the project itself, members of a workspace, path dependencies. */
function isLocal(item: TomlTable): boolean {
  const source = tableOf(item['source'])
  return ['virtual', 'editable', 'directory', 'path'].some((kind) => source?.[kind] !== undefined)
}

function isStale(root: TomlTable, dependencies: readonly string[], skip: readonly string[]): boolean {
  const listed = tableOf(root['metadata'])?.['requires-dist']
  const locked = (Array.isArray(listed) ? listed : [])
    .map(tableOf)
    .filter((item) => item !== undefined && !/\bextra\b/.test(textOf(item['marker'])))
    .map((item) => `${textOf(item?.['name'])}${sortedClauses(textOf(item?.['specifier']))}`)
    .filter((item) => !skip.includes(pipPackageName(item)))
  const asked = dependencies.filter((item) => !item.includes('@')).map(nameAndVersion)
  return JSON.stringify([...new Set(asked)].toSorted()) !== JSON.stringify([...new Set(locked)].toSorted())
}

function nameAndVersion(dependency: string): string {
  const [specifier = ''] = dependency.split(';')
  return pipPackageName(specifier) + sortedClauses(specifier.replace(/^\s*[\w.-]+\s*(\[[^\]]*\])?/, '').replaceAll(/[()]/g, ''))
}

const sortedClauses = (specifier: string): string => specifier.replaceAll(' ', '').split(',').toSorted().join(',')

const tableOf = (value: unknown): TomlTable | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date) ? (value as TomlTable) : undefined

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [])
