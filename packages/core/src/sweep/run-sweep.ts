import { ErrandError, errorMessage } from '../errors.ts'
import { type RunPatch, type RunRecord, finalStates } from '../history/index.ts'
import { type RunContext } from '../run/context.ts'
import { cancel } from '../run/look.ts'
import { isDriven, isSettled } from '../run/settled.ts'
import { type SubmitOptions, createRun, planSubmit, snapshotRequest } from '../run/submit.ts'
import { storeRequest, storedRequest } from '../run/stored-request.ts'
import type { RunUpdate } from '../run/update.ts'
import { updates } from '../run/updates.ts'
import { type SweepUpdate, claimSweep, driveSweep, resumeCommand } from './drive-sweep.ts'
import { type StoredSweep, storedSweep, withSweep } from './stored-sweep.ts'

export interface SweepOptions extends Omit<SubmitOptions, 'untracked'> {
  readonly sweep: StoredSweep
}

/**
 * Runs a script once for each point: one environment, one copy of the project, one parent record with a run below it for each point. Leaving
 * early lets the runs that have started go on; `resumeSweep` goes on with the rest. The last update is the parent's `ended`, also of one
 * that was stopped by failures, which is then `interrupted`.
 */
export function runSweep(context: RunContext, { sweep, ...options }: SweepOptions): AsyncGenerator<SweepUpdate> {
  return updates(options.signal, async (emit, signal) => {
    if (sweep.points.length === 0)
      throw new ErrandError('SWEEP_EMPTY', 'A sweep needs at least one parameter.', { hint: 'Give one: --each alpha=0.1,0.5,1' })
    const { plan, configured } = await planSubmit(context, options, emit)
    const request = withSweep(storeRequest(plan, { runId: '' }, ''), sweep)
    const submission = await createRun(context, options, plan, configured, emit, signal, { kind: 'sweep', request })
    const { runId } = submission
    await orInterrupted(context, runId, async () => {
      const { snapshot } = await snapshotRequest(submission, plan)
      const whole = withSweep(storeRequest(plan, { runId }, snapshot.digest), sweep)
      const parent = context.history.update(runId, { request: whole })
      await emit({ type: 'ended', run: await driveSweep(context, parent, emit, signal) })
    })
  })
}

/** Goes on with a sweep whose client has ended. Errors: `RUN_NO_SWEEP`, `SWEEP_INCOMPLETE`, `SWEEP_ENDED`, `SWEEP_DRIVEN`. */
export function resumeSweep(
  context: RunContext,
  runId: string,
  options: { readonly signal: AbortSignal; readonly change?: Partial<Pick<StoredSweep, 'parallel' | 'stopAfter' | 'best'>> },
): AsyncGenerator<SweepUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { history } = context
    const found = history.get(runId) ?? history.resolve(runId)
    const { sweep, request } = storedSweep(found)
    claimSweep(context, found)
    const changed = withSweep(request as unknown as NonNullable<RunRecord['request']>, { ...sweep, ...options.change })
    const parent = history.update(found.id, { request: changed })
    await emit({ type: 'created', run: parent })
    await orInterrupted(context, found.id, async () => {
      await emit({ type: 'ended', run: await driveSweep(context, parent, emit, signal) })
    })
  })
}

/** A sweep whose driver lets go of it can be gone on with, whatever the reason, as soon as the files of its runs are recorded. */
async function orInterrupted({ history }: RunContext, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const sentence = error instanceof Error && error.name !== 'AbortError' ? `${errorMessage(error).replace(/\.$/, '')}. ` : ''
    const run = history.get(id)
    const patch: RunPatch =
      run !== undefined && storedRequest(run)?.snapshot.digest === ''
        ? { ...endOfSweep(), state: 'failed', reason: `${sentence}It ended before its files were recorded; start it again.` }
        : { state: 'interrupted', reason: `Interrupted. ${sentence}To go on: ${resumeCommand(id)}`, client: null }
    history.update(id, patch, ({ state }) => !finalStates.has(state) && state !== 'cancelling')
    throw error
  }
}

/** Cancels a sweep and each of its runs that has not ended; stays until nothing of them is left alive. */
export function cancelSweep(context: RunContext, parent: RunRecord, options: { readonly signal: AbortSignal }): AsyncGenerator<RunUpdate> {
  return updates(options.signal, async (emit, signal) => {
    const { history } = context
    history.update(parent.id, { state: 'cancelling' }, ({ state }) => !finalStates.has(state))
    for (;;) {
      const open = history.list({ parent: parent.id }).filter(({ id }) => !isSettledNow(context, id))
      for (const { id } of open) for await (const update of cancel(context, id, { signal })) if (update.type !== 'ended') await emit(update)
      const now = history.get(parent.id)
      if (now === undefined || finalStates.has(now.state)) break
      if (!isDriven(now)) {
        history.update(
          parent.id,
          { ...endOfSweep(), state: 'cancelled', reason: 'It was cancelled.' },
          ({ state }) => !finalStates.has(state),
        )
        break
      }
      // Its driver looks before each start.
      const { setTimeout } = await import('node:timers/promises')
      await setTimeout(200, undefined, { signal })
    }
    const ended = history.get(parent.id)
    if (ended !== undefined) await emit({ type: 'ended', run: ended })
  })
}

/** A sweep itself has nothing at any place. */
const endOfSweep = () => ({ endedAt: new Date().toISOString(), collected: true, removed: true, client: null })

function isSettledNow({ history }: RunContext, id: string): boolean {
  const run = history.get(id)
  return run === undefined || isSettled(run)
}
