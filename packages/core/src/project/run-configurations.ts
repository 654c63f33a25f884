import { access, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import { readTarget } from './compute.ts'
import { configurationError, diagnosticList, type Diagnostic } from './diagnostic.ts'
import { listConfigurationFiles, listOtherFiles, readProjectFile, sameNamedElsewhere, type ConfigurationFile } from './files.ts'
import { runConfigurationText } from './init-templates.ts'
import type { ListedRunConfiguration, Project, RunConfiguration } from './model.ts'
import { didYouMean } from './near-name.ts'
import { isWhole, readRunConfiguration, type RunConfigurationSurroundings } from './run-configuration.ts'
import { writeWhole } from './write-file.ts'

const suffix = '.runconfig'

function surroundings(project: Project): RunConfigurationSurroundings {
  const find = async (name: string): Promise<ConfigurationFile | undefined> =>
    (await listConfigurationFiles(project, '.compute')).find((file) => file.name === name)
  return {
    hasTarget: async (name) => name === 'local' || (await find(name)) !== undefined,
    async isLocal(name) {
      const found = await find(name)
      if (found === undefined) return name === 'local'
      return readTarget(name, await readProjectFile(project, found.file)).type === 'local'
    },
  }
}

/** All run configurations by name; broken ones are in, with their errors. */
export async function listRunConfigurations(project: Project): Promise<readonly ListedRunConfiguration[]> {
  const around = surroundings(project)
  const listed: ListedRunConfiguration[] = []
  for (const { name, file } of await listConfigurationFiles(project, suffix)) {
    const { target, framework, diagnostics } = await readRunConfiguration(name, await readProjectFile(project, file), around)
    listed.push({ name, file, ...(target === undefined ? {} : { target }), ...(framework === undefined ? {} : { framework }), diagnostics })
  }
  return listed
}

/** Loads `NAME` or `NAME.runconfig`. Errors: `CONFIGURATION_INVALID`, `RUN_CONFIGURATION_NOT_FOUND` with near names. */
export async function loadRunConfiguration(project: Project, name: string): Promise<RunConfiguration> {
  const found = await findRunConfiguration(project, name)
  const read = await readRunConfiguration(found.name, await readProjectFile(project, found.file), surroundings(project))
  if (!isWhole(read)) throw configurationError(read.diagnostics)
  return read
}

async function findRunConfiguration(project: Project, written: string, { toUse = true } = {}): Promise<ConfigurationFile> {
  const name = stripSuffix(written)
  const files = await listConfigurationFiles(project, suffix)
  const found = files.find((file) => file.name === name)
  if (found !== undefined) return found
  const names = files.map((file) => file.name)
  const elsewhere = await sameNamedElsewhere(project, `${name}${suffix}`)
  const old = (await listOtherFiles(project)).filter(({ file }) => file.endsWith(`/${name}.amb`))
  const isTarget = toUse && (await surroundings(project).hasTarget(name))
  const known = `the run configurations are ${names.join(', ')}`
  const hint = [
    ...elsewhere.map((path) => `${path} is not read: move it to ${project.configurationDirectory}/`),
    ...old.map(({ file }) => `${file} is a run configuration of the first months and is not read`),
    ...(isTarget || names.length === 0
      ? [`make one with \`errand runconfiguration create -n ${name} -t ${isTarget ? name : 'local'}\``]
      : []),
    ...(names.length === 0 ? [] : [(isTarget ? undefined : didYouMean(name.replace(/^.*[/\\]/s, ''), names)) ?? known]),
  ].join('; ')
  const file = `${project.configurationDirectory}/${name}${suffix}`
  throw new ErrandError('RUN_CONFIGURATION_NOT_FOUND', `There is no run configuration ${name}: ${file} does not exist.`, { hint })
}

function stripSuffix(name: string): string {
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : name
}

/**
 * Writes `NAME.runconfig` for a target, with the original's keys. A target without a file is a warning.
 * Errors: `NAME_INVALID`; `FILE_EXISTS` unless `overwrite`; `FILE_NOT_WRITTEN`.
 */
export async function createRunConfiguration(
  project: Project,
  { name, target, overwrite = false }: { readonly name: string; readonly target: string; readonly overwrite?: boolean },
): Promise<{ readonly file: string; readonly diagnostics: readonly Diagnostic[] }> {
  checkName(name)
  const file = `${project.configurationDirectory}/${name}${suffix}`
  const diagnostics = diagnosticList(file)
  const targets = (await listConfigurationFiles(project, '.compute')).map((known) => known.name)
  if (target !== 'local' && !targets.includes(target)) {
    const message = `there is no target ${target}: ${project.configurationDirectory}/${target}.compute does not exist`
    diagnostics.warning('TARGET_NOT_FOUND', message, undefined, didYouMean(target, [...targets, 'local']))
  }
  const found = targets.includes(target)
    ? (await listConfigurationFiles(project, '.compute')).find((known) => known.name === target)
    : undefined
  const type = found === undefined ? target : readTarget(target, await readProjectFile(project, found.file)).type
  const framework = type === 'local' || type === 'docker' ? 'Python' : 'PySpark'
  await mkdir(join(project.directory, project.configurationDirectory), { recursive: true })
  const text = await newRunConfiguration(project, target, framework)
  if (!(await writeWhole(join(project.directory, file), text, { replace: overwrite })))
    throw new ErrandError('FILE_EXISTS', `${file} exists already.`, { hint: 'choose another name, or overwrite it with --overwrite' })
  return { file, diagnostics: diagnostics.list }
}

/** The text of a run configuration that names what the project has. */
export async function newRunConfiguration(project: Project, target: string, framework: 'Python' | 'PySpark'): Promise<string> {
  const present = async (name: string): Promise<string | undefined> => {
    const file = `${project.configurationDirectory}/${name}`
    return access(join(project.directory, file)).then(
      () => file,
      () => undefined,
    )
  }
  const [conda, spark] = await Promise.all([present('conda_dependencies.yml'), present('spark_dependencies.yml')])
  return runConfigurationText(target, framework, { conda, spark })
}

function checkName(name: string): void {
  if (name.endsWith(suffix)) {
    throw new ErrandError('NAME_INVALID', `The name ${name} must not end in ${suffix}.`, {
      hint: `use \`-n ${stripSuffix(name) || 'NAME'}\``,
    })
  }
  if (/^[\p{L}\p{N}_][\p{L}\p{N}_ .-]*$/u.test(name)) return
  throw new ErrandError('NAME_INVALID', `${JSON.stringify(name)} is no name for a run configuration.`, {
    hint: 'use letters, digits, `_`, `-` and `.`',
  })
}

/** Deletes `NAME.runconfig` and returns its path relative to the project. Error: `RUN_CONFIGURATION_NOT_FOUND`. */
export async function deleteRunConfiguration(project: Project, name: string): Promise<string> {
  const { file } = await findRunConfiguration(project, name, { toUse: false })
  await rm(join(project.directory, file))
  return file
}

/** Bytes of a file of the project, or undefined when there is no such file. */
export async function readIfPresent(project: Project, file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(join(project.directory, file))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}
