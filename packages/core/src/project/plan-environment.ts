import { readdir } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { ErrandError } from '../errors.ts'
import type { Environment, SparkDependencies } from '../request.ts'
import type { Capabilities } from '../target.ts'
import { readCondaDependencies } from './conda-dependencies.ts'
import { diagnosticList, throwErrors, type Diagnostic } from './diagnostic.ts'
import { cleanPath, insideProject } from './files.ts'
import type { PlanOptions, Project, RunConfiguration, TargetFile } from './model.ts'
import { meantOne, nearNames } from './near-name.ts'
import { parseFile } from './parse.ts'
import { loadRequirements } from './requirements.ts'
import { defaultCondaFile } from './run-configuration.ts'
import { readIfPresent } from './run-configurations.ts'
import { readSparkDependencies } from './spark-dependencies.ts'

export interface PlannedEnvironment {
  readonly environment: Environment
  readonly spark?: SparkDependencies
  /** Files of the project that are read where the environment is made. */
  readonly needed: readonly string[]
  readonly unusedEnvironmentFile?: string
  readonly diagnostics: readonly Diagnostic[]
}

type Options = Pick<PlanOptions, 'condaDependencies' | 'sparkDependencies' | 'from' | 'without'>

/** Environment and Spark part of a plan: which dependency files count on this target, and what is in them. */
export async function planEnvironment(
  project: Project,
  configuration: RunConfiguration,
  typed: Options,
  target: TargetFile,
  place: { readonly capabilities: Capabilities; readonly userManaged: boolean },
): Promise<PlannedEnvironment> {
  const options = await filesInProject(project, configuration, typed)
  const spark = configuration.framework === 'pyspark' ? await planSpark(project, configuration, options.sparkDependencies) : undefined
  // A type that offers nothing else needs no key of the .compute file to say so.
  const usual = place.userManaged || place.capabilities.environments.every((kind) => kind === 'user-managed')
  const userManaged = configuration.managedEnvironment === undefined ? usual : !configuration.managedEnvironment
  const environment = userManaged
    ? await userManagedEnvironment(project, configuration, options)
    : await managedEnvironment(project, configuration, options)
  supported(environment.environment, configuration, target, place.capabilities)
  return {
    ...environment,
    ...(spark === undefined ? {} : { spark: spark.spark }),
    needed: [...environment.needed, ...(spark?.needed ?? [])],
    diagnostics: [...environment.diagnostics, ...(spark?.diagnostics ?? [])],
  }
}

/** The files of the command line relative to the project. They have to be there. */
async function filesInProject(project: Project, configuration: RunConfiguration, typed: Options): Promise<Options> {
  const { condaDependencies: conda, sparkDependencies: spark, from, without } = typed
  const pathOf = async (file: string): Promise<string> => (await dependencyFile(project, file, undefined, configuration, from)).path
  return {
    ...(conda === undefined ? {} : { condaDependencies: await pathOf(conda) }),
    ...(spark === undefined ? {} : { sparkDependencies: await pathOf(spark) }),
    ...(without === undefined ? {} : { without }),
  }
}

async function userManagedEnvironment(project: Project, configuration: RunConfiguration, options: Options): Promise<PlannedEnvironment> {
  const diagnostics = diagnosticList(configuration.file)
  if (options.condaDependencies !== undefined) {
    diagnostics.warning('DEPENDENCIES_NOT_USED', `${options.condaDependencies} is not used: the target runs your own Python as it is`)
  }
  const files = [options.condaDependencies, configuration.requirementsFile, configuration.condaDependenciesFile]
  let unused: string | undefined
  for (const file of files) {
    if (file === undefined || unused !== undefined) continue
    const inside = insideProject(project, file)
    if (inside !== undefined && (await readIfPresent(project, inside)) !== undefined) unused = inside
  }
  return {
    environment: { kind: 'user-managed', ...(configuration.python === undefined ? {} : { python: configuration.python }) },
    needed: [],
    ...(unused === undefined ? {} : { unusedEnvironmentFile: unused }),
    diagnostics: diagnostics.list,
  }
}

async function managedEnvironment(project: Project, configuration: RunConfiguration, options: Options): Promise<PlannedEnvironment> {
  const skip = [...configuration.skipPackages, ...(options.without ?? [])]
  if (options.condaDependencies === undefined && configuration.requirementsFile !== undefined) {
    const { path, bytes } = await dependencyFile(project, configuration.requirementsFile, 'RequirementsFile', configuration)
    const { file, diagnostics } = await loadRequirements(project, path, bytes, skip)
    return { environment: { kind: 'requirements', ...file }, needed: [path, ...file.localFiles.map((local) => local.path)], diagnostics }
  }
  const wanted = options.condaDependencies ?? configuration.condaDependenciesFile
  const named = options.condaDependencies !== undefined || configuration.namedFiles.includes('conda')
  const found = wanted === undefined ? undefined : await condaFile(project, wanted, named, configuration)
  const parsed = await parseFile(found?.path ?? wanted ?? configuration.file, found?.bytes ?? new Uint8Array())
  const read = await readCondaDependencies(project, parsed, { skip })
  throwErrors(read.diagnostics)
  const unused = wanted === undefined && (await readIfPresent(project, defaultCondaFile)) !== undefined ? defaultCondaFile : undefined
  return {
    environment: { kind: 'conda', ...read.file },
    needed: found === undefined ? [] : [found.path, ...read.file.localFiles.map((local) => local.path)],
    ...(unused === undefined ? {} : { unusedEnvironmentFile: unused }),
    diagnostics: found === undefined ? [] : read.diagnostics,
  }
}

interface FoundFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** A default that is not there means Python and nothing else; a file that somebody named must be there. */
async function condaFile(
  project: Project,
  wanted: string,
  named: boolean,
  configuration: RunConfiguration,
): Promise<FoundFile | undefined> {
  if (named) return dependencyFile(project, wanted, 'CondaDependenciesFile', configuration)
  return defaultFile(project, wanted)
}

/** A default path, in whichever folder of configuration files it is. */
async function defaultFile(project: Project, path: string): Promise<FoundFile | undefined> {
  for (const candidate of [path, path.replace(/^aml_config\//, '.azureml/')]) {
    const bytes = await readIfPresent(project, candidate)
    if (bytes !== undefined) return { path: candidate, bytes }
  }
  return undefined
}

async function planSpark(
  project: Project,
  configuration: RunConfiguration,
  given: string | undefined,
): Promise<Pick<PlannedEnvironment, 'needed' | 'diagnostics'> & { readonly spark: SparkDependencies }> {
  const nothing: SparkDependencies = { configuration: {}, repositories: [], packages: [] }
  const wanted = given ?? (configuration.spark === undefined ? configuration.sparkDependenciesFile : undefined)
  if (wanted === undefined) return { spark: configuration.spark ?? nothing, needed: [], diagnostics: [] }
  const named = given !== undefined || configuration.namedFiles.includes('spark')
  const found = named ? await dependencyFile(project, wanted, 'SparkDependenciesFile', configuration) : await defaultFile(project, wanted)
  if (found === undefined) return { spark: nothing, needed: [], diagnostics: [] }
  const { path, bytes } = found
  const { spark, diagnostics } = readSparkDependencies(await parseFile(path, bytes))
  throwErrors(diagnostics)
  return { spark, needed: [path], diagnostics }
}

/**
 * Reads a dependency file that the key of the run configuration names, or, without a key, the command line. Errors:
 * `DEPENDENCY_FILE_OUTSIDE`, `DEPENDENCY_FILE_MISSING` with near names.
 */
async function dependencyFile(
  project: Project,
  written: string,
  key: string | undefined,
  configuration: RunConfiguration,
  from = '.',
): Promise<FoundFile> {
  const line = key === undefined ? undefined : configuration.position(key)?.line
  const place = line === undefined ? '' : `${configuration.file}:${line}: `
  const path = insideProject(project, written, from)
  if (path === undefined) {
    throw new ErrandError('DEPENDENCY_FILE_OUTSIDE', `${place}The dependency file ${written} is outside the project.`, {
      hint: 'copy it into the project',
    })
  }
  const bytes = await readIfPresent(project, path)
  if (bytes !== undefined) return { path, bytes }
  const directory = posix.dirname(cleanPath(path))
  const names = await readdir(join(project.directory, directory)).catch(() => [])
  const near = nearNames(
    path,
    names.filter((name) => /\.(ya?ml|txt)$/.test(name) && !isOfOtherKind(path, name)).map((name) => posix.join(directory, name)),
  ).map((name) => posix.relative(from, name))
  throw new ErrandError('DEPENDENCY_FILE_MISSING', `${place}The dependency file ${path} does not exist.`, {
    hint: meantOne(near) ?? (key === undefined ? 'name a file of the project' : `write the file, or \`${key}: null\` for none`),
  })
}

/** `conda_dependencies.yml` is near to `spark_dependencies.yml`, and never what was meant. */
function isOfOtherKind(path: string, name: string): boolean {
  return [/conda/i, /spark/i].some((kind) => kind.test(name) && !kind.test(path)) && /conda|spark/i.test(path)
}

function supported(environment: Environment, configuration: RunConfiguration, target: TargetFile, { environments }: Capabilities): void {
  if (environments.includes(environment.kind)) return
  const words = {
    conda: 'an environment made from a conda file',
    requirements: 'an environment made from a requirements file',
    'user-managed': "the user's own Python",
  }
  throw new ErrandError(
    'ENVIRONMENT_NOT_SUPPORTED',
    `${configuration.file}: target ${target.name} of type ${target.type} does not offer ${words[environment.kind]}.`,
    {
      hint:
        environment.kind === 'user-managed'
          ? 'choose another target'
          : 'choose a docker target with -t, or let the run use your own Python there',
    },
  )
}
