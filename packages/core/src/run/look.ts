import { ErrandError } from '../errors.ts'
import { type RunRecord, finalStates } from '../history/index.ts'
import type { RunHandle } from '../target.ts'
import { type OpenTarget, type RunContext, callOptions, openTarget, recordedTarget } from './context.ts'
import { type Until, followEvents } from './event-stream.ts'
import { finish, withEnd } from './finish.ts'
import { isDriven, isSettled } from './settled.ts'
import { cancelledBeforeStart, interruptedReason, readSecretVariables, reporting } from './start.ts'
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
    for (const record of history.readLog(runId, { ...from, to: run.log.size }))
      await emit({ type: 'log', stream: record.stream, data: record.data })
    const now = isSettled(run) ? run : await look(context, run, options.live ? 'end' : 'quiet', emit, signal)
    if (isSettled(now)) await emit({ type: 'ended', run: now })
  })
}

/** Asks the place of a run, repairs what a killed client left, and collects when the run is final. Shows nothing. */
export async function refresh(context: RunContext, runId: string, { signal }: { readonly signal: AbortSignal }): Promise<RunRecord> {
  const run = required(context, runId)
  if (isSettled(run)) return run
  return look(context, run, 'quiet', async () => {}, signal)
}

/** Goes on to the end of a run, showing nothing. */
export async function waitFor(context: RunContext, runId: string, { signal }: { readonly signal: AbortSignal }): Promise<RunRecord> {
  await waitForStart(context, runId, true, signal)
  const run = required(context, runId)
  return isSettled(run) ? run : look(context, run, 'end', async () => {}, signal)
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
    const { history } = context
    const run = required(context, runId)
    if (options.target !== undefined) checkTarget(run, options.target)
    if (finalStates.has(run.state)) return emit({ type: 'ended', run })
    history.update(runId, { state: 'cancelling' }, (current) => !finalStates.has(current.state) && current.state !== 'finalizing')
    if (run.reference === undefined && isDriven(run)) {
      await until(() => finalStates.has(required(context, runId).state) || required(context, runId).reference !== undefined, signal)
    }
    const current = required(context, runId)
    if (finalStates.has(current.state)) return emit({ type: 'ended', run: current })
    await using opened = await openTarget(context, await recordedTarget(context, current))
    const reference = current.reference ?? (await opened.target.find(runId, callOptions(signal)))
    if (reference === undefined) {
      return await emit({ type: 'ended', run: cancelledBeforeStart(context, runId) })
    }
    history.update(runId, { reference })
    await using handle = await opened.target.attach(reference, callOptions(signal))
    await handle.cancel(callOptions(signal))
    await emit({ type: 'progress', progress: { message: 'waiting until nothing of the run is left alive' } })
    const ended = await followAndFinish(context, required(context, runId), handle, opened, 'end', emit, signal)
    if (isSettled(ended)) await emit({ type: 'ended', run: ended })
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

/** One look at the place of a run whose record is not settled. */
async function look(context: RunContext, run: RunRecord, how: Until, emit: Emit<RunUpdate>, signal: AbortSignal): Promise<RunRecord> {
  const { history } = context
  if (run.kind === 'prepare') return settlePrepare(context, run)
  if (run.reference === undefined && isDriven(run)) return run
  await using opened = await openTarget(context, await recordedTarget(context, run))
  const reference = run.reference ?? (await opened.target.find(run.id, callOptions(signal)))
  if (reference === undefined) return interrupted(context, run)
  // What was shown is the log of `run`; another process may have stored more since.
  const known = run.reference === undefined ? { ...history.update(run.id, { reference }), log: run.log } : run
  await using handle = await opened.target.attach(reference, callOptions(signal))
  return await followAndFinish(context, known, handle, opened, how, emit, signal)
}

/** The client died before the start: nothing runs, and nothing is lost but time. A cancel that was asked for is thereby done. */
function interrupted(context: RunContext, run: RunRecord): RunRecord {
  if (run.state === 'cancelling') return cancelledBeforeStart(context, run.id)
  const reason = interruptedReason(run.id)
  return context.history.update(run.id, { state: 'interrupted', reason, client: null }, (current) => !finalStates.has(current.state))
}

function settlePrepare(context: RunContext, run: RunRecord): RunRecord {
  if (isDriven(run)) return run
  const reason = `Interrupted. Prepare again: errand experiment prepare -c ${run.runConfiguration}`
  return context.history.update(run.id, { state: 'failed', reason, client: null }, (current) => !finalStates.has(current.state))
}

async function followAndFinish(
  context: RunContext,
  run: RunRecord,
  handle: RunHandle,
  opened: OpenTarget,
  how: Until,
  emit: Emit<RunUpdate>,
  signal: AbortSignal,
): Promise<RunRecord> {
  const { history } = context
  await readSecretVariables(opened, storedRequest(run)?.secretVariables ?? [])
  const { secretValues } = opened
  const followed = await followEvents({ history, runId: run.id, handle, from: run.log, until: how, secretValues, emit, signal })
  const now = history.get(run.id)
  // Untracked, and forgotten in the meantime by the process that drove it.
  if (now === undefined) return withEnd(run, followed ?? (await handle.status(callOptions(signal))))
  // A stream that was read to its end before, by a client that died while it collected, has no more events: the record knows the end.
  const status = followed ?? (now.status && now.status.state !== 'running' && now.status.state !== 'queued' ? now.status : undefined)
  if (status === undefined) return touch(context, now, handle, signal)
  if (isDriven(now) && how === 'quiet') return now
  return finish(history, now, handle, status, reporting({ emit, signal }))
}

/** Still going on: the record says so, and when it was asked. */
async function touch(context: RunContext, run: RunRecord, handle: RunHandle, signal: AbortSignal): Promise<RunRecord> {
  const status = await handle.status(callOptions(signal))
  return context.history.update(run.id, { status, statusAt: new Date().toISOString() }, (current) => !finalStates.has(current.state))
}
