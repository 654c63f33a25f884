import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, errorMessage } from '../errors.ts'
import { formatBytes } from '../format-bytes.ts'
import { projectIdOf } from '../history/project-id.ts'
import { type Diagnostic, lintProject, listRunConfigurations, loadRunConfiguration, loadTarget, planPrepare } from '../project/index.ts'
import { lookAtProject } from '../snapshot/index.ts'
import type { CallOptions, Finding } from '../target.ts'
import { type Surroundings, openTarget } from './context.ts'
import { configuredPlan } from './submit.ts'
import { checkTarget } from './target-commands.ts'

/** Something that the doctor looked at. `about` groups findings: `project`, `files`, `target gpu`, `run configuration gpu`. */
export interface DoctorFinding extends Finding {
  readonly about: string
}

/**
 * Looks at everything that a run needs, from the files of the project to the interpreter at each target: of one run configuration, or of
 * all, where what was never installed is a warning. Makes nothing in the project. What is wrong is a finding and no error. Error: `RUN_CONFIGURATION_NOT_FOUND`.
 */
export async function* doctor(
  surroundings: Surroundings,
  options: CallOptions & { readonly runConfiguration?: string },
): AsyncGenerator<DoctorFinding> {
  const { project } = surroundings
  const chosen = options.runConfiguration
  const names = chosen === undefined ? (await listRunConfigurations(project)).map(({ name }) => name) : [chosen.replace(/\.runconfig$/, '')]
  if (chosen !== undefined) await loadRunConfiguration(project, chosen).catch(onlyMissing)
  yield* about('project', lookAtFolder(surroundings, options))
  yield* about('files', lookAtFiles(surroundings, chosen === undefined ? undefined : await filesOf(surroundings, names)))
  const looked = new Set<string>()
  for (const name of names) {
    const configuration = await loadRunConfiguration(project, name).catch(() => undefined)
    // What is wrong with it was told among the files.
    if (configuration === undefined) continue
    const target = configuration.target
    const isThere = await loadTarget(project, target).then(
      () => true,
      (error: unknown) => errorCode(error) !== 'TARGET_NOT_FOUND',
    )
    if (!isThere) continue
    let reached = true
    if (!looked.has(target)) {
      looked.add(target)
      for await (const finding of checkTarget(surroundings, target, options)) {
        if (finding.outcome === 'failed') reached = false
        yield { about: `target ${target}`, ...(chosen === undefined ? unlessAbsent(finding) : finding) }
      }
    }
    if (reached) yield* about(`run configuration ${name}`, lookAtEnvironment(surroundings, name, options))
    yield* about(`run configuration ${name}`, lookAtSecrets(surroundings, target, configuration.secretVariables))
  }
}

/** Nobody has asked for this target: what was never installed is no fault of the project. */
function unlessAbsent(finding: Finding): Finding {
  return finding.outcome === 'failed' && finding.absent === true ? { ...finding, outcome: 'warning' } : finding
}

/** The files that these run configurations are made of. */
async function filesOf({ project }: Surroundings, names: readonly string[]): Promise<ReadonlySet<string>> {
  const files = (await listRunConfigurations(project)).filter(({ name }) => names.includes(name)).map(({ file }) => file)
  for (const name of names) {
    const configuration = await loadRunConfiguration(project, name).catch(() => undefined)
    if (configuration === undefined) continue
    const { condaDependenciesFile, sparkDependenciesFile, requirementsFile, target } = configuration
    const compute = `${project.configurationDirectory}/${target}.compute`
    for (const file of [condaDependenciesFile, sparkDependenciesFile, requirementsFile, compute]) if (file !== undefined) files.push(file)
  }
  return new Set(files)
}

function onlyMissing(error: unknown): void {
  if (errorCode(error) === 'RUN_CONFIGURATION_NOT_FOUND') throw error
}

async function* about(subject: string, findings: AsyncIterable<Finding>): AsyncGenerator<DoctorFinding> {
  for await (const finding of findings) yield { about: subject, ...finding }
}

const gigabyte = 1_000_000_000

async function* lookAtFolder({ project, history }: Surroundings, options: CallOptions): AsyncGenerator<Finding> {
  yield { name: 'folder', outcome: 'ok', detail: project.directory }
  const there = await access(join(history.directory, 'history.db')).then(
    () => true,
    () => false,
  )
  const folder = there ? history.directory : dirname(history.directory)
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (there && projectIdOf(project.directory) === undefined)
    yield {
      name: 'history',
      outcome: 'failed',
      detail: `${join(history.directory, 'history.db')} can't be read.`,
      hint: 'It was left as it is: errand history list says why.',
    }
  else if (writable) yield { name: 'history', outcome: 'ok', detail: there ? history.directory : 'none yet: the first run makes it' }
  else yield { name: 'history', outcome: 'failed', detail: `${folder} can't be written.`, hint: `Make it writable: chmod u+w '${folder}'` }
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const detail = `${formatBytes(free)} free`
  yield free < gigabyte
    ? { name: 'disk space', outcome: 'warning', detail, hint: 'Free some: each run keeps its files in .errand.' }
    : { name: 'disk space', outcome: 'ok', detail }
  yield* lookAtCopy(project.directory, history.directory, options)
}

/** What every run takes with it. */
async function* lookAtCopy(directory: string, state: string, { signal, report }: CallOptions): AsyncGenerator<Finding> {
  try {
    const taken = await lookAtProject({ directory, state, signal, report })
    const size = `${taken.files} ${taken.files === 1 ? 'file' : 'files'}, ${formatBytes(taken.bytes)}`
    const detail = `${size}${taken.ignoreFile === undefined ? '' : `, after ${taken.ignoreFile}`}`
    const biggest = taken.largest?.slice(0, 3).map(({ path }) => path) ?? []
    yield taken.largest === undefined
      ? { name: 'copied for a run', outcome: 'ok', detail }
      : {
          name: 'copied for a run',
          outcome: 'warning',
          detail,
          hint: `Name in .amlignore what no run needs.${biggest.length === 0 ? '' : ` The biggest: ${biggest.join(', ')}`}`,
        }
    for (const note of taken.notes) yield { name: 'copied for a run', outcome: 'warning', detail: note }
  } catch (error) {
    signal.throwIfAborted()
    yield failure('copied for a run', error)
  }
}

async function* lookAtFiles({ project, targets }: Surroundings, wanted: ReadonlySet<string> | undefined): AsyncGenerator<Finding> {
  const { files, diagnostics } = await lintProject(project, (type) => targets.definition(type))
  for (const file of files) {
    if (wanted?.has(file) === false) continue
    const noticed = diagnostics.filter((diagnostic) => diagnostic.file === file && diagnostic.severity !== 'note')
    if (noticed.length === 0) yield { name: file, outcome: 'ok', detail: 'nothing to mend' }
    else for (const diagnostic of noticed) yield findingOf(diagnostic)
  }
}

function findingOf({ file, line, column, severity, message, hint }: Diagnostic): Finding {
  const place = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':')
  return {
    name: place,
    outcome: severity === 'error' ? 'failed' : 'warning',
    detail: message,
    ...(hint === undefined ? {} : { hint }),
  }
}

/** Whether a run could start now, and with which interpreter. */
async function* lookAtEnvironment(surroundings: Surroundings, runConfiguration: string, options: CallOptions): AsyncGenerator<Finding> {
  try {
    const project = { ...surroundings.project, id: surroundings.history.projectId }
    const { plan, configured } = await configuredPlan(
      surroundings,
      (describe) => planPrepare(project, { runConfiguration }, describe),
      async () => {},
    )
    await using opened = await openTarget(surroundings, configured)
    const { environment } = await opened.target.plan(plan.environment, options)
    if (!environment.ready) {
      const hint = `errand prepare -c ${runConfiguration}`
      const outcome = plan.prepareEnvironment ? 'ok' : 'warning'
      yield { name: 'environment', outcome, detail: `not prepared yet: ${environment.key}`, ...(outcome === 'ok' ? {} : { hint }) }
      return
    }
    yield { name: 'environment', outcome: 'ok', detail: environment.key }
    const { data } = await opened.target.prepare(plan.environment, { ...options, build: false })
    const python = typeof data === 'object' && data !== null && 'python' in data ? data['python'] : undefined
    if (typeof python === 'string') yield { name: 'interpreter', outcome: 'ok', detail: python }
  } catch (error) {
    options.signal.throwIfAborted()
    // Errors of files were told among the files.
    if (errorCode(error) !== 'CONFIGURATION_INVALID') yield failure('environment', error)
  }
}

async function* lookAtSecrets({ secrets }: Surroundings, target: string, names: readonly string[]): AsyncGenerator<Finding> {
  for (const name of names) {
    const found = await secrets.getVariable(name, target).catch((error: unknown) => ({ error }))
    if (found === undefined)
      yield {
        name: `secret ${name}`,
        outcome: 'failed',
        detail: 'has no value here',
        hint: `errand secret set ${name}   (or set it in the environment)`,
      }
    else if ('error' in found) yield failure(`secret ${name}`, found.error)
    else yield { name: `secret ${name}`, outcome: 'ok', detail: `from the ${found.source}` }
  }
}

function failure(name: string, error: unknown): Finding {
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
  return { name, outcome: 'failed', detail: errorMessage(error), ...hint }
}
