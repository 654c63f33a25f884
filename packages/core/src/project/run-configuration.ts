import { posix } from 'node:path'
import { diagnosticList, hasErrors, type Diagnostic, type DiagnosticList, type Position } from './diagnostic.ts'
import { cleanPath } from './files.ts'
import { frameworkWord } from './framework.ts'
import { readKeys, type Entries } from './keys.ts'
import type { RunConfiguration, RunConfigurationContent } from './model.ts'
import { isNull, type ParsedFile, type YamlEntry, type YamlMap } from './parse.ts'
import { runConfigurationKeys } from './run-configuration-keys.ts'
import { readSuccessor } from './successor-run-configuration.ts'
import { nodeAt, readBooleanKey, readSeconds, readText, readTextList, readTextMap, toJson } from './values.ts'
import { variableRules } from './variable-rules.ts'

/** What reading a run configuration depends on beside its own file. */
export interface RunConfigurationSurroundings {
  /** Whether a target of that name is `local` by name or by its file. */
  isLocal(target: string): Promise<boolean>
  hasTarget(name: string): Promise<boolean>
}

/** A run configuration as far as it could be read; whole when `diagnostics` holds no error. */
export type ReadRunConfiguration = Partial<RunConfiguration> & {
  readonly name: string
  readonly file: string
  readonly diagnostics: readonly Diagnostic[]
}

export function isWhole(configuration: ReadRunConfiguration): configuration is RunConfiguration {
  return configuration.target !== undefined && configuration.argumentVector !== undefined && !hasErrors(configuration.diagnostics)
}

export const defaultCondaFile = 'aml_config/conda_dependencies.yml'
export const defaultSparkFile = 'aml_config/spark_dependencies.yml'

/** Parse, normalise, rules of a `.runconfig` file of any form. Errors are in `diagnostics`. */
export async function readRunConfiguration(
  name: string,
  parsed: ParsedFile,
  surroundings: RunConfigurationSurroundings,
): Promise<ReadRunConfiguration> {
  const diagnostics = diagnosticList(parsed.file)
  diagnostics.list.push(...parsed.diagnostics)
  const { root } = parsed
  const found = { name, file: parsed.file, diagnostics: diagnostics.list }
  if (root === undefined && !hasErrors(parsed.diagnostics)) {
    diagnostics.error('EMPTY_FILE', 'the file is empty', undefined, `make it anew: errand runconfiguration create -n ${name} -t TARGET`)
  }
  if (root !== undefined && root.kind !== 'map') {
    diagnostics.error('NOT_A_MAP', 'the file must hold lines of the form `Key: value`', root.position)
  }
  if (root?.kind !== 'map') return found
  const successor = root.entries.some((entry) => entry.key.toLowerCase() === 'environment')
  const content = successor ? readSuccessor(root, diagnostics) : await readWorkbench(name, root, surroundings, diagnostics)
  variableRules(content, root, diagnostics)
  return { ...found, ...content, position: (...path: readonly (string | number)[]): Position | undefined => nodeAt(root, path)?.position }
}

async function readWorkbench(
  name: string,
  root: YamlMap,
  surroundings: RunConfigurationSurroundings,
  diagnostics: DiagnosticList,
): Promise<Partial<RunConfigurationContent>> {
  const entries = readKeys(root, runConfigurationKeys, diagnostics)
  const form = ['Description', 'CondaFile', 'ManagedEnvironment'].some((key) => root.entries.some((entry) => entry.key === key))
    ? 'json'
    : 'workbench'
  const target = await readTargetName(name, root, entries, surroundings, diagnostics)
  const framework = await readFramework(root, entries, target, form, surroundings, diagnostics)
  const argumentVector = readArgumentVector(root, entries, diagnostics)
  const conda = readFile(entries.get('CondaDependenciesFile'), diagnostics, defaultCondaFile)
  const spark = readFile(entries.get('SparkDependenciesFile'), diagnostics, defaultSparkFile)
  const requirements = readFile(entries.get('RequirementsFile'), diagnostics)
  const boolean = (key: string): boolean | undefined => read(entries, key, diagnostics, readBooleanKey)
  const managed = boolean('ManagedEnvironment')
  boolean('UseSampling')
  const timeLimit = read(entries, 'TimeLimit', diagnostics, readSeconds)
  const outputs = readOutputs(entries, diagnostics)
  const options = entries.get('TargetOptions')
  const condaEntry = entries.get('CondaDependenciesFile')
  if (form === 'json' && condaEntry !== undefined && isNull(condaEntry.value) && managed !== false) {
    diagnostics.note(
      'NO_ENVIRONMENT_FILE',
      `${condaEntry.key}: null means no environment file`,
      condaEntry.position,
      `name it: ${defaultCondaFile}`,
    )
  }
  return {
    form,
    ...(argumentVector === undefined ? {} : { argumentVector }),
    scriptReplaceable: false,
    ...(target === undefined ? {} : { target }),
    ...(framework === undefined ? {} : { framework }),
    variables: read(entries, 'EnvironmentVariables', diagnostics, readTextMap) ?? {},
    secretVariables: read(entries, 'SecretEnvironmentVariables', diagnostics, readTextList) ?? [],
    ...(conda.path === undefined ? {} : { condaDependenciesFile: conda.path }),
    ...(spark.path === undefined ? {} : { sparkDependenciesFile: spark.path }),
    ...(requirements.path === undefined ? {} : { requirementsFile: requirements.path }),
    namedFiles: (['conda', 'spark', 'requirements'] as const).filter((kind) => ({ conda, spark, requirements })[kind].named),
    skipPackages: read(entries, 'SkipPackages', diagnostics, readTextList) ?? [],
    ...(managed === false ? { managedEnvironment: false } : {}),
    prepareEnvironment: boolean('PrepareEnvironment') ?? false,
    trackedRun: boolean('TrackedRun') ?? true,
    expandArguments: boolean('ExpandArguments') ?? false,
    ...(timeLimit === undefined ? {} : { timeLimit }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(options === undefined || isNull(options.value) ? {} : { options: toJson(options.value) }),
  }
}

function read<Value>(
  entries: Entries,
  key: string,
  diagnostics: DiagnosticList,
  reader: (entry: YamlEntry, diagnostics: DiagnosticList) => Value | undefined,
): Value | undefined {
  const entry = entries.get(key)
  return entry === undefined ? undefined : reader(entry, diagnostics)
}

function readArgumentVector(root: YamlMap, entries: Entries, diagnostics: DiagnosticList): readonly string[] | undefined {
  const entry = entries.get('ArgumentVector')
  if (entry === undefined || isNull(entry.value)) return ['$file']
  const vector = readTextList(entry, diagnostics)
  if (vector?.length !== 0) return vector
  diagnostics.error(
    'ARGUMENT_VECTOR_EMPTY',
    `${entry.key} is empty: there is nothing to run`,
    entry.position,
    'write `ArgumentVector: [$file]`',
  )
  return undefined
}

async function readTargetName(
  name: string,
  root: YamlMap,
  entries: Entries,
  surroundings: RunConfigurationSurroundings,
  diagnostics: DiagnosticList,
): Promise<string | undefined> {
  const entry = entries.get('Target')
  const target = entry === undefined ? undefined : readText(entry, diagnostics)
  if (target !== undefined) return target
  if (entry !== undefined && !isNull(entry.value) && entry.value.kind !== 'scalar') return undefined
  if (await surroundings.hasTarget(name)) return name
  const message = `Target is missing, and there is no target ${name} that could be meant`
  diagnostics.error('TARGET_MISSING', message, entry?.position ?? root.position, 'add the line `Target: local`')
  return undefined
}

async function readFramework(
  root: YamlMap,
  entries: Entries,
  target: string | undefined,
  form: 'workbench' | 'json',
  surroundings: RunConfigurationSurroundings,
  diagnostics: DiagnosticList,
): Promise<'python' | 'pyspark' | undefined> {
  const entry = entries.get('Framework')
  const written = entry === undefined ? undefined : readText(entry, diagnostics)
  if (entry !== undefined && written !== undefined) return frameworkWord(entry, written, diagnostics)
  if (entry !== undefined && entry.value.kind !== 'scalar') return undefined
  const oldJson = form === 'json' || root.flow
  const framework = oldJson && target !== undefined && (await surroundings.isLocal(target)) ? 'python' : 'pyspark'
  const message = `no Framework: read as ${framework === 'python' ? 'Python' : 'PySpark'}`
  diagnostics.note('FRAMEWORK_DEFAULT', message, entry?.position ?? root.position, 'write `Framework: Python` or `Framework: PySpark`')
  return framework
}

/** A path key of which absent means the default and `null` means none. */
function readFile(
  entry: YamlEntry | undefined,
  diagnostics: DiagnosticList,
  byDefault?: string,
): { readonly path?: string; readonly named: boolean } {
  if (entry === undefined) return { ...(byDefault === undefined ? {} : { path: byDefault }), named: false }
  const text = readText(entry, diagnostics)
  return text === undefined ? { named: false } : { path: cleanPath(text), named: true }
}

function readOutputs(entries: Entries, diagnostics: DiagnosticList): readonly string[] | undefined {
  const entry = entries.get('Outputs')
  if (entry === undefined) return undefined
  const globs = readTextList(entry, diagnostics)?.map((glob) => cleanPath(glob))
  for (const glob of globs ?? []) {
    if (!glob.startsWith('../') && !posix.isAbsolute(glob) && glob !== '..') continue
    diagnostics.error(
      'OUTPUTS_OUTSIDE',
      `${entry.key}: ${glob} is outside the working folder of the run`,
      entry.position,
      'write paths relative to it, like `outputs/**`',
    )
  }
  return globs === undefined || globs.length === 0 ? undefined : globs
}
