import type { JsonValue } from '../json.ts'
import type { SparkDependencies } from '../request.ts'
import type { DiagnosticList } from './diagnostic.ts'
import { cleanPath } from './files.ts'
import { frameworkWord } from './framework.ts'
import { readKeys, type Entries } from './keys.ts'
import type { RunConfigurationContent, TargetOverride } from './model.ts'
import { isNull, type YamlEntry, type YamlMap } from './parse.ts'
import { successorKeys, successorSections } from './run-configuration-keys.ts'
import { readSparkParts } from './spark-dependencies.ts'
import { cloudTypes } from './target-types.ts'
import { readBooleanKey, readSeconds, readText, readTextList, readTextMap } from './values.ts'

type Reader<Value> = (entry: YamlEntry, diagnostics: DiagnosticList) => Value | undefined

/** Known keys of one map with typed access; an absent map has none. */
function section(entry: YamlEntry | undefined, table: Parameters<typeof readKeys>[1], diagnostics: DiagnosticList) {
  if (entry !== undefined && entry.value.kind !== 'map' && !isNull(entry.value)) {
    diagnostics.error('WRONG_VALUE', `${entry.key} must be a map`, entry.position)
  }
  const entries: Entries = entry?.value.kind === 'map' ? readKeys(entry.value, table, diagnostics) : new Map()
  return reading(entries, diagnostics)
}

function reading(entries: Entries, diagnostics: DiagnosticList) {
  const read = <Value>(key: string, reader: Reader<Value>): Value | undefined => {
    const entry = entries.get(key)
    return entry === undefined ? undefined : reader(entry, diagnostics)
  }
  return {
    entry: (key: string): YamlEntry | undefined => entries.get(key),
    text: (key: string): string | undefined => read(key, readText),
    boolean: (key: string): boolean | undefined => read(key, readBooleanKey),
    seconds: (key: string): number | undefined => read(key, readSeconds),
    list: (key: string): readonly string[] | undefined => read(key, readTextList),
    map: (key: string): Readonly<Record<string, string>> | undefined => read(key, readTextMap),
  }
}

/** The successor's form, mapped to the model. What needs its cloud services is refused. */
export function readSuccessor(root: YamlMap, diagnostics: DiagnosticList): Partial<RunConfigurationContent> {
  const top = reading(readKeys(root, successorKeys, diagnostics), diagnostics)
  const environment = section(top.entry('environment'), successorSections.environment, diagnostics)
  const python = section(environment.entry('python'), successorSections.python, diagnostics)
  const docker = section(environment.entry('docker'), successorSections.docker, diagnostics)
  const history = section(top.entry('history'), successorSections.history, diagnostics)
  const hdi = section(top.entry('hdi'), successorSections.hdi, diagnostics)
  cloudRules(root, top, docker, diagnostics)
  const target = top.text('target') ?? 'local'
  const frameworkEntry = top.entry('framework')
  const written = top.text('framework')
  const framework = frameworkEntry === undefined || written === undefined ? 'python' : frameworkWord(frameworkEntry, written, diagnostics)
  const script = top.text('script')
  const conda = python.text('condaDependenciesFile')
  const condaEntry = python.entry('condaDependenciesFile')
  const condaFile = condaEntry === undefined ? 'aml_config/conda_dependencies.yml' : conda
  const userManaged = python.boolean('userManagedDependencies')
  const interpreter = python.text('interpreterPath')
  const timeLimit = top.seconds('maxRunDurationSeconds')
  const targetOverride = overrideOf(target, docker, hdi)
  diagnostics.note(
    'SUCCESSOR_FORM',
    'a run configuration of the successor: read as far as it needs none of its cloud services',
    root.position,
  )
  return {
    form: 'successor',
    argumentVector: [script === undefined ? '$file' : cleanPath(script), ...(top.list('arguments') ?? [])],
    scriptReplaceable: true,
    target,
    ...(framework === undefined ? {} : { framework }),
    variables: environment.map('environmentVariables') ?? {},
    secretVariables: top.list('secretEnvironmentVariables') ?? [],
    ...(condaFile === undefined ? {} : { condaDependenciesFile: cleanPath(condaFile) }),
    namedFiles: conda === undefined ? [] : ['conda'],
    skipPackages: [],
    // A container has no interpreter of the user's: there `false` is what the target does anyway.
    ...(userManaged === undefined || targetOverride?.type !== undefined ? {} : { managedEnvironment: !userManaged }),
    ...(userManaged === true && interpreter !== undefined && interpreter !== 'python' ? { python: interpreter } : {}),
    prepareEnvironment: top.boolean('autoPrepareEnvironment') ?? true,
    trackedRun: history.boolean('outputCollection') ?? true,
    expandArguments: top.boolean('expandArguments') ?? false,
    ...(timeLimit === undefined ? {} : { timeLimit }),
    spark: sparkOf(top.entry('spark'), environment.entry('spark'), diagnostics),
    ...(targetOverride === undefined ? {} : { targetOverride }),
  }
}

function overrideOf(target: string, docker: ReturnType<typeof section>, hdi: ReturnType<typeof section>): TargetOverride | undefined {
  const image = docker.text('baseImage')
  const shared = docker.boolean('sharedVolumes')
  const gpu = docker.boolean('gpuSupport')
  const shm = docker.text('shmSize')
  const extra = docker.list('arguments') ?? []
  const yarnDeployMode = hdi.text('yarnDeployMode')
  if (target === 'local' && docker.boolean('enabled') === true) {
    const values: Record<string, JsonValue> = {
      ...(image === undefined ? {} : { baseDockerImage: image }),
      ...(shared === undefined ? {} : { sharedVolumes: shared }),
      ...(gpu === undefined ? {} : { nvidiaDocker: gpu }),
      ...(shm === undefined ? {} : { shmSize: shm }),
      ...(extra.length === 0 ? {} : { containerOptions: extra }),
    }
    return { type: 'docker', values }
  }
  return target === 'local' || yarnDeployMode === undefined ? undefined : { values: { yarnDeployMode } }
}

function sparkOf(spark: YamlEntry | undefined, environmentSpark: YamlEntry | undefined, diagnostics: DiagnosticList): SparkDependencies {
  const settings = section(spark, successorSections.spark, diagnostics)
  const packages = section(environmentSpark, successorSections.environmentSpark, diagnostics)
  return readSparkParts(
    { configuration: settings.entry('configuration'), repositories: packages.entry('repositories'), packages: packages.entry('packages') },
    diagnostics,
  )
}

/** One clear refusal for each thing that only a cloud service of the successor can do. */
function cloudRules(root: YamlMap, top: ReturnType<typeof reading>, docker: ReturnType<typeof section>, diagnostics: DiagnosticList): void {
  const refuse = (entry: YamlEntry | undefined, what: string): void =>
    diagnostics.error(
      'CLOUD_SERVICE',
      `${what} needs a cloud service of the successor, which this tool does not have`,
      entry?.value.position ?? root.position,
      'use a target of this project: `errand computetarget list`',
    )
  const target = top.entry('target')
  const targetName = target?.value.kind === 'scalar' ? target.value.text.trim() : undefined
  if (targetName !== undefined && cloudTypes.includes(targetName.toLowerCase())) refuse(target, `target ${targetName}`)
  const communicator = top.entry('communicator')
  if (communicator?.value.kind === 'scalar' && !isNull(communicator.value) && !/^none$/i.test(communicator.value.text)) {
    refuse(communicator, `communicator ${communicator.value.text}`)
  }
  const nodes = top.entry('nodeCount')
  if (nodes?.value.kind === 'scalar' && !isNull(nodes.value) && nodes.value.text !== '1') refuse(nodes, 'more than one node')
  const references = top.entry('dataReferences')
  const none =
    references === undefined || isNull(references.value) || (references.value.kind === 'map' && references.value.entries.length === 0)
  if (!none) refuse(references, 'dataReferences')
  const store = top.entry('sourceDirectoryDataStore')
  if (store !== undefined && !isNull(store.value)) refuse(store, 'sourceDirectoryDataStore')
  registryNote(docker.entry('baseImageRegistry'), diagnostics)
}

/** Logging in to a registry is Docker's own matter. */
function registryNote(registry: YamlEntry | undefined, diagnostics: DiagnosticList): void {
  if (registry?.value.kind !== 'map') return
  const filled = registry.value.entries.find((entry) => !isNull(entry.value))
  if (filled === undefined) return
  diagnostics.warning(
    'IGNORED_KEY',
    'baseImageRegistry is ignored',
    filled.position,
    'log in once with `docker login`, and write the registry into the name of the image',
  )
}
