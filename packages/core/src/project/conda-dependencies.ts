import type { JsonValue } from '../json.ts'
import { diagnosticList, hasErrors, throwErrors, type DiagnosticList } from './diagnostic.ts'
import { readProjectFile } from './files.ts'
import { type Entries, readKeys } from './keys.ts'
import { isLocalPath, readLocalPackages, type LocalPackage } from './local-packages.ts'
import type { CondaDependencies, CondaPackages, Project } from './model.ts'
import { addressRules, isLeftOut, keepPackage } from './package-rules.ts'
import { isNull, type ParsedFile, type YamlEntry, type YamlMap, type YamlNode } from './parse.ts'
import { condaPackageName, pathOptions, splitPipItem } from './pip-items.ts'
import { findEntry, type KeyTable, readTextList, toJson } from './values.ts'

/** Top-level keys of a conda file. Those that only other tools read are known, so that nothing is said about them. */
const condaKeys: KeyTable = {
  name: { kind: 'any' },
  channels: { kind: 'list' },
  dependencies: { kind: 'list' },
  variables: { kind: 'map' },
  prefix: { kind: 'any', ignored: 'is ignored: the environment gets a folder of its own', severity: 'note' },
  platforms: { kind: 'any' },
  category: { kind: 'any' },
}

/** A successor run configuration has them beside each other; a conda file has none. */
const successorKeys: readonly string[] = ['python', 'docker', 'environmentVariables']

/** What of a dependency file is not wanted. */
export interface DependencyOptions {
  /** Package names, from `SkipPackages`. */
  readonly skip?: readonly string[]
}

/**
 * Loads a conda environment file. `file.canonical` is `{channels, conda, pip, pipOptions, variables?}` and is what gets installed: names of
 * the standard library and skipped packages are gone from it. Errors: `CONFIGURATION_INVALID`.
 */
export async function loadCondaDependencies(project: Project, path: string, options: DependencyOptions = {}): Promise<CondaDependencies> {
  const read = await readCondaDependencies(project, await readProjectFile(project, path), options)
  throwErrors(read.diagnostics)
  return read
}

interface Collected {
  readonly conda: string[]
  readonly pip: string[]
  readonly options: (readonly [string, string?])[]
  readonly local: LocalPackage[]
}

/** Parse, normalise, rules. Errors are in `diagnostics`. */
export async function readCondaDependencies(
  project: Project,
  parsed: ParsedFile,
  options: DependencyOptions = {},
): Promise<CondaDependencies> {
  const diagnostics = diagnosticList(parsed.file)
  diagnostics.list.push(...parsed.diagnostics)
  const { root } = parsed
  if (root === undefined && !hasErrors(parsed.diagnostics)) diagnostics.note('EMPTY_FILE', 'the file is empty: read as if it were absent')
  if (root !== undefined && root.kind !== 'map')
    diagnostics.error('NOT_A_MAP', 'the file must have the line `dependencies:` and a list below it', root.position)
  const collected: Collected = { conda: [], pip: [], options: [], local: [] }
  const map = root?.kind === 'map' ? root : undefined
  const isSuccessor = map !== undefined && isSuccessorEnvironment(map)
  if (isSuccessor) successorError(map, diagnostics)
  const entries: Entries = map === undefined || isSuccessor ? new Map() : readKeys(map, condaKeys, diagnostics)
  const channels = readChannels(entries, diagnostics)
  readDependencies(entries, new Set(options.skip), collected, diagnostics)
  const packages = packagesOf(collected, channels ?? ['defaults'])
  const localFiles = await readLocalPackages(project, collected.local, diagnostics)
  const variables = entries.get('variables')?.value
  const canonical = canonicalPackages(packages, variables === undefined || isNull(variables) ? undefined : toJson(variables))
  return { file: { file: parsed.file, text: parsed.text, canonical, localFiles }, packages, diagnostics: diagnostics.list }
}

const isSuccessorEnvironment = (map: YamlMap): boolean =>
  findEntry(map, 'dependencies') === undefined && successorKeys.some((key) => findEntry(map, key) !== undefined)

function successorError(map: YamlMap, diagnostics: DiagnosticList): void {
  diagnostics.error(
    'NOT_CONDA',
    'this is the environment part of a successor run configuration, not a conda file',
    map.position,
    'name the file that its condaDependenciesFile names',
  )
}

function readChannels(entries: Entries, diagnostics: DiagnosticList): readonly string[] | undefined {
  const entry = entries.get('channels')
  const channels = entry === undefined ? undefined : readTextList(entry, diagnostics)
  for (const channel of channels ?? []) if (entry !== undefined) addressRules(channel, entry.position, diagnostics)
  return channels === undefined || channels.length === 0 ? undefined : channels.map((channel) => channel.trim())
}

function readDependencies(entries: Entries, skip: ReadonlySet<string>, collected: Collected, diagnostics: DiagnosticList): void {
  const entry = entries.get('dependencies')
  if (entry === undefined || isNull(entry.value)) return
  if (entry.value.kind !== 'list') {
    diagnostics.error('WRONG_VALUE', 'dependencies must be a list', entry.position, 'begin each line below it with `- `')
    return
  }
  for (const item of entry.value.items) readDependency(item, skip, collected, diagnostics)
}

function readDependency(item: YamlNode, skip: ReadonlySet<string>, collected: Collected, diagnostics: DiagnosticList): void {
  if (item.kind === 'map') {
    for (const entry of item.entries) {
      if (entry.key.toLowerCase() === 'pip') readPip(entry, skip, collected, diagnostics)
      else
        diagnostics.error(
          'WRONG_VALUE',
          `${entry.key}: a package is text; only pip has a list below it`,
          entry.position,
          `write \`- ${entry.key}\``,
        )
    }
    return
  }
  const text = itemText(item, diagnostics)
  if (text === undefined || isLeftOut(text, skip, item.position, diagnostics)) return
  if (keepPackage(text, 'conda', skip, item.position, diagnostics)) collected.conda.push(text)
}

function itemText(item: YamlNode, diagnostics: DiagnosticList): string | undefined {
  if (item.kind === 'scalar' && !isNull(item) && item.text.trim() !== '') return item.text.trim()
  diagnostics.error(
    'WRONG_VALUE',
    item.kind === 'scalar' ? 'an empty item: a package name is missing' : 'a package must be text',
    item.position,
    'delete the line',
  )
  return undefined
}

function readPip({ value, position }: YamlEntry, skip: ReadonlySet<string>, collected: Collected, diagnostics: DiagnosticList): void {
  if (isNull(value)) return
  if (value.kind !== 'list') {
    diagnostics.error('WRONG_VALUE', 'pip must have a list below it', position, 'begin each line below it with `- `')
    return
  }
  for (const item of value.items) {
    const text = itemText(item, diagnostics)
    if (text !== undefined) readPipItem(text, item, skip, collected, diagnostics)
  }
}

/** Shared with requirements files, whose lines have the same form. */
export function readPipItem(
  text: string,
  { position }: Pick<YamlNode, 'position'>,
  skip: ReadonlySet<string>,
  collected: Pick<Collected, 'pip' | 'options' | 'local'>,
  diagnostics: DiagnosticList,
): void {
  if (isLeftOut(text, skip, position, diagnostics)) return
  const { packages, options } = splitPipItem(text)
  for (const [option, value] of options) {
    collected.options.push(value === undefined ? [option] : [option, value])
    if (value === undefined) continue
    addressRules(value, position, diagnostics)
    const url = /^[A-Za-z][\w+.-]+:\/\//.test(value) && !/^file:/i.test(value)
    if (pathOptions.includes(option) && !url) collected.local.push({ path: value, position })
  }
  for (const item of packages) {
    if (!keepPackage(item, 'pip', skip, position, diagnostics)) continue
    collected.pip.push(item)
    if (isLocalPath(item)) collected.local.push({ path: item, position })
  }
}

function packagesOf({ conda, pip, options }: Collected, channels: readonly string[]): CondaPackages {
  const python = conda.find((spec) => condaPackageName(spec) === 'python')
  const version = python === undefined ? undefined : pythonVersion(python)
  return {
    conda,
    pip,
    pipOptions: options.flatMap(([option, value]) => (value === undefined ? [option] : [option, value])),
    ...(version === undefined ? {} : { python: version }),
    channels,
  }
}

/** `python=3.5.2`, `python 3.6`, `python >=3.6,<3.8`; undefined when no version is asked for. */
function pythonVersion(spec: string): string | undefined {
  const rest = spec.replace(/^([^\s:]+::)?python\s*/i, '').trim()
  if (rest === '') return undefined
  const exact = /^={0,2}\s*([\d.*]+)(=.*)?$/.exec(rest)
  return exact?.[1] ?? rest
}

const oneBlank = (text: string): string => text.trim().replaceAll(/\s+/g, ' ')
const sorted = (items: readonly string[]): string[] => [...new Set(items.map(oneBlank))].toSorted()

/** Same meaning, same value: order of packages and blanks do not matter, order of channels and of pip's options does. */
function canonicalPackages(packages: CondaPackages, variables: JsonValue | undefined): JsonValue {
  return {
    channels: packages.channels,
    conda: sorted(packages.conda),
    pip: sorted(packages.pip),
    pipOptions: packages.pipOptions,
    ...(variables === undefined ? {} : { variables }),
  }
}
