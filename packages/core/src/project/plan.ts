import type { EnvironmentRequest } from '../request.ts'
import { expectedPackages } from './expected-packages.ts'
import { diagnosticList, throwErrors, type Diagnostic, type DiagnosticList } from './diagnostic.ts'
import { ErrandError } from '../errors.ts'
import type { DescribeTarget, PlanOptions, PlannedProject, RunConfiguration, RunPlan, TargetFile } from './model.ts'
import { planEnvironment } from './plan-environment.ts'
import { checkTargetOptions } from './target-options.ts'
import { loadRunConfiguration } from './run-configurations.ts'
import { scriptCall, type ScriptCall } from './script.ts'
import { loadTarget } from './targets.ts'

/**
 * Everything a run needs except its id and its snapshot. `describe` is asked once, after the target's file is known. Errors are those of
 * the files, of the script, and `ENVIRONMENT_NOT_SUPPORTED`, `FRAMEWORK_NOT_SUPPORTED`, `DEPENDENCY_FILE_MISSING`.
 */
export async function planRun(project: PlannedProject, options: PlanOptions, describe: DescribeTarget): Promise<RunPlan> {
  const configuration = await loadRunConfiguration(project, options.runConfiguration)
  const call = await scriptCall(project, configuration, options)
  const commandLine = diagnosticList('')
  argumentNotes(call, options, configuration, commandLine)
  const { request, ...plan } = await planFor(project, configuration, options, describe)
  return {
    ...plan,
    environment: request,
    run: {
      ...request,
      script: call.script,
      arguments: call.arguments,
      ...(configuration.expandArguments ? { expandArguments: true } : {}),
      variables: configuration.variables,
      secretVariables: configuration.secretVariables,
      outputs: configuration.outputs ?? ['outputs/**', 'logs/**'],
      ...(configuration.timeLimit === undefined ? {} : { timeLimit: configuration.timeLimit }),
      ...(configuration.options === undefined ? {} : { options: configuration.options }),
    },
    needed: [...new Set([call.script, ...plan.needed])],
    diagnostics: [...plan.diagnostics, ...commandLine.list],
  }
}

/** As {@link planRun}, for the environment alone: no script is looked at. */
export async function planPrepare(
  project: PlannedProject,
  options: Omit<PlanOptions, 'script' | 'arguments'>,
  describe: DescribeTarget,
): Promise<RunPlan> {
  const configuration = await loadRunConfiguration(project, options.runConfiguration)
  const { request, ...plan } = await planFor(project, configuration, options, describe)
  const { environment } = request
  if (environment.kind !== 'user-managed' || plan.unusedEnvironmentFile === undefined) return { ...plan, environment: request }
  const expects = await expectedPackages(project, plan.unusedEnvironmentFile, configuration.skipPackages)
  return { ...plan, environment: { ...request, environment: { ...environment, ...(expects === undefined ? {} : { expects }) } } }
}

interface EnvironmentPlan extends Omit<RunPlan, 'environment' | 'run'> {
  readonly request: EnvironmentRequest
}

async function planFor(
  project: PlannedProject,
  configuration: RunConfiguration,
  options: Omit<PlanOptions, 'script' | 'arguments'>,
  describe: DescribeTarget,
): Promise<EnvironmentPlan> {
  const targetFile = await targetOf(project, configuration, options.target)
  const { capabilities, userManaged, runOptions } = await describe(targetFile)
  await checkTargetOptions(configuration, targetFile, runOptions)
  if (!capabilities.frameworks.includes(configuration.framework)) {
    const word = configuration.framework === 'python' ? 'Python' : 'PySpark'
    throw new ErrandError(
      'FRAMEWORK_NOT_SUPPORTED',
      `${configuration.file}: Framework ${word} does not run on target ${targetFile.name} of type ${targetFile.type}.`,
      {
        hint: configuration.framework === 'python' ? 'write `Framework: PySpark`' : 'write `Framework: Python`',
      },
    )
  }
  const planned = await planEnvironment(project, configuration, options, targetFile, { capabilities, userManaged })
  const diagnostics: readonly Diagnostic[] = [...configuration.diagnostics, ...targetFile.diagnostics, ...planned.diagnostics]
  throwErrors(diagnostics)
  return {
    targetFile,
    request: {
      project: project.name,
      projectId: project.id,
      framework: configuration.framework,
      environment: planned.environment,
      ...(planned.spark === undefined ? {} : { spark: planned.spark }),
    },
    prepareEnvironment: options.prepare === true || configuration.prepareEnvironment,
    tracked: options.untracked !== true && configuration.trackedRun,
    needed: planned.needed,
    ...(planned.unusedEnvironmentFile === undefined ? {} : { unusedEnvironmentFile: planned.unusedEnvironmentFile }),
    diagnostics,
  }
}

/** The target of the command line, else of the run configuration, with what a successor run configuration changes of it. */
async function targetOf(project: PlannedProject, configuration: RunConfiguration, given: string | undefined): Promise<TargetFile> {
  const { targetOverride } = configuration
  const replaced = given === undefined && targetOverride?.type !== undefined
  if (replaced) return overriddenTarget(configuration, targetOverride.type ?? 'docker', targetOverride.values)
  const target = await missingTargetNamed(configuration, given, () => loadTarget(project, given ?? configuration.target))
  if (given !== undefined || targetOverride === undefined || target.type !== 'cluster') return target
  return { ...target, values: { ...target.values, ...targetOverride.values } }
}

/** A missing target is a mistake in the run configuration when it is named there: the error says so. */
async function missingTargetNamed(
  configuration: RunConfiguration,
  given: string | undefined,
  load: () => Promise<TargetFile>,
): Promise<TargetFile> {
  try {
    return await load()
  } catch (error) {
    if (given !== undefined || !(error instanceof ErrandError) || error.code !== 'TARGET_NOT_FOUND') throw error
    const line = (configuration.position('Target') ?? configuration.position('target'))?.line
    const place = line === undefined ? configuration.file : `${configuration.file}:${line}`
    throw new ErrandError(error.code, `${place}: ${error.message}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    })
  }
}

/** Where a key of the made target stands in the successor's file. */
const successorPlaces: Readonly<Record<string, readonly string[]>> = {
  baseDockerImage: ['environment', 'docker', 'baseImage'],
  sharedVolumes: ['environment', 'docker', 'sharedVolumes'],
  nvidiaDocker: ['environment', 'docker', 'gpuSupport'],
  shmSize: ['environment', 'docker', 'shmSize'],
  containerOptions: ['environment', 'docker', 'arguments'],
}

function overriddenTarget(configuration: RunConfiguration, type: string, values: TargetFile['values']): TargetFile {
  return {
    name: configuration.target,
    file: configuration.file,
    type,
    values,
    diagnostics: [],
    position: (key = 'type', ...rest) =>
      configuration.position(...(successorPlaces[String(key)] ?? ['environment', 'docker', 'enabled']), ...rest),
    textOf: () => undefined,
  }
}

function argumentNotes(call: ScriptCall, options: PlanOptions, configuration: RunConfiguration, diagnostics: DiagnosticList): void {
  const last = options.arguments.at(-1)
  if (last === '--wait' || last === '--async') {
    diagnostics.note(
      'OPTION_AFTER_SCRIPT',
      `${last} stands behind the script on the command line and is passed to it`,
      undefined,
      `if it is meant for errand, write it before ${call.script}`,
    )
  }
  if (configuration.expandArguments) return
  const names = [...Object.keys(configuration.variables), ...configuration.secretVariables]
  for (const argument of call.arguments) {
    const name = names.find((candidate) => mentions(argument, candidate))
    if (name === undefined) continue
    const message = `an argument holds $${name}, which is passed as it is`
    diagnostics.note(
      'ARGUMENT_NOT_EXPANDED',
      message,
      undefined,
      'write `ExpandArguments: true` in the run configuration to have the value put in',
    )
  }
}

function mentions(argument: string, name: string): boolean {
  return argument.includes(`\${${name}}`) || new RegExp(`\\$${name}(?![A-Za-z0-9_])`).test(argument)
}
