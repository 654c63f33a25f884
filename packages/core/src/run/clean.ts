import { ErrandError, errorMessage } from '../errors.ts'
import type { History, RunRecord } from '../history/index.ts'
import { loadTarget } from '../project/index.ts'
import type { CallOptions, Leftover, Target } from '../target.ts'
import { type ConfiguredTarget, type RunContext, callOptions, configuredTarget, openTarget, recordedTarget } from './context.ts'
import { refresh } from './look.ts'
import { isSettled } from './settled.ts'

/** What became of one thing that was found at a place. */
export interface Cleaned {
  readonly leftover: Leftover
  /** Bytes that are free now. */
  readonly bytes: number
  readonly outcome: 'removed' | 'kept'
  /** Why it was kept, as a sentence. */
  readonly reason?: string
}

export interface CleanOptions {
  readonly signal: AbortSignal
  /** Also what was never brought here, and then can't be any more. */
  readonly force?: boolean
}

/**
 * Removes what one run left at its place; its files are brought here first. `target` is needed only for a run that the history does not
 * know. Yields nothing when nothing was left. Errors: `RUN_NOT_FOUND`, `RUN_IN_USE`, `RUN_NOT_COLLECTED` unless `force`.
 */
export async function* cleanRun(
  context: RunContext,
  run: { readonly id: string; readonly target?: string },
  options: CleanOptions,
): AsyncGenerator<Cleaned> {
  const record = context.history.get(run.id)
  const configured = await configuredFor(context, record, run)
  await using opened = await openTarget(context, configured)
  const found = (await listLeftovers(opened.target, callOptions(options.signal))).filter(({ runId }) => runId === run.id)
  if (found.length === 0 && record === undefined)
    throw new ErrandError('RUN_NOT_FOUND', `Neither this project's history nor ${configured.name} knows the run ${run.id}.`, {
      hint: `errand history list shows the runs of this project; errand experiment clean --all -t ${configured.name} removes what all runs left there.`,
    })
  for (const leftover of found) {
    const cleaned = await cleanOne(context, opened.target, leftover, options)
    if (cleaned instanceof ErrandError) throw cleaned
    yield cleaned
  }
}

/**
 * Removes all that this tool left at a target: what runs left, and what is kept to make the next ones quick. Runs in use stay, and so do
 * runs whose files were never brought here, unless `force`.
 */
export async function* cleanTarget(context: RunContext, name: string, options: CleanOptions): AsyncGenerator<Cleaned> {
  const configured = await configuredTarget(context, await loadTarget(context.project, name))
  await using opened = await openTarget(context, configured)
  for (const leftover of inOrder(await listLeftovers(opened.target, callOptions(options.signal)))) {
    const cleaned = await cleanOne(context, opened.target, leftover, options)
    yield cleaned instanceof ErrandError
      ? { leftover, bytes: 0, outcome: 'kept', reason: `${cleaned.message} ${cleaned.hint ?? ''}`.trim() }
      : cleaned
  }
}

/** Removes one thing, or answers why it must stay. */
async function cleanOne(context: RunContext, target: Target, leftover: Leftover, options: CleanOptions): Promise<Cleaned | ErrandError> {
  const record = leftover.runId === undefined ? undefined : context.history.get(leftover.runId)
  const collected = record === undefined || leftover.inUse ? record : await collectFirst(context, record, options)
  // Bringing the files of a run here ends with its removal there.
  if (collected?.removed === true && record?.removed === false) return { leftover, bytes: leftover.bytes, outcome: 'removed' }
  const refusal = refusalFor(context, leftover, collected, options)
  if (refusal !== undefined) return refusal
  return remove(context.history, target, leftover, callOptions(options.signal)).catch((error: unknown) => {
    // Something took it into use since it was listed: the rest can go all the same.
    if (error instanceof ErrandError && error.code.endsWith('_IN_USE')) return error
    throw error
  })
}

async function configuredFor(
  context: RunContext,
  record: RunRecord | undefined,
  run: { readonly id: string; readonly target?: string },
): Promise<ConfiguredTarget> {
  if (record !== undefined) return recordedTarget(context, record)
  if (run.target !== undefined) return configuredTarget(context, await loadTarget(context.project, run.target))
  throw new ErrandError('RUN_NOT_FOUND', `The history of this project has no run ${run.id}.`, {
    hint: 'If a target still has it, name the target with -t.',
  })
}

/** The record once all that can be known of the run is here; as it was when its place can't tell. */
async function collectFirst(context: RunContext, record: RunRecord, { signal }: CleanOptions): Promise<RunRecord> {
  if (isSettled(record)) return record
  return refresh(context, record.id, { signal }).catch((error: unknown) => {
    if (signal.aborted) throw error
    context.log.warn(`The files of ${record.id} could not be brought here: ${errorMessage(error)}`)
    return context.history.get(record.id) ?? record
  })
}

async function listLeftovers(target: Target, options: CallOptions): Promise<Leftover[]> {
  const found: Leftover[] = []
  for await (const leftover of target.leftovers(options)) found.push(leftover)
  return found
}

/** What others are made of goes last. */
const order: readonly Leftover['kind'][] = ['run', 'environment', 'image', 'cache', 'volume', 'objects']

function inOrder(leftovers: readonly Leftover[]): readonly Leftover[] {
  return leftovers.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
}

function refusalFor(
  context: RunContext,
  leftover: Leftover,
  record: RunRecord | undefined,
  { force }: CleanOptions,
): ErrandError | undefined {
  const { runId, inUse } = leftover
  if (inUse) {
    const hint = runId === undefined ? {} : { hint: `To end it: errand experiment cancel -r ${runId}` }
    return new ErrandError('RUN_IN_USE', `${runId === undefined ? leftover.id : `The run ${runId}`} is in use.`, hint)
  }
  if (leftover.risk !== undefined && force !== true)
    return new ErrandError('LEFTOVER_UNREAD', leftover.risk, { hint: 'To remove it all the same: --force' })
  if (runId === undefined || force === true || (record !== undefined && isSettled(record))) return undefined
  const of = leftover.project === undefined || leftover.project === context.project.name ? '' : ` of the project ${leftover.project}`
  const why = record === undefined ? `is not in this project's history` : 'could not be brought here'
  return new ErrandError('RUN_NOT_COLLECTED', `The run ${runId}${of} ${why}: its files would be lost.`, {
    hint: 'To remove it all the same: --force',
  })
}

async function remove(history: History, target: Target, leftover: Leftover, options: CallOptions): Promise<Cleaned> {
  await target.removeLeftover(leftover.id, options)
  if (leftover.runId !== undefined && history.get(leftover.runId) !== undefined) history.update(leftover.runId, { removed: true })
  // Contents that something still needs are not removed with the rest.
  const left = leftover.kind === 'objects' ? (await listLeftovers(target, options)).find(({ id }) => id === leftover.id)?.bytes : 0
  const bytes = leftover.bytes - (left ?? 0)
  if (bytes > 0 || leftover.kind !== 'objects') return { leftover, bytes, outcome: 'removed' }
  return {
    leftover,
    bytes: 0,
    outcome: 'kept',
    reason: 'The stored file contents were used within the last hour or are needed by what is kept.',
  }
}
