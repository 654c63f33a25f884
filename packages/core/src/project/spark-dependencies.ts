import type { SparkDependencies } from '../request.ts'
import { hideCredentials, holdsCredentials } from './credentials.ts'
import { diagnosticList, hasErrors, throwErrors, type Diagnostic, type DiagnosticList } from './diagnostic.ts'
import { readProjectFile } from './files.ts'
import { readKeys } from './keys.ts'
import type { Project } from './model.ts'
import { isNull, type ParsedFile, type YamlEntry, type YamlMap } from './parse.ts'
import { readTextList, readTextMap, type KeyTable } from './values.ts'

const sparkKeys: KeyTable = {
  configuration: { kind: 'map' },
  repositories: { kind: 'list' },
  packages: { kind: 'list' },
  version: { kind: 'any', ignored: 'is not used' },
  precachePackages: { kind: 'boolean', ignored: 'is not used', severity: 'note' },
}

const nothing: SparkDependencies = { configuration: {}, repositories: [], packages: [] }

/** Loads a `spark_dependencies.yml`; a missing or broken file is `CONFIGURATION_INVALID`. */
export async function loadSparkDependencies(
  project: Project,
  path: string,
): Promise<{ readonly spark: SparkDependencies; readonly diagnostics: readonly Diagnostic[] }> {
  const read = readSparkDependencies(await readProjectFile(project, path))
  throwErrors(read.diagnostics)
  return read
}

/** Parse, normalise, rules. Errors are in `diagnostics`. */
export function readSparkDependencies(parsed: ParsedFile): {
  readonly spark: SparkDependencies
  readonly diagnostics: readonly Diagnostic[]
} {
  const diagnostics = diagnosticList(parsed.file)
  diagnostics.list.push(...parsed.diagnostics)
  const { root } = parsed
  if (root === undefined && !hasErrors(parsed.diagnostics)) diagnostics.note('EMPTY_FILE', 'the file is empty: read as if it were absent')
  if (root !== undefined && root.kind !== 'map')
    diagnostics.error('NOT_A_MAP', 'the file must hold configuration, repositories and packages', root.position)
  if (root?.kind !== 'map') return { spark: nothing, diagnostics: diagnostics.list }
  const entries = readKeys(root, sparkKeys, diagnostics)
  const spark = readSparkParts(
    { configuration: entries.get('configuration'), repositories: entries.get('repositories'), packages: entries.get('packages') },
    diagnostics,
  )
  return { spark, diagnostics: diagnostics.list }
}

export interface SparkEntries {
  readonly configuration: YamlEntry | undefined
  readonly repositories: YamlEntry | undefined
  readonly packages: YamlEntry | undefined
}

/** The three parts, wherever they stand: in their own file or in a successor run configuration. */
export function readSparkParts({ configuration, repositories, packages }: SparkEntries, diagnostics: DiagnosticList): SparkDependencies {
  return {
    configuration: configuration === undefined ? {} : (readTextMap(configuration, diagnostics) ?? {}),
    repositories: repositories === undefined ? [] : readRepositories(repositories, diagnostics),
    packages: packages === undefined ? [] : readPackages(packages, diagnostics),
  }
}

/** spark-submit gets them as arguments, which everybody on its machine can read. */
function readRepositories(entry: YamlEntry, diagnostics: DiagnosticList): string[] {
  const repositories = (readTextList(entry, diagnostics) ?? []).map((url) => url.trim())
  for (const url of repositories.filter(holdsCredentials))
    diagnostics.error(
      'CREDENTIALS_IN_REPOSITORY',
      `the repository ${hideCredentials(url)} holds a password, which would be an argument of spark-submit`,
      entry.position,
      'take it out, and name a file with the login in the configuration: spark.jars.ivySettings',
    )
  return repositories
}

function readPackages(entry: YamlEntry, diagnostics: DiagnosticList): SparkDependencies['packages'] {
  if (isNull(entry.value)) return []
  if (entry.value.kind !== 'list') {
    diagnostics.error('WRONG_VALUE', `${entry.key} must be a list of group, artifact and version`, entry.position)
    return []
  }
  return entry.value.items.flatMap((item) => {
    if (item.kind === 'map') return readPackage(item, diagnostics)
    diagnostics.error('WRONG_VALUE', `an item of ${entry.key} must have group, artifact and version`, item.position)
    return []
  })
}

const packageKeys: KeyTable = { group: { kind: 'text' }, artifact: { kind: 'text' }, version: { kind: 'text' } }

function readPackage(item: YamlMap, diagnostics: DiagnosticList): SparkDependencies['packages'] {
  const entries = readKeys(item, packageKeys, diagnostics)
  const part = (key: string): string | undefined => {
    const value = entries.get(key)?.value
    const text = value?.kind === 'scalar' && !isNull(value) ? value.text.trim() : ''
    return text === '' ? undefined : text
  }
  const [group, artifact, version] = [part('group'), part('artifact'), part('version')]
  if (group !== undefined && artifact !== undefined && version !== undefined) return [{ group, artifact, version }]
  const missing = Object.keys(packageKeys).filter((key) => part(key) === undefined)
  diagnostics.error(
    'PACKAGE_INCOMPLETE',
    `a Spark package without ${missing.join(' and ')}`,
    item.position,
    'write group, artifact and version',
  )
  return []
}
