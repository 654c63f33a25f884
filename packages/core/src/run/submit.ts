import { spawn } from 'node:child_process'
import { userInfo } from 'node:os'
import { ErrandError, errorCode, errorMessage } from '../errors.ts'
import { type RunRecord, thisClient } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { type PlanOptions, type RunPlan, configurationError, hasErrors, planRun } from '../project/index.ts'
import type { RunRequest } from '../request.ts'
import { loadSnapshot, takeSnapshot } from '../snapshot/index.ts'
import type { Prepared, RunReference } from '../target.ts'
import { type ConfiguredTarget, type OpenTarget, type RunContext, callOptions, configuredTarget, openTarget, recordedTarget } from './context.ts'
import { followEvents } from './event-stream.ts'
import { finish } from './finish.ts'
import { type Emit, updates } from './updates.ts'
import type { RunUpdate } from './update.ts'

export interface SubmitOptions extends PlanOptions {
  /** Ends the streaming, never a run that has started. */
  readonly signal: AbortSignal
}

/** A whole blocking submit: plan, record, snapshot, prepare, start, stream, collect. */
export function submit(context: RunContext, options: SubmitOptions): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { plan, configured } = await planned(context, options, emit)
    const run = await createRun(context, options, plan, configured, emit)
    await recordFailure(context, run.id, signal, async () => {
      await using opened = await openTarget(context, configured)
      // The place is reached for while the files are read here: both take a moment and need nothing of each other.
      const preparing = prepareTarget(context, run, plan.environment, opened, plan.prepareEnvironment, emit, signal)
      preparing.catch(() => {})
      const request = await snapshotRequest(context, run, plan, emit, signal)
      await go(context, run.id, request, await preparing, opened, emit, signal)
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
    const { plan, configured } = await planned(context, options, emit)
    const run = await createRun(context, options, plan, configured, emit)
    await recordFailure(context, run.id, signal, async () => {
      await snapshotRequest(context, run, plan, emit, signal)
      const [program, ...parameters] = options.continueCommand
      if (program === undefined) throw new ErrandError('COMMAND_EMPTY', 'There is no command that could go on with the run.')
      const child = spawn(program, [...parameters, run.id], { detached: true, stdio: 'ignore', cwd: context.project.directory })
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      child.unref()
    })
  })
}

/**
 * What a detached or killed client still has to do for a run: goes on from wherever its record stands, and never starts it twice.
 * Error: `RUN_DRIVEN` when a living process does it already.
 */
export function continueRun(context: RunContext, runId: string, { signal: outer }: { readonly signal: AbortSignal }): AsyncGenerator<RunUpdate> {
  return updates(outer, async (emit, signal) => {
    const before = context.history.get(runId)
    if (before === undefined) throw new ErrandError('RUN_NOT_FOUND', `There is no run ${runId} in this project.`)
    if (before.kind !== 'run') throw new ErrandError('RUN_NOT_CONTINUED', `${runId} is the record of a prepare.`, { hint: 'Prepare again: errand prepare -c …' })
    const run = context.history.update(runId, { client: thisClient() })
    await emit({ type: 'created', run })
    await recordFailure(context, runId, signal, async () => {
      const stored = storedPlan(run)
      const { digest } = stored.snapshot
      if (digest === '')
        throw new ErrandError('RUN_NOT_CONTINUED', `${runId} ended before its files were recorded, so that there is nothing to go on with.`, { hint: 'Submit again.' })
      const snapshot = await loadSnapshot(context.history.directory, digest)
      const { prepareEnvironment, tracked: _tracked, unusedEnvironmentFile: _unused, ...request } = stored
      await using opened = await openTarget(context, await recordedTarget(context, run))
      const prepared = run.reference && run.prepared ? run.prepared : await prepareTarget(context, run, request, opened, prepareEnvironment, emit, signal)
      await go(context, runId, { ...request, snapshot }, prepared, opened, emit, signal)
    })
  })
}

interface Planned {
  readonly plan: RunPlan
  readonly configured: ConfiguredTarget
}

/** The plan of project and flags; all problems at once, notes and warnings to the user. */
export async function describePlan(
  context: RunContext,
  make: (describe: Parameters<typeof planRun>[2]) => Promise<RunPlan>,
  emit: Emit<RunUpdate>,
): Promise<Planned> {
  let configured: ConfiguredTarget | undefined
  const plan = await make(async (file) => {
    configured = await configuredTarget(context, file)
    const { definition, config } = configured
    const capabilities = typeof definition.capabilities === 'function' ? definition.capabilities(config) : definition.capabilities
    const userManaged = typeof config === 'object' && config !== null && 'userManagedEnvironment' in config && config['userManagedEnvironment'] === true
    return { capabilities, userManaged }
  })
  if (hasErrors(plan.diagnostics)) throw configurationError(plan.diagnostics)
  if (plan.diagnostics.length > 0) await emit({ type: 'diagnostics', diagnostics: plan.diagnostics })
  return { plan, configured: configured ?? (await configuredTarget(context, plan.targetFile)) }
}

function planned(context: RunContext, options: PlanOptions, emit: Emit<RunUpdate>): Promise<Planned> {
  const project = { ...context.project, id: context.history.projectId }
  return describePlan(context, (describe) => planRun(project, options, describe), emit)
}

/** The stored form of a request: its snapshot by digest, and what of the plan a later process needs. */
type StoredPlan = Omit<RunRequest, 'snapshot'> & {
  readonly snapshot: { readonly digest: string }
  readonly prepareEnvironment: boolean
  readonly tracked: boolean
  readonly unusedEnvironmentFile?: string
}

function storedPlan(run: RunRecord): StoredPlan {
  return run.request as unknown as StoredPlan
}

async function createRun(
  context: RunContext,
  options: PlanOptions,
  plan: RunPlan,
  configured: ConfiguredTarget,
  emit: Emit<RunUpdate>,
): Promise<RunRecord> {
  const request = requireRun(plan)
  const created = context.history.create({
    kind: 'run',
    name: context.project.name,
    script: request.script,
    arguments: request.arguments,
    runConfiguration: options.runConfiguration,
    target: { name: configured.name, type: configured.type, config: configured.config },
    user: userInfo().username,
    client: thisClient(),
    request: stored(plan, '', ''),
  })
  await emit({ type: 'created', run: created })
  return created
}

function requireRun(plan: RunPlan): NonNullable<RunPlan['run']> {
  if (plan.run === undefined) throw new ErrandError('SCRIPT_MISSING', 'Specify the script to run, with its arguments if any.')
  return plan.run
}

function stored(plan: RunPlan, runId: string, digest: string): JsonValue {
  const { prepareEnvironment, tracked, unusedEnvironmentFile } = plan
  const value = { ...requireRun(plan), runId, snapshot: { digest }, prepareEnvironment, tracked, ...(unusedEnvironmentFile === undefined ? {} : { unusedEnvironmentFile }) }
  return value as unknown as JsonValue
}

async function snapshotRequest(context: RunContext, run: RunRecord, plan: RunPlan, emit: Emit<RunUpdate>, signal: AbortSignal): Promise<RunRequest> {
  const report = (progress: Parameters<ReturnType<typeof callOptions>['report']>[0]) => void emit({ type: 'progress', progress })
  const taken = await takeSnapshot({ directory: context.project.directory, state: context.history.directory, needed: plan.needed, signal, report })
  for (const message of taken.notes) await emit({ type: 'note', message })
  if (taken.largest.length > 0) await emit({ type: 'note', message: largeProject(taken.bytes, taken.largest, taken.ignoreFile) })
  const { snapshot } = taken
  context.history.update(run.id, { request: stored(plan, run.id, snapshot.digest) })
  return { ...requireRun(plan), runId: run.id, snapshot }
}

function largeProject(bytes: number, largest: readonly { path: string; size: number }[], ignoreFile: string | undefined): string {
  const megabytes = (size: number) => `${Math.round(size / 1e6)} MB`
  const names = largest.slice(0, 5).map(({ path, size }) => `${path} (${megabytes(size)})`)
  return `${megabytes(bytes)} of the project are copied for the run; the biggest files: ${names.join(', ')}. What the run does not need can be named in ${ignoreFile ?? '.amlignore'}.`
}

export async function prepareTarget(
  context: RunContext,
  run: RunRecord,
  environment: RunPlan['environment'],
  opened: OpenTarget,
  build: boolean,
  emit: Emit<RunUpdate>,
  signal: AbortSignal,
): Promise<Prepared> {
  context.history.update(run.id, { state: 'preparing' }, (current) => current.state === 'created' || current.state === 'interrupted')
  const options = callOptions(signal, (progress) => void emit({ type: 'progress', progress }))
  try {
    const prepared = await opened.target.prepare(environment, { ...options, build })
    context.history.update(run.id, { prepared })
    return prepared
  } catch (error) {
    if (errorCode(error) !== 'ENVIRONMENT_NOT_PREPARED') throw error
    const command = `errand experiment prepare -c ${run.runConfiguration}`
    throw new ErrandError('ENVIRONMENT_NOT_PREPARED', errorMessage(error), { hint: `${command}   (or set PrepareEnvironment: true)`, cause: error })
  }
}

/** Starts the run unless it has been, then streams and ends it. */
async function go(
  context: RunContext,
  runId: string,
  request: RunRequest,
  prepared: Prepared,
  opened: OpenTarget,
  emit: Emit<RunUpdate>,
  signal: AbortSignal,
): Promise<void> {
  const { history } = context
  const reference = history.get(runId)?.reference ?? (await start(context, runId, request, prepared, opened, emit, signal))
  if (reference === undefined) return
  for (const name of request.secretVariables) await opened.secretVariable(name).catch(() => undefined)
  await using handle = await opened.target.attach(reference, callOptions(signal))
  // A cancel that came between the last look and the start found no run there: it is carried out now.
  if (history.get(runId)?.state === 'cancelling') await handle.cancel(callOptions(signal))
  const cursor = history.get(runId)?.log.cursor
  const { secretValues } = opened
  const status = await followEvents({ history, runId, handle, until: 'end', secretValues, emit, signal, ...(cursor === undefined ? {} : { cursor }) })
  const run = history.get(runId)
  if (status === undefined || run === undefined) return
  await emit({ type: 'ended', run: await finish(history, run, handle, status, emit, signal) })
}

async function start(
  context: RunContext,
  runId: string,
  request: RunRequest,
  prepared: Prepared,
  opened: OpenTarget,
  emit: Emit<RunUpdate>,
  signal: AbortSignal,
): Promise<RunReference | undefined> {
  const { history } = context
  const options = callOptions(signal, (progress) => void emit({ type: 'progress', progress }))
  const starting = history.update(runId, { state: 'starting' }, (run) => run.state !== 'cancelling')
  if (starting.state === 'cancelling') {
    await emit({ type: 'ended', run: history.update(runId, { state: 'cancelled', reason: 'It was cancelled before it started.' }) })
    return undefined
  }
  const reference = await opened.target.submit(request, prepared, options).catch(async (error: unknown) => {
    // The answer may have been lost on its way: what counts is whether the place knows the run.
    const found = signal.aborted ? undefined : await opened.target.find(runId, options).catch(() => undefined)
    if (found === undefined) throw error
    return found
  })
  const run = history.update(runId, { reference })
  await emit({ type: 'started', run })
  return reference
}

/**
 * What goes wrong before the start is how the run ended; what goes wrong after it leaves the record as it is, since the run lives on and
 * the next look goes on with it.
 */
export async function recordFailure(context: RunContext, runId: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const { history } = context
  try {
    await work()
  } catch (error) {
    const run = history.get(runId)
    const started = run?.reference !== undefined || (run?.state === 'starting' && errorCode(error) === 'AGENT_CONNECTION_LOST')
    if (run !== undefined && !started) {
      const interrupted = signal.aborted
      const reason = interrupted ? `Interrupted before it started. It goes on with: errand continue ${runId}` : errorMessage(error)
      history.update(runId, { state: interrupted ? 'interrupted' : 'failed', reason, client: null }, (current) => current.endedAt === undefined)
    }
    throw error
  }
}
