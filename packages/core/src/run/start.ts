import { ErrandError, errorCode, errorMessage } from '../errors.ts'
import type { RunRecord } from '../history/index.ts'
import { createRedactor } from '../redaction.ts'
import type { EnvironmentRequest, RunRequest } from '../request.ts'
import type { CallOptions, Prepared, RunReference, Target } from '../target.ts'
import { type OpenTarget, type RunContext, callOptions } from './context.ts'
import { environmentAtHand } from './environment-at-hand.ts'
import { redactStatus } from './event-redaction.ts'
import { completeRecord, followEvents } from './event-stream.ts'
import { finish } from './finish.ts'
import { isFinal } from './settled.ts'
import { storedRequest } from './stored-request.ts'
import type { RunUpdate } from './update.ts'
import type { Emit } from './updates.ts'

/** What the steps of one run share. */
export interface Submission {
  readonly context: RunContext
  readonly runId: string
  readonly emit: Emit<RunUpdate>
  readonly signal: AbortSignal
  /** Whether the place may know the run although no answer of it says so. */
  readonly attempt: { mayHaveStarted: boolean }
}

/** Options of a target's call whose progress is told to whoever reads the updates. */
export function reporting({ emit, signal }: Pick<Submission, 'emit' | 'signal'>): CallOptions {
  return callOptions(signal, (progress) => {
    void emit(progress.stays === true ? { type: 'note', message: progress.message } : { type: 'progress', progress })
  })
}

/** Makes the environment ready, or says with which command that is done. */
export async function prepareTarget(
  submission: Submission,
  environment: EnvironmentRequest,
  opened: OpenTarget,
  build: boolean,
): Promise<Prepared> {
  const { history } = submission.context
  const run = history.update(submission.runId, { state: 'preparing' }, ({ state }) => state === 'created' || state === 'interrupted')
  // Until the place answers it says nothing of its own, and one that never does takes half a minute.
  reporting(submission).report({ message: `reaching ${run.target.name}` })
  try {
    const request = await environmentAtHand(submission.context, environment, opened, submission.signal)
    const prepared = await opened.target.prepare(request, { ...reporting(submission), build })
    history.update(submission.runId, { prepared })
    return prepared
  } catch (error) {
    if (errorCode(error) !== 'ENVIRONMENT_NOT_PREPARED') throw error
    const hint = `errand experiment prepare -c ${run.runConfiguration}   (or set PrepareEnvironment: true)`
    throw new ErrandError('ENVIRONMENT_NOT_PREPARED', errorMessage(error), { hint, cause: error })
  }
}

/** Starts the run unless it has been, then streams and ends it. */
export async function runToEnd(submission: Submission, request: RunRequest, prepared: Prepared, opened: OpenTarget): Promise<void> {
  const { runId, signal } = submission
  const { history } = submission.context
  const reference = history.get(runId)?.reference ?? (await start(submission, request, prepared, opened))
  if (reference === undefined) return
  try {
    await followToEnd(submission, request, reference, opened)
  } catch (error) {
    if (signal.aborted) await noteStatus(submission, reference, opened)
    throw error
  }
}

async function followToEnd(submission: Submission, request: RunRequest, reference: RunReference, opened: OpenTarget): Promise<void> {
  const { context, runId, emit, signal } = submission
  const { history } = context
  await readSecretVariables(opened, request.secretVariables)
  await using handle = await opened.target.attach(reference, callOptions(signal))
  const run = history.get(runId)
  // A cancel that came between the last look and the start found no run there: it is carried out now.
  if (run?.state === 'cancelling') await handle.cancel(callOptions(signal))
  const from = run?.log ?? { size: 0 }
  const status = await followEvents({ history, runId, handle, from, secretValues: opened.secretValues, until: 'end', emit, signal })
  const now = history.get(runId)
  if (status === undefined || now === undefined) return
  await completeRecord({ history, runId, handle, secretValues: opened.secretValues, signal })
  if (storedRequest(now)?.tracked === false)
    await emit({ type: 'note', message: `Nothing of ${runId} is kept here; its files stay on ${now.target.name}.` })
  await emit({ type: 'ended', run: await finish(history, now, handle, status, reporting(submission)) })
}

/** So that they are replaced in what is shown. One that is not known here has been replaced by the supervisor at the place. */
export async function readSecretVariables(opened: OpenTarget, names: readonly string[]): Promise<void> {
  for (const name of names) await opened.secretVariable(name).catch(() => undefined)
}

async function start(
  submission: Submission,
  request: RunRequest,
  prepared: Prepared,
  { target }: OpenTarget,
): Promise<RunReference | undefined> {
  const { context, runId, emit } = submission
  const { history } = context
  const options = reporting(submission)
  const starting = history.update(runId, { state: 'starting' }, (run) => run.state !== 'cancelling')
  if (starting.state === 'cancelling') {
    await emit({ type: 'ended', run: cancelledBeforeStart(context, runId) })
    return undefined
  }
  submission.attempt.mayHaveStarted = true
  const reference = await target.submit(request, prepared, options).catch(async (error: unknown) => {
    // The answer may have been lost on its way, or nobody waits for it any more: what counts is whether the place knows the run.
    const look = submission.signal.aborted ? lastLook() : options
    const found = await findAtPlace(target, { id: runId, prepared }, look).catch(() => 'unknown' as const)
    submission.attempt.mayHaveStarted = found !== undefined
    if (found === 'unknown') history.update(runId, { addNotes: [unknownStart(starting)] })
    if (found === undefined || found === 'unknown') throw error
    return found
  })
  await emit({ type: 'started', run: history.update(runId, { reference }) })
  return reference
}

/** The run at its place, looked for with all that the record knows of it. */
export function findAtPlace(
  target: Target,
  { id, prepared }: { readonly id: string; readonly prepared?: Prepared },
  options: CallOptions,
): Promise<RunReference | undefined> {
  return target.find(id, { ...options, ...(prepared === undefined ? {} : { prepared }) })
}

/** Milliseconds for a look at the place by a client that was told to end. */
const lastPatience = 15_000

/** For whoever was told to end, and whose own signal would end the look too. */
const lastLook = (): CallOptions => callOptions(AbortSignal.timeout(lastPatience))

const unknownStart = ({ id, target }: RunRecord): string =>
  `Whether it has started is not known: ${target.name} gave no answer. To ask again: errand status ${id}`

/** A run whose client lets go of it while it starts: its record says what the place knows by then, where the place can tell. */
async function noteStatus({ context, runId }: Submission, reference: RunReference, { target, secretValues }: OpenTarget): Promise<void> {
  const { history } = context
  if (history.get(runId)?.state !== 'starting') return
  const options = lastLook()
  try {
    await using handle = await target.attach(reference, options)
    const redactor = createRedactor(() => [...secretValues])
    const status = redactStatus(await handle.status(options), redactor)
    if (status.state === 'lost') return
    const state = isFinal(status) ? 'finalizing' : (status.state as 'queued' | 'running')
    history.update(runId, { state, status }, (now) => now.state === 'starting')
  } catch {
    // The next look asks again.
  }
}

export function cancelledBeforeStart(context: RunContext, runId: string): RunRecord {
  return context.history.update(runId, { state: 'cancelled', reason: 'It was cancelled before it started.', client: null })
}

/** The reason of a run whose client ended before the start, with the command that goes on. */
export function interruptedReason(run: RunRecord): string {
  if (run.kind === 'prepare') return `Interrupted. Prepare again: errand experiment prepare -c ${run.runConfiguration}`
  return hasFiles(run)
    ? `Interrupted before it started. It goes on with: errand continue ${run.id}`
    : `Interrupted before its files were recorded. Submit it again: ${submitAgain(run)}`
}

/** Whether the files of the run have been recorded: only then is there something to go on with. */
export const hasFiles = (run: RunRecord): boolean => (storedRequest(run)?.snapshot.digest ?? '') !== ''

export const submitAgain = ({ runConfiguration, script }: RunRecord): string =>
  `errand experiment submit -c ${runConfiguration} ${script ?? ''}`.trimEnd()

/**
 * What goes wrong before the start is how the run ended; what goes wrong after it leaves the record as it is, since the run lives on and
 * the next look goes on with it.
 */
export async function recordFailure({ context, runId, signal, attempt }: Submission, work: () => Promise<void>): Promise<void> {
  const { history } = context
  try {
    await work()
  } catch (error) {
    const run = history.get(runId)
    if (run !== undefined && run.reference === undefined && !attempt.mayHaveStarted) {
      if (signal.aborted && run.state === 'cancelling') cancelledBeforeStart(context, runId)
      else {
        const reason = signal.aborted ? interruptedReason(run) : errorMessage(error)
        const state = signal.aborted ? 'interrupted' : 'failed'
        history.update(runId, { state, reason, client: null }, (current) => current.endedAt === undefined)
      }
    }
    throw error
  }
}
