import { spawn } from 'node:child_process'
import { userInfo } from 'node:os'
import { ErrandError } from '../errors.ts'
import { formatBytes } from '../format-bytes.ts'
import { type NewRun, type RunRecord, clientOf, gitFacts, thisClient } from '../history/index.ts'
import { type Diagnostic, type PlanOptions, type RunPlan, describeTarget, diagnosticsOf, planRun, throwErrors } from '../project/index.ts'
import type { RunRequest } from '../request.ts'
import { type SnapshotOptions, type TakenSnapshot, loadSnapshot, takeSnapshot } from '../snapshot/index.ts'
import { type ConfiguredTarget, type RunContext, configuredTarget, openTarget, recordedTarget } from './context.ts'
import { withoutCredentials } from './environment-at-hand.ts'
import { headStart } from './head-start.ts'
import { type Submission, hasFiles, prepareTarget, recordFailure, reporting, runToEnd, submitAgain } from './start.ts'
import { storeRequest, storedRequest } from './stored-request.ts'
import type { RunUpdate } from './update.ts'
import { type Emit, updates } from './updates.ts'

export interface SubmitOptions extends PlanOptions {
  /** Ends the streaming, never a run that has started. */
  readonly signal: AbortSignal
}

/** A whole blocking submit: plan, record, snapshot, prepare, start, stream, collect. */
export function submit(context: RunContext, options: SubmitOptions): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { plan, configured } = await planSubmit(context, options, emit)
    const submission = await createRun(context, options, plan, configured, emit, signal)
    await recordFailure(submission, async () => {
      await using opened = await openTarget(context, configured)
      // The place is reached for while the files are read here: both take a moment and need nothing of each other.
      const preparing = prepareTarget(submission, plan.environment, opened, plan.prepareEnvironment)
      preparing.catch(() => {})
      using ahead = headStart(submission, opened, preparing)
      const request = await snapshotRequest(submission, plan, ahead.reading)
      const [prepared] = await Promise.all([preparing, ahead.end()])
      await runToEnd(submission, request, prepared, opened)
    })
  })
}

export interface DetachedSubmitOptions extends SubmitOptions {
  /** The command line that goes on with a run, without the run id. */
  readonly continueCommand: readonly string[]
}

/** Records the run and its files, and leaves all that is still to do to a process of its own. */
export function submitDetached(context: RunContext, options: DetachedSubmitOptions): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { plan, configured } = await planSubmit(context, options, emit)
    const submission = await createRun(context, options, plan, configured, emit, signal)
    await recordFailure(submission, async () => {
      await snapshotRequest(submission, plan)
      await leaveToAnother(submission, options.continueCommand)
    })
  })
}

/** Leaves a recorded run to a process of its own. */
export async function leaveToAnother({ context, runId }: Submission, continueCommand: readonly string[]): Promise<void> {
  const pid = await spawnDetached([...continueCommand, runId], context.project.directory)
  // At once, and not only when it claims the run itself: whoever looks in between must not take the run for abandoned.
  context.history.update(runId, { client: clientOf(pid) })
}

/** Answers the process id. */
async function spawnDetached([program, ...parameters]: readonly string[], cwd: string): Promise<number> {
  if (program === undefined) throw new ErrandError('COMMAND_EMPTY', 'There is no command that could go on with the run.')
  const child = spawn(program, parameters, { detached: true, stdio: 'ignore', cwd })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  return child.pid ?? 0
}

/**
 * What a detached or killed client still has to do for a run: goes on from wherever its record stands, and never starts it twice.
 * Errors: `RUN_NOT_FOUND`, `RUN_NOT_CONTINUED`.
 */
export function continueRun(context: RunContext, runId: string, options: { readonly signal: AbortSignal }): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { history } = context
    const before = history.get(runId)
    if (before === undefined)
      throw new ErrandError('RUN_NOT_FOUND', `There is no run ${runId} in this project.`, { hint: 'errand history list' })
    const stored = storedRequest(before)
    if (stored === undefined || before.kind !== 'run' || !hasFiles(before)) throw notContinued(before)
    const submission: Submission = { context, runId, emit, signal, attempt: { mayHaveStarted: false } }
    const run = history.update(runId, { client: thisClient() })
    await emit({ type: 'created', run })
    await recordFailure(submission, async () => {
      const snapshot = await loadSnapshot(history.directory, stored.snapshot.digest)
      const { prepareEnvironment, tracked: _tracked, unusedEnvironmentFile: _unused, ...request } = stored
      await using opened = await openTarget(context, await recordedTarget(context, run))
      const prepared = run.reference && run.prepared ? run.prepared : await prepareTarget(submission, request, opened, prepareEnvironment)
      await runToEnd(submission, { ...request, snapshot }, prepared, opened)
    })
  })
}

function notContinued(run: RunRecord): ErrandError {
  if (run.kind === 'sweep')
    return new ErrandError('RUN_NOT_CONTINUED', `${run.id} is a sweep.`, { hint: `errand sweep --resume ${run.id}` })
  return run.kind === 'prepare'
    ? new ErrandError('RUN_NOT_CONTINUED', `${run.id} is the record of a prepare.`, {
        hint: `errand experiment prepare -c ${run.runConfiguration}`,
      })
    : new ErrandError('RUN_NOT_CONTINUED', `${run.id} ended before its files were recorded: there is nothing to go on with.`, {
        hint: submitAgain(run),
      })
}

export interface ConfiguredPlan {
  readonly plan: RunPlan
  readonly configured: ConfiguredTarget
}

/** The plan of project and flags: all problems at once as one error, notes and warnings to the user, also beside errors. */
export async function configuredPlan(
  context: Pick<RunContext, 'targets'>,
  make: (describe: Parameters<typeof planRun>[2]) => Promise<RunPlan>,
  emit: Emit<RunUpdate>,
): Promise<ConfiguredPlan> {
  const notice = async (found: readonly Diagnostic[]): Promise<void> => {
    const diagnostics = found.filter(({ severity }) => severity !== 'error')
    if (diagnostics.length > 0) await emit({ type: 'diagnostics', diagnostics })
  }
  try {
    let configured: ConfiguredTarget | undefined
    const plan = await make(async (file) => {
      configured = await configuredTarget(context, file)
      return describeTarget(configured.definition, configured.config)
    })
    throwErrors(plan.diagnostics)
    configured ??= await configuredTarget(context, plan.targetFile)
    await notice([...plan.diagnostics, ...configured.diagnostics])
    return { plan, configured }
  } catch (error) {
    await notice(diagnosticsOf(error) ?? [])
    throw error
  }
}

export function planSubmit(context: RunContext, options: PlanOptions, emit: Emit<RunUpdate>): Promise<ConfiguredPlan> {
  const project = { ...context.project, id: context.history.projectId }
  return configuredPlan(context, (describe) => planRun(project, options, describe), emit)
}

/** Makes the record of a run, or with `more` of what has runs below it. */
export async function createRun(
  context: RunContext,
  options: PlanOptions,
  plan: RunPlan,
  configured: ConfiguredTarget,
  emit: Emit<RunUpdate>,
  signal: AbortSignal,
  more: Partial<Pick<NewRun, 'kind' | 'request'>> = {},
): Promise<Submission> {
  const { script, arguments: parameters } = required(plan)
  const run = context.history.create({
    kind: 'run',
    name: context.project.name,
    script,
    arguments: parameters,
    runConfiguration: options.runConfiguration,
    target: { name: configured.name, type: configured.type, config: configured.config },
    user: userInfo().username,
    client: thisClient(),
    request: storeRequest(plan, { runId: '' }, ''),
    ...more,
  })
  await emit({ type: 'created', run })
  return { context, runId: run.id, emit, signal, attempt: { mayHaveStarted: false } }
}

function required(plan: RunPlan): NonNullable<RunPlan['run']> {
  if (plan.run === undefined) throw new ErrandError('SCRIPT_MISSING', 'Specify the script to run, with its arguments if any.')
  return plan.run
}

/** Records the files of the project as they are now; the request is then complete. */
export async function snapshotRequest(submission: Submission, plan: RunPlan, reading?: SnapshotOptions['reading']): Promise<RunRequest> {
  const { context, runId, emit } = submission
  const { directory } = context.project
  const commit = gitFacts(directory)
  const taken = await takeSnapshot({
    directory,
    state: context.history.directory,
    needed: plan.needed,
    ...reporting(submission),
    ...(reading && { reading }),
  })
  for (const message of taken.notes) await emit({ type: 'note', message })
  if (taken.largest !== undefined) await emit({ type: 'note', message: largeProject(taken, taken.largest) })
  const identity = { runId, runNumber: context.history.resolve(runId).number }
  context.history.update(runId, { request: storeRequest(plan, identity, taken.snapshot.digest) })
  context.history.setLabels(runId, { properties: await commit })
  const run = required(plan)
  return { ...run, ...identity, environment: withoutCredentials(run.environment), snapshot: taken.snapshot }
}

function largeProject({ files, bytes, ignoreFile }: TakenSnapshot, largest: NonNullable<TakenSnapshot['largest']>): string {
  const names = largest.slice(0, 5).map(({ path, size }) => `${path} (${formatBytes(size)})`)
  const biggest = names.length === 0 ? `${files} files, none of them big` : `the biggest files: ${names.join(', ')}`
  const where = `What the run does not need can be named in ${ignoreFile ?? '.amlignore'}.`
  return `${formatBytes(bytes)} of the project are copied for the run; ${biggest}. ${where}`
}
