import { join } from 'node:path'
import { ErrandError } from '../errors.ts'
import { projectIdOf } from '../history/project-id.ts'
import { localHost } from '../local-host.ts'
import { type Diagnostic, type PlanOptions, type RunPlan, findProject, planPrepare, planRun } from '../project/index.ts'
import type { EnvironmentRequest, RunRequest } from '../request.ts'
import { type LeftOutBy, lookAtProject, type TakenSnapshot } from '../snapshot/index.ts'
import type { CallOptions, Plan } from '../target.ts'
import { type RunContextOptions, type Surroundings, openTarget } from './context.ts'
import { type ConfiguredPlan, configuredPlan } from './submit.ts'

/** What stands for the id that a run would get. */
const plannedRunId = 'RUN_ID'

/** All that a `submit` or a `prepare` would do, found without doing any of it. Holds no secret: of a secret variable only its name. */
export interface DryRun {
  readonly configuration: string
  readonly target: { readonly name: string; readonly type: string }
  readonly framework: 'python' | 'pyspark'
  /** Absent for a prepare, as all that belongs to a script. */
  readonly script?: string
  readonly arguments?: readonly string[]
  readonly variables?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
  readonly outputs?: readonly string[]
  /** Seconds. */
  readonly limit?: number
  readonly environment: {
    readonly kind: EnvironmentRequest['environment']['kind']
    readonly file?: string
    readonly key: string
    /** It is there already. */
    readonly ready: boolean
    /** It would be made: it is not ready, and this is a prepare or a submit that prepares. */
    readonly build: boolean
    /** Why it is another one than the last: which input has changed. */
    readonly changed: Plan['environment']['changed']
  }
  /** The copy of the project. `send`: the place lacks that content; absent where the place can't tell. */
  readonly project?: {
    readonly digest: string
    readonly files: number
    readonly bytes: number
    readonly entries: readonly { readonly path: string; readonly size: number; readonly send?: boolean }[]
    /** What ignore files keep out of the copy; absent when nothing is. */
    readonly leftOut?: readonly LeftOutBy[]
  }
  /** `atMost`: the place can't tell what of it is there already. */
  readonly upload?: { readonly files: number; readonly bytes: number; readonly atMost?: boolean }
  /** What would be done at the place, one line each. */
  readonly steps: readonly string[]
  /** Why it would not start. Absent: it would. */
  readonly problem?: { readonly message: string; readonly hint?: string }
  readonly notes: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * A project with nothing of it opened for writing: no history is made, no lock taken. A question whose answer would be stored is not asked.
 * Error: `NO_PROJECT`.
 */
export async function openSurroundings(options: RunContextOptions): Promise<Surroundings> {
  const project = await findProject(options.projectDirectory)
  const { openSecrets } = await import('../secrets.ts')
  const history = { directory: join(project.directory, '.errand'), projectId: projectIdOf(project.directory) ?? '0'.repeat(32) }
  return {
    project,
    history,
    secrets: openSecrets({ directory: project.directory, id: history.projectId, name: project.name }),
    targets: options.targets,
    log: options.log,
    host: localHost(),
    ask: async (question) => {
      if (question.kind !== 'confirm') return options.ask(question)
      throw new ErrandError('CHANGES_NOTHING', `This command changes nothing and so can't ask: ${question.text.trim()}`, {
        hint: question.withoutTerminal.hint,
      })
    },
  }
}

/** The plan of a submit, down to the files that would be sent. Errors: those of the files, of the script, and of a place that can't be asked. */
export async function dryRunSubmit(
  surroundings: Surroundings,
  options: PlanOptions & { readonly signal: AbortSignal },
  report: CallOptions['report'],
): Promise<DryRun> {
  const project = { ...surroundings.project, id: surroundings.history.projectId }
  const planned = await plan(surroundings, (describe) => planRun(project, options, describe))
  const { run, needed, prepareEnvironment } = planned.plan
  if (run === undefined) throw new ErrandError('SCRIPT_MISSING', 'Specify the script to run, with its arguments if any.')
  const { directory } = surroundings.project
  const { signal } = options
  const taken = await lookAtProject({ directory, state: surroundings.history.directory, needed, signal, report })
  const request: RunRequest = { ...run, runId: plannedRunId, snapshot: taken.snapshot }
  const there = await ask(surroundings, planned, request, { signal, report })
  const base = describeEnvironment(options.runConfiguration, planned, there, prepareEnvironment)
  const problem = there.environment.ready || prepareEnvironment ? undefined : notPrepared(options.runConfiguration)
  return {
    ...base,
    script: run.script,
    arguments: run.arguments,
    variables: run.variables,
    secrets: run.secretVariables,
    outputs: run.outputs,
    ...(run.timeLimit === undefined ? {} : { limit: run.timeLimit }),
    project: describeProject(taken, there),
    ...(there.upload === undefined ? {} : { upload: describeUpload(there.upload) }),
    ...(problem === undefined ? {} : { problem }),
    notes: taken.notes,
  }
}

/** The plan of a prepare. */
export async function dryRunPrepare(
  surroundings: Surroundings,
  options: Omit<PlanOptions, 'script' | 'arguments'> & { readonly signal: AbortSignal },
  report: CallOptions['report'],
): Promise<DryRun> {
  const project = { ...surroundings.project, id: surroundings.history.projectId }
  const planned = await plan(surroundings, (describe) => planPrepare(project, options, describe))
  const there = await ask(surroundings, planned, planned.plan.environment, { signal: options.signal, report })
  return describeEnvironment(options.runConfiguration, planned, there, true)
}

interface Planned extends ConfiguredPlan {
  readonly diagnostics: readonly Diagnostic[]
}

async function plan(surroundings: Surroundings, make: (describe: Parameters<typeof planRun>[2]) => Promise<RunPlan>): Promise<Planned> {
  let diagnostics: readonly Diagnostic[] = []
  const configured = await configuredPlan(surroundings, make, async (update) => {
    if (update.type === 'diagnostics') diagnostics = update.diagnostics
  })
  return { ...configured, diagnostics }
}

async function ask(
  surroundings: Surroundings,
  { configured }: Planned,
  request: EnvironmentRequest | RunRequest,
  options: CallOptions,
): Promise<Plan> {
  options.report({ message: `reaching ${configured.name}` })
  await using opened = await openTarget(surroundings, configured)
  return await opened.target.plan(request, options)
}

function describeEnvironment(
  configuration: string,
  { plan: made, configured, diagnostics }: Planned,
  there: Plan,
  prepares: boolean,
): DryRun {
  const { environment, framework } = made.environment
  const { key, ready, changed } = there.environment
  return {
    configuration,
    target: { name: configured.name, type: configured.type },
    framework,
    environment: {
      kind: environment.kind,
      ...('file' in environment ? { file: environment.file } : {}),
      key,
      ready,
      build: !ready && prepares,
      changed,
    },
    steps: there.steps,
    notes: [],
    diagnostics,
  }
}

function describeUpload({ files, bytes, atMost = false }: NonNullable<Plan['upload']>): NonNullable<DryRun['upload']> {
  return { files, bytes, ...(atMost ? { atMost } : {}) }
}

function describeProject({ snapshot, files, bytes, leftOut }: TakenSnapshot, { upload }: Plan): NonNullable<DryRun['project']> {
  const sent = upload?.paths === undefined ? undefined : new Set(upload.paths)
  const entries = snapshot.entries
    .filter((entry) => entry.kind === 'file')
    .map(({ path, size }) => (sent === undefined ? { path, size } : { path, size, send: sent.has(path) }))
  return { digest: snapshot.digest, files, bytes, entries, ...(leftOut.length === 0 ? {} : { leftOut }) }
}

function notPrepared(runConfiguration: string): NonNullable<DryRun['problem']> {
  return {
    message: 'The environment is not prepared, and the run configuration does not prepare it.',
    hint: `errand experiment prepare -c ${runConfiguration}   (or set PrepareEnvironment: true)`,
  }
}
