import { ErrandError, errorCode } from '../errors.ts'
import { type RunRecord, type StoredLogRecord, finalStates } from '../history/index.ts'
import { createRedactor } from '../redaction.ts'
import type { CallOptions, RunHandle } from '../target.ts'
import { type OpenTarget, type RunContext, callOptions, openTarget, recordedTarget } from './context.ts'
import { redactStatus } from './event-redaction.ts'
import { type Until, completeRecord, followEvents } from './event-stream.ts'
import { finish, withEnd } from './finish.ts'
import { isDriven, isFinal, isSettled } from './settled.ts'
import { cancelledBeforeStart, findAtPlace, interruptedReason, readSecretVariables, reporting } from './start.ts'
import { storedRequest } from './stored-request.ts'
import { type Emit, updates } from './updates.ts'
import type { RunUpdate } from './update.ts'

export { isSettled } from './settled.ts'

/**
 * Shows the output of a run: first what the history has, then what its place has since. With `live` it goes on to the end. Ends with
 * `ended` when the run is final.
 */
export function follow(
  context: RunContext,
  runId: string,
  options: { readonly signal: AbortSignal; readonly live: boolean; readonly from?: number },
): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { history } = context
    await waitForStart(context, runId, options.live, signal)
    const run = required(context, runId)
    const from = options.from === undefined ? {} : { from: options.from }
    // Size and cursor of one record belong together: what another client stores in this moment comes with the events behind the cursor.
    const shown = await showStored(run, history.readLog(runId, { ...from, to: run.log.size }), emit)
    const now = isSettled(run) ? run : await look({ context, how: options.live ? 'end' : 'quiet', emit, signal }, shown)
    if (isSettled(now)) await emit({ type: 'ended', run: now })
  })
}

/** The record as far as it was shown: a damaged copy of the log is not, and is read again from the place while that has it. */
async function showStored(run: RunRecord, stored: Iterable<StoredLogRecord>, emit: Emit<RunUpdate>): Promise<RunRecord> {
  try {
    for (const { stream, data } of stored) await emit({ type: 'log', stream, data })
    return run
  } catch (error) {
    if (errorCode(error) !== 'HISTORY_LOG_DAMAGED' || run.removed) throw error
    return { ...run, log: { size: 0 } }
  }
}

/** Asks the place of a run, repairs what a killed client left, and collects when the run is final. Shows nothing. */
export async function refresh(context: RunContext, runId: string, { signal }: { readonly signal: AbortSignal }): Promise<RunRecord> {
  const run = required(context, runId)
  if (isSettled(run)) return run
  return look({ context, how: 'quiet', emit: showNothing, signal }, run)
}

/** Goes on to the end of a run, showing nothing. */
export async function waitFor(context: RunContext, runId: string, { signal }: { readonly signal: AbortSignal }): Promise<RunRecord> {
  await waitForStart(context, runId, true, signal)
  const run = required(context, runId)
  return isSettled(run) ? run : look({ context, how: 'end', emit: showNothing, signal }, run)
}

/**
 * Asks the place of a run to stop it and stays until nothing of it is left alive. A run that has not started is stopped before it does.
 * Error: `RUN_ON_OTHER_TARGET` when `target` is not the run's.
 */
export function cancel(
  context: RunContext,
  runId: string,
  options: { readonly signal: AbortSignal; readonly target?: string },
): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const run = required(context, runId)
    if (options.target !== undefined) checkTarget(run, options.target)
    const ended = await endWithoutPlace(context, run, signal)
    if (ended !== undefined) return emit({ type: 'ended', run: ended })
    const told = await endAtPlace({ context, how: 'end', emit, signal }, required(context, runId))
    if (isSettled(told)) await emit({ type: 'ended', run: told })
  })
}

/** Notes the cancel. The record when the run has ended, or ends by that; undefined when its place has to be told. */
async function endWithoutPlace(context: RunContext, run: RunRecord, signal: AbortSignal): Promise<RunRecord | undefined> {
  if (finalStates.has(run.state)) return run
  const now = () => required(context, run.id)
  context.history.update(run.id, { state: 'cancelling' }, ({ state }) => !finalStates.has(state) && state !== 'finalizing')
  // Its client made sure that the place has nothing of it; that of a sweep may not have come to that.
  if (run.state === 'interrupted' && run.reference === undefined && run.parent === undefined && !isDriven(now()))
    return cancelledBeforeStart(context, run.id)
  if (run.reference === undefined && isDriven(run))
    await until(() => finalStates.has(now().state) || now().reference !== undefined || !isDriven(now()), signal)
  return finalStates.has(now().state) ? now() : undefined
}

async function endAtPlace(asked: Look, run: RunRecord): Promise<RunRecord> {
  const { context, emit, signal } = asked
  await using opened = await openTarget(context, await recordedTarget(context, run))
  const reference = run.reference ?? (await findAtPlace(opened.target, run, callOptions(signal)))
  if (reference === undefined) return cancelledBeforeStart(context, run.id)
  context.history.update(run.id, { reference })
  await using handle = await opened.target.attach(reference, callOptions(signal))
  await cancelAt(handle, reporting(asked))
  await emit({ type: 'progress', progress: { message: 'waiting until nothing of the run is left alive' } })
  return await followAndFinish(asked, required(context, run.id), handle, opened)
}

/** A place that does not know the run has nothing of it to end: what became of it is found out next. */
async function cancelAt(handle: RunHandle, options: CallOptions): Promise<void> {
  await handle.cancel(options).catch((error: unknown) => {
    if (errorCode(error) !== 'RUN_UNKNOWN') throw error
  })
}

function checkTarget(run: RunRecord, target: string): void {
  if (run.target.name === target) return
  throw new ErrandError('RUN_ON_OTHER_TARGET', `${run.id} runs on ${run.target.name}, not on ${target}.`, {
    hint: `Leave -t away, or say -t ${run.target.name}.`,
  })
}

function required(context: RunContext, runId: string): RunRecord {
  return context.history.get(runId) ?? context.history.resolve(runId)
}

const beforeStart: ReadonlySet<string> = new Set(['created', 'preparing', 'starting'])

async function waitForStart(context: RunContext, runId: string, live: boolean, signal: AbortSignal): Promise<void> {
  const isStarting = () => {
    const run = required(context, runId)
    return run.reference === undefined && beforeStart.has(run.state) && isDriven(run)
  }
  if (live && isStarting()) await until(() => !isStarting(), signal)
}

async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import('node:timers/promises')
  while (!condition()) await setTimeout(100, undefined, { signal })
}

/** How a place is asked about a run: until the run's end, or until the place has told what it knows. */
interface Look {
  readonly context: RunContext
  readonly how: 'end' | 'quiet'
  readonly emit: Emit<RunUpdate>
  readonly signal: AbortSignal
}

const showNothing: Emit<RunUpdate> = async () => {}

/** One look at the place of a run whose record is not settled. */
async function look(asked: Look, run: RunRecord): Promise<RunRecord> {
  const { context, signal } = asked
  const { history } = context
  if (run.kind === 'prepare') return settlePrepare(context, run)
  if (run.kind === 'sweep') return settleSweep(asked, run)
  if (run.reference === undefined && isDriven(run)) return run
  await using opened = await openTarget(context, await recordedTarget(context, run))
  const reference = run.reference ?? (await findAtPlace(opened.target, run, callOptions(signal)))
  if (reference === undefined) return interrupted(context, run)
  // What was shown is the log of `run`; another process may have stored more since.
  const known = run.reference === undefined ? { ...history.update(run.id, { reference }), log: run.log } : run
  await using handle = await opened.target.attach(reference, callOptions(signal))
  // Asked for while nobody could reach the run.
  if (known.state === 'cancelling') await cancelAt(handle, reporting(asked))
  return await followAndFinish(asked, known, handle, opened)
}

/** The client died before the start: nothing runs, and nothing is lost but time. A cancel that was asked for is thereby done. */
function interrupted(context: RunContext, run: RunRecord): RunRecord {
  if (run.state === 'cancelling') return cancelledBeforeStart(context, run.id)
  const reason = interruptedReason(run)
  const patch = { state: 'interrupted', reason, client: null } as const
  return context.history.update(run.id, patch, (now) => !finalStates.has(now.state) && now.reference === undefined && !isDriven(now))
}

function settlePrepare(context: RunContext, run: RunRecord): RunRecord {
  if (isDriven(run)) return run
  const reason = interruptedReason(run)
  return context.history.update(run.id, { state: 'failed', reason, client: null }, (current) => !finalStates.has(current.state))
}

/** A sweep runs nothing itself: only its client brings it to its end. */
async function settleSweep({ context, how, signal }: Look, run: RunRecord): Promise<RunRecord> {
  const isOver = () => {
    const now = required(context, run.id)
    return finalStates.has(now.state) || !isDriven(now)
  }
  if (how === 'end') await until(isOver, signal)
  else if (!isOver()) return required(context, run.id)
  const reason = `Interrupted. To go on: errand sweep --resume ${run.id}`
  const patch = { state: 'interrupted', reason, client: null } as const
  return context.history.update(run.id, patch, (now) => !finalStates.has(now.state) && now.state !== 'interrupted' && !isDriven(now))
}

/** Milliseconds of silence after which a place has told all it knows: some round trips of it. */
const quietTime = (roundTrip: number): number => 400 + 4 * roundTrip

async function followAndFinish(asked: Look, run: RunRecord, handle: RunHandle, opened: OpenTarget): Promise<RunRecord> {
  const { how, emit, signal } = asked
  const { history } = asked.context
  const { secretValues } = opened
  await readSecretVariables(opened, storedRequest(run)?.secretVariables ?? [])
  const began = performance.now()
  const told = redactStatus(
    await handle.status(callOptions(signal)),
    createRedactor(() => [...secretValues]),
  )
  const patience: Until = how === 'end' || isFinal(told) ? 'end' : { quiet: quietTime(performance.now() - began) }
  const stream = { history, runId: run.id, handle, secretValues, signal }
  const followed = await followEvents({ ...stream, from: run.log, until: patience, emit })
  const now = history.get(run.id)
  // Untracked, and forgotten in the meantime by the process that drove it.
  if (now === undefined) return withEnd(run, followed ?? told)
  // A stream that was read to its end before, by a client that died while it collected, has no more events: the record knows the end.
  const status = [followed, now.status, told].find((known) => known !== undefined && isFinal(known))
  if (status === undefined)
    return history.update(run.id, { status: told, statusAt: new Date().toISOString() }, ({ state }) => !finalStates.has(state))
  if (isDriven(now) && how === 'quiet') return now
  await completeRecord(stream)
  return finish(history, now, handle, status, reporting(asked))
}
