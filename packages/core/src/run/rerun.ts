import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import { type RunRecord, thisClient } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { type RunPlan, loadRunConfiguration, loadTarget, planRun } from '../project/index.ts'
import type { Environment, Snapshot } from '../request.ts'
import { linkSnapshot, loadSnapshot, refuseIncomplete } from '../snapshot/index.ts'
import { type ConfiguredTarget, type RunContext, openTarget, recordedTarget } from './context.ts'
import { type Submission, hasFiles, prepareTarget, recordFailure, runToEnd } from './start.ts'
import { type StoredRequest, storeRequest, storedRequest } from './stored-request.ts'
import { configuredPlan, leaveToAnother } from './submit.ts'
import type { RunUpdate } from './update.ts'
import { type Emit, updates } from './updates.ts'

export interface RerunOptions {
  /** Id of the run whose files, configuration and environment are used again. */
  readonly runId: string
  /** Another run configuration of the project as it is today; files and dependency files stay those of the run. */
  readonly runConfiguration?: string
  /** Another target of the project as it is today. */
  readonly target?: string
  /** In the place of the run's arguments. */
  readonly arguments?: readonly string[]
  readonly signal: AbortSignal
}

/**
 * Runs again what a run ran: its snapshot from the history, its configuration and target as recorded, its environment held to the packages
 * that it had. Nothing is read from the project's folder unless another run configuration or target is named. Errors: `RUN_NOT_REPEATABLE`,
 * `SNAPSHOT_MISSING`, `SNAPSHOT_INCOMPLETE` and those of a submit.
 */
export function rerun(context: RunContext, options: RerunOptions): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { submission, configured, request, snapshot } = await createRerun(context, options, emit, signal)
    await recordFailure(submission, async () => {
      await using opened = await openTarget(context, configured)
      const { prepareEnvironment, tracked: _tracked, unusedEnvironmentFile: _unused, ...rest } = request
      const prepared = await prepareTarget(submission, rest, opened, prepareEnvironment)
      await runToEnd(submission, { ...rest, snapshot }, prepared, opened)
    })
  })
}

/** The same, left to a process of its own. `continueCommand`: the command line that goes on with a run, without the run id. */
export function rerunDetached(
  context: RunContext,
  options: RerunOptions & { readonly continueCommand: readonly string[] },
): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { submission } = await createRerun(context, options, emit, signal)
    await recordFailure(submission, () => leaveToAnother(submission, options.continueCommand))
  })
}

interface Rerun {
  readonly submission: Submission
  readonly configured: ConfiguredTarget
  readonly request: StoredRequest
  readonly snapshot: Snapshot
}

async function createRerun(context: RunContext, options: RerunOptions, emit: Emit<RunUpdate>, signal: AbortSignal): Promise<Rerun> {
  const { history } = context
  const origin = history.get(options.runId)
  if (origin === undefined)
    throw new ErrandError('RUN_NOT_FOUND', `There is no run ${options.runId} in this project.`, { hint: 'errand history list' })
  const stored = repeatableRequest(origin)
  const snapshot = await loadSnapshot(history.directory, stored.snapshot.digest)
  refuseIncomplete(history.directory, withLocalFiles(snapshot, stored.environment))
  const { configured, request, runConfiguration } = await again(context, { origin, stored, snapshot }, options, emit)
  const run = history.create({
    kind: 'run',
    name: context.project.name,
    script: request.script,
    arguments: request.arguments,
    runConfiguration,
    target: { name: configured.name, type: configured.type, config: configured.config },
    user: userInfo().username,
    client: thisClient(),
    properties: commitOf(context, origin),
    rerunOf: origin.id,
  })
  const complete = { ...request, runId: run.id, runNumber: run.number }
  const recorded = history.update(run.id, { request: complete as unknown as JsonValue })
  await emit({ type: 'created', run: recorded })
  for (const message of sentences(origin, stored, complete, configured)) await emit({ type: 'note', message })
  return {
    submission: { context, runId: run.id, emit, signal, attempt: { mayHaveStarted: false } },
    configured,
    request: complete,
    snapshot,
  }
}

function repeatableRequest(origin: RunRecord): StoredRequest {
  const stored = storedRequest(origin)
  if (origin.kind === 'run' && stored !== undefined && hasFiles(origin)) return stored
  const reason = origin.kind === 'run' ? 'ended before its files were recorded' : `is the record of a ${origin.kind}`
  throw new ErrandError('RUN_NOT_REPEATABLE', `${origin.id} ${reason}: there is nothing to run again.`, { hint: 'errand history list' })
}

/** Wheels and the like that the environment is made from are needed too. */
function withLocalFiles(snapshot: Snapshot, environment: Environment): Snapshot {
  const local = environment.kind === 'user-managed' ? [] : environment.localFiles
  return { ...snapshot, entries: [...snapshot.entries, ...local] }
}

interface Origin {
  readonly origin: RunRecord
  readonly stored: StoredRequest
  readonly snapshot: Snapshot
}

interface Again {
  readonly configured: ConfiguredTarget
  readonly request: StoredRequest
  readonly runConfiguration: string
}

async function again(context: RunContext, from: Origin, options: RerunOptions, emit: Emit<RunUpdate>): Promise<Again> {
  const { origin, stored } = from
  if (options.runConfiguration !== undefined || options.target !== undefined) return elsewhere(context, from, options, emit)
  const request = { ...stored, arguments: options.arguments ?? stored.arguments, environment: locked(stored.environment, origin) }
  return {
    configured: await recordedTarget(context, origin),
    request: { ...request, prepareEnvironment: true, tracked: true },
    runConfiguration: origin.runConfiguration,
  }
}

/** Planned anew, with the files of the run and, of today, only the run configuration or the target that was named. */
async function elsewhere(
  context: RunContext,
  { origin, stored, snapshot }: Origin,
  options: RerunOptions,
  emit: Emit<RunUpdate>,
): Promise<Again> {
  const { project, history } = context
  const directory = join(history.directory, `rerun-${randomBytes(6).toString('hex')}`, project.name)
  try {
    linkSnapshot(history.directory, snapshot, directory)
    const runConfiguration = options.runConfiguration ?? origin.runConfiguration
    await takeOver(context, directory, runConfiguration, options)
    const planned = { ...project, directory, id: history.projectId }
    const { plan, configured } = await configuredPlan(
      context,
      (describe) =>
        planRun(
          planned,
          {
            runConfiguration,
            script: stored.script,
            arguments: options.arguments ?? stored.arguments,
            prepare: true,
            ...(options.target === undefined ? {} : { target: options.target }),
          },
          describe,
        ),
      emit,
    )
    return { configured, request: requestOf(plan, stored, origin), runConfiguration }
  } finally {
    rmSync(dirname(directory), { recursive: true, force: true })
  }
}

/** Puts today's run configuration and the file of its target beside the files of the run. */
async function takeOver(context: RunContext, directory: string, runConfiguration: string, options: RerunOptions): Promise<void> {
  const { project } = context
  const then = { ...project, directory }
  const named = options.runConfiguration === undefined ? undefined : await ifThere(loadRunConfiguration(project, runConfiguration))
  if (named !== undefined) replace(project.directory, directory, named.file)
  const { target } = named ?? (await loadRunConfiguration(then, runConfiguration))
  const file = (await ifThere(loadTarget(project, options.target ?? target)))?.file
  if (file !== undefined) replace(project.directory, directory, file)
}

/** What is not in the project any more is taken from the snapshot; what is there and wrong is an error. */
async function ifThere<Loaded>(loading: Promise<Loaded>): Promise<Loaded | undefined> {
  try {
    return await loading
  } catch (error) {
    if (['RUN_CONFIGURATION_NOT_FOUND', 'TARGET_NOT_FOUND'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** Removed first: the file there may be the stored content itself. */
function replace(from: string, to: string, path: string): void {
  rmSync(join(to, path), { force: true })
  mkdirSync(dirname(join(to, path)), { recursive: true })
  copyFileSync(join(from, path), join(to, path))
}

function requestOf(plan: RunPlan, stored: StoredRequest, origin: RunRecord): StoredRequest {
  const request = storeRequest(plan, { runId: '' }, stored.snapshot.digest) as unknown as StoredRequest
  const same = JSON.stringify(specificationOf(request.environment)) === JSON.stringify(specificationOf(stored.environment))
  return { ...request, tracked: true, ...(same ? { environment: locked(request.environment, origin) } : {}) }
}

function specificationOf(environment: Environment): unknown {
  if (environment.kind === 'user-managed') return environment.kind
  const { kind, canonical, localFiles } = environment
  return [kind, canonical, localFiles.map(({ digest }) => digest)]
}

/** Held to the packages that the run had, where they are known. */
function locked(environment: Environment, { prepared }: RunRecord): Environment {
  if (environment.kind === 'user-managed') return environment
  const lock = environment.lock ?? prepared?.lock
  return lock === undefined ? environment : { ...environment, lock }
}

/** The code is that of the run, whatever is checked out today. */
function commitOf({ history }: RunContext, origin: RunRecord): Record<string, string> {
  const facts = history.tags(origin.id).filter(({ type, name }) => type === 'property' && ['CommitId', 'Branch', 'Dirty'].includes(name))
  return Object.fromEntries(facts.map(({ name, value = '' }) => [name, value]))
}

function sentences(origin: RunRecord, stored: StoredRequest, request: StoredRequest, configured: ConfiguredTarget): string[] {
  const { environment } = request
  const files = `This is ${origin.id} again, with its files as they were: ${stored.snapshot.digest}`
  const words =
    JSON.stringify(request.arguments) === JSON.stringify(stored.arguments) ? [] : [`Arguments: ${JSON.stringify(request.arguments)}`]
  if (environment.kind === 'user-managed') {
    return [files, ...words, `${configured.name} runs your own Python as it is there now.`]
  }
  const packages = environment.lock?.packages.length
  const held =
    packages === undefined
      ? 'Its packages are not known: the environment is made anew.'
      : `Its environment is held to the packages that it had (${packages}).`
  return [files, ...words, held]
}
