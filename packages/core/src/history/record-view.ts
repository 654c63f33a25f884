import { ErrandError } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { JsonObject } from '../json-object.ts'
import { artifactNames } from './artifact-content.ts'
import { namedLabels } from './labels.ts'
import { type InlinedMetrics, inlineMetrics } from './metrics.ts'
import { durationText, microsecondsOf } from './record-time.ts'
import { runStates } from './stored-value.ts'
import type { History } from './history.ts'
import { finalStates, type RunRecord, type RunState, type RunSummary } from './run-record.ts'

/** The word that the original command line has for a state. */
export const statusWords: Readonly<Record<RunState, string>> = {
  created: 'NotStarted',
  interrupted: 'NotStarted',
  preparing: 'Preparing',
  starting: 'Starting',
  queued: 'Queued',
  running: 'Running',
  cancelling: 'CancelRequested',
  finalizing: 'Finalizing',
  completed: 'Completed',
  failed: 'Failed',
  lost: 'Failed',
  cancelled: 'Canceled',
}

const filterWords = ['Completed', 'Canceled', 'Failed', 'Running', 'NotStarted']

/** The states that `history list --status WORD` means, in any case. Error: `STATUS_UNKNOWN`. */
export function statesNamed(word: string): RunState[] {
  const known = filterWords.find((candidate) => candidate.toLowerCase() === word.toLowerCase())
  if (known === undefined) {
    throw new ErrandError('STATUS_UNKNOWN', `There is no status ${word} to filter by.`, {
      hint: `Use one of ${filterWords.join(', ').toLowerCase()}.`,
    })
  }
  return runStates.filter((state) => statusWords[state] === known)
}

/** The whole record of one run as `history info` and `history last` print it. */
export function recordFor(history: History, run: RunRecord, now: Date = new Date()): JsonObject {
  const tags = history.tags(run.id)
  const record: JsonObject = {
    attachments: artifactNames(history, run).join(', '),
    created_utc: run.createdAt,
    description: run.note ?? null,
    duration: durationOf(run, now),
    end_time_utc: run.endedAt ?? null,
    ...howItEnded(run),
    experiment_id: history.projectId,
    heartbeat_enabled: false,
    hidden: false,
    name: run.name,
    parent_run_id: run.parent ?? null,
    properties: { CommitId: null, ...namedLabels(tags, 'property') },
    root_run_id: run.parent ?? run.id,
    run_definition: run.request ?? null,
    run_id: run.id,
    run_number: run.number,
    run_type: run.kind,
    script_name: run.script ?? null,
    start_time_utc: run.startedAt ?? null,
    status: statusWords[run.state],
    tags: namedLabels(tags, 'tag'),
    target: run.target.name,
    user_id: run.user,
  }
  return withMetrics(record, inlineMetrics(history.metrics(run.id)))
}

/** One row of `history list`. */
export function listRowFor(run: RunSummary, now: Date = new Date()): JsonObject {
  const metrics = JSON.parse(run.metrics.inline) as JsonObject
  const { clashing } = run.metrics
  return { ...rowKeys(run, now), ...metrics, ...(clashing === undefined ? {} : { metrics: JSON.parse(clashing) as JsonValue }) }
}

/** The same row as one line of JSON, quicker for what is only printed: the metrics are text already. */
export function listRowText(run: RunSummary, now: Date = new Date()): string {
  const keys = JSON.stringify(rowKeys(run, now))
  const { inline, clashing } = run.metrics
  // Two objects become one by their braces: no metric has one of those names.
  const whole = inline === '{}' ? keys : `${keys.slice(0, -1)},${inline.slice(1)}`
  return clashing === undefined ? whole : `${whole.slice(0, -1)},"metrics":${clashing}}`
}

function rowKeys(run: RunSummary, now: Date): JsonObject {
  return {
    run_id: run.id,
    script_name: run.script ?? null,
    status: statusWords[run.state],
    start_time_utc: run.startedAt ?? '00:00 not started',
    duration: durationOf(run, now),
    created_utc: run.createdAt,
    target: run.target.name,
  }
}

/** Whether the history knows all there is to know, so that no connection is needed. */
export function isSettled(run: RunRecord): boolean {
  return finalStates.has(run.state) && (run.collected || run.reference === undefined)
}

/** Digest of the files that a run was made from; undefined when none were recorded. */
export function snapshotDigest({ request }: Pick<RunRecord, 'request'>): string | undefined {
  const snapshot = typeof request === 'object' && request !== null && 'snapshot' in request ? request['snapshot'] : undefined
  const digest = typeof snapshot === 'object' && snapshot !== null && 'digest' in snapshot ? snapshot['digest'] : undefined
  return typeof digest === 'string' && digest !== '' ? digest : undefined
}

/** Not in the original's records: the exit code (0 for a run that completed), the signal that ended it, and the reason in words. */
function howItEnded({ state, status, reason }: RunRecord): JsonObject {
  const exitCode = status?.state === 'failed' ? status.exitCode : undefined
  const signal = status?.state === 'failed' ? status.signal : undefined
  return { exit_code: exitCode ?? (state === 'completed' ? 0 : null), reason: reason ?? null, signal: signal ?? null }
}

function withMetrics(record: JsonObject, metrics: InlinedMetrics): JsonObject {
  return { ...record, ...metrics.inline, ...(metrics.clashing === undefined ? {} : { metrics: metrics.clashing }) }
}

/** Until now for a run that goes on; `N/A` for one that never started. */
function durationOf(run: Pick<RunRecord, 'startedAt' | 'endedAt'>, now: Date): string {
  if (run.startedAt === undefined) return 'N/A'
  const end = run.endedAt === undefined ? now.getTime() * 1000 : microsecondsOf(run.endedAt)
  return durationText(end - microsecondsOf(run.startedAt))
}
