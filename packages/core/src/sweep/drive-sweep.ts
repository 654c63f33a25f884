import { ErrandError } from '../errors.ts'
import { type RunRecord, finalStates, thisClient } from '../history/index.ts'
import type { RunRequest } from '../request.ts'
import { type RunContext, openTarget, recordedTarget } from '../run/context.ts'
import { isDriven, isSettled } from '../run/settled.ts'
import { type Submission, interruptedReason, prepareTarget, runToEnd } from '../run/start.ts'
import { type StoredRequest } from '../run/stored-request.ts'
import type { RunUpdate } from '../run/update.ts'
import type { Emit } from '../run/updates.ts'
import { waitFor } from '../run/look.ts'
import { loadSnapshot } from '../snapshot/index.ts'
import type { Prepared } from '../target.ts'
import { pointArguments } from './parameters.ts'
import { type StoredSweep, pointProperty, runsByPoint, storedSweep } from './stored-sweep.ts'

/** What is told of a sweep as it goes: what a submit tells, of the sweep itself, and each change of one of its runs. */
export type SweepUpdate = RunUpdate | { readonly type: 'point'; readonly index: number; readonly run: RunRecord }

interface Drive {
  readonly context: RunContext
  readonly parent: RunRecord
  readonly sweep: StoredSweep
  readonly request: StoredRequest
  readonly start: (index: number, run: RunRecord) => Promise<RunRecord>
  readonly emit: Emit<SweepUpdate>
  readonly signal: AbortSignal
}

/** The command that goes on with a sweep. */
export const resumeCommand = (id: string): string => `errand sweep --resume ${id}`

/**
 * Runs what a sweep has not run yet, in one environment and from one copy of the project. This process must be the one that its record
 * names as client. A run that another client had begun is gone on with; none is started twice.
 */
export async function driveSweep(context: RunContext, parent: RunRecord, emit: Emit<SweepUpdate>, signal: AbortSignal): Promise<RunRecord> {
  const { history } = context
  const { sweep, request } = storedSweep(parent)
  const snapshot = await loadSnapshot(history.directory, request.snapshot.digest)
  const { prepareEnvironment, tracked: _tracked, unusedEnvironmentFile: _unused, ...rest } = request
  await using opened = await openTarget(context, await recordedTarget(context, parent))
  const submission: Submission = { context, runId: parent.id, emit, signal, attempt: { mayHaveStarted: false } }
  const prepared = await prepareTarget(submission, rest, opened, prepareEnvironment)
  history.update(
    parent.id,
    { state: 'running', startedAt: parent.startedAt ?? new Date().toISOString() },
    ({ state }) => state !== 'cancelling',
  )
  const starting = oneAtATime()
  const drive: Drive = {
    context,
    parent,
    sweep,
    request,
    emit,
    signal,
    start: (index, run) =>
      runPoint(drive, index, run, prepared, (child, started) =>
        starting(async (release) => {
          if (history.get(child.id)?.reference !== undefined) release()
          const childEmit: Emit<RunUpdate> = async (update) => {
            if (update.type === 'started') release()
            await started(update)
          }
          const whole: RunRequest = { ...rest, ...identityOf(child), arguments: child.arguments, snapshot }
          await runToEnd({ ...submission, runId: child.id, emit: childEmit, attempt: { mayHaveStarted: false } }, whole, prepared, opened)
        }),
      ),
  }
  return finishSweep(drive, await runPoints(drive))
}

const identityOf = ({ id, number }: RunRecord): Pick<RunRequest, 'runId' | 'runNumber'> => ({ runId: id, runNumber: number })

/** Starts are made one after the other, so that what the first one sends is there for the others; the runs then go on side by side. */
function oneAtATime(): (work: (release: () => void) => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return async (work) => {
    const before = last
    const free = Promise.withResolvers<void>()
    last = free.promise
    await before
    try {
      await work(free.resolve)
    } finally {
      free.resolve()
    }
  }
}

/** One run from its record to its end. What goes wrong before it has started leaves it to be gone on with. */
async function runPoint(
  { context, emit }: Drive,
  index: number,
  run: RunRecord,
  prepared: Prepared,
  work: (run: RunRecord, onUpdate: Emit<RunUpdate>) => Promise<void>,
): Promise<RunRecord> {
  const { history } = context
  await emit({ type: 'point', index, run: history.update(run.id, { client: thisClient(), prepared }) })
  try {
    await work(run, async (update) => {
      if (update.type === 'started' || update.type === 'ended') await emit({ type: 'point', index, run: update.run })
      if (update.type === 'note') await emit(update)
    })
  } catch (error) {
    const unstarted = { state: 'interrupted', reason: interruptedReason(run), client: null } as const
    history.update(run.id, unstarted, (now) => now.reference === undefined && !finalStates.has(now.state))
    throw error
  }
  return history.get(run.id) ?? run
}

type Outcome = 'done' | 'cancelled' | { readonly failures: number }

async function runPoints(drive: Drive): Promise<Outcome> {
  const { context, sweep, parent, signal } = drive
  let next = 0
  let failures = 0
  let stopped: unknown
  const isCancelled = (): boolean => context.history.get(parent.id)?.state === 'cancelling'
  const mayGoOn = (): boolean =>
    stopped === undefined && !signal.aborted && failures < (sweep.stopAfter ?? Infinity) && next < sweep.points.length && !isCancelled()
  const worker = async (): Promise<void> => {
    while (mayGoOn()) {
      const index = next++
      const ended = await endOf(drive, index)
      if (ended !== undefined && ended.state !== 'completed') failures += 1
    }
  }
  const workers = Array.from({ length: Math.min(sweep.parallel, sweep.points.length) }, () =>
    worker().catch((error: unknown) => {
      stopped ??= error
    }),
  )
  await Promise.all(workers)
  if (stopped !== undefined) throw stopped
  signal.throwIfAborted()
  if (isCancelled()) return 'cancelled'
  return next < sweep.points.length || failures >= (sweep.stopAfter ?? Infinity) ? { failures } : 'done'
}

/** Brings one point to its end; undefined when it had ended before. */
async function endOf({ context, parent, sweep, request, start, signal }: Drive, index: number): Promise<RunRecord | undefined> {
  const { history } = context
  const known = runsByPoint(history, parent.id).get(index)
  const run = known === undefined ? undefined : history.get(known.id)
  if (run !== undefined && isSettled(run)) return undefined
  if (run !== undefined && isDriven(run)) return waitFor(context, run.id, { signal })
  if (run !== undefined) return start(index, run)
  const point = sweep.points[index] ?? {}
  const { target, runConfiguration, name, script, user } = parent
  const values = Object.entries(point).map(([key, value]): [string, string] => [`sweep.${key}`, value])
  const made = history.create({
    kind: 'run',
    parent: parent.id,
    name,
    ...(script === undefined ? {} : { script }),
    arguments: pointArguments(request.arguments, point),
    runConfiguration,
    target,
    user,
    client: thisClient(),
    properties: { ...commitOf(history.tags(parent.id)), [pointProperty]: String(index), ...Object.fromEntries(values) },
  })
  const { sweep: _sweep, ...stored } = request as StoredRequest & { readonly sweep?: unknown }
  const whole = { ...stored, ...identityOf(made), arguments: made.arguments } as unknown as NonNullable<RunRecord['request']>
  return start(index, history.update(made.id, { request: whole }))
}

function commitOf(tags: readonly { readonly type: string; readonly name: string; readonly value?: string }[]): Record<string, string> {
  const properties = tags.filter(({ type }) => type === 'property')
  return Object.fromEntries(properties.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])))
}

function finishSweep({ context, parent, sweep }: Drive, outcome: Outcome): RunRecord {
  const { history } = context
  const runs = [...runsByPoint(history, parent.id).values()]
  const failed = runs.filter(({ state }) => state !== 'completed').length
  const end = { endedAt: new Date().toISOString(), collected: true, removed: true, client: null }
  if (outcome === 'cancelled') return history.update(parent.id, { state: 'cancelled', reason: 'It was cancelled.', ...end })
  const ended = runs.filter(({ state }) => finalStates.has(state)).length
  if (outcome !== 'done' && ended < sweep.points.length) {
    const rest = `${sweep.points.length - ended} of ${sweep.points.length} runs have not run`
    const reason = `Stopped after ${outcome.failures} failed runs; ${rest}. To go on: ${resumeCommand(parent.id)}`
    return history.update(parent.id, { state: 'interrupted', reason, client: null })
  }
  if (failed === 0) return history.update(parent.id, { state: 'completed', reason: null, ...end })
  return history.update(parent.id, { state: 'failed', reason: `${failed} of ${sweep.points.length} runs did not complete`, ...end })
}

/** Makes this process the one that drives a sweep. Errors: `SWEEP_ENDED`, `SWEEP_DRIVEN`. */
export function claimSweep({ history }: RunContext, parent: RunRecord): RunRecord {
  const self = thisClient()
  const claimed = history.update(parent.id, { client: self, reason: null }, (now) => !finalStates.has(now.state) && !isDriven(now))
  if (finalStates.has(claimed.state))
    throw new ErrandError('SWEEP_ENDED', `All runs of ${parent.id} have ended.`, { hint: `errand history list --parent ${parent.id}` })
  if (claimed.client?.pid === self.pid && claimed.client.host === self.host) return claimed
  throw new ErrandError(
    'SWEEP_DRIVEN',
    `${parent.id} goes on already, driven by process ${claimed.client?.pid} on ${claimed.client?.host}.`,
    {
      hint: `To look at it: errand watch ${parent.id}`,
    },
  )
}
