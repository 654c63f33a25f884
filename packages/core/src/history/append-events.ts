import { ErrandError } from '../errors.ts'
import type { RunEvent, RunStatus } from '../target.ts'
import type { HistoryDatabase } from './database.ts'
import { keepLabels, storeLabel } from './labels.ts'
import { encodeEvents, writeLog } from './log-file.ts'
import { insertMetric, keepInlined } from './metrics.ts'
import { setColumns } from './run-rows.ts'
import { statusFields } from './run-columns.ts'
import type { AppendResult } from './history.ts'
import { finalStates, type RunState } from './run-record.ts'
import { runNotFound } from './run-id.ts'
import { fromSqlText, toSqlText } from './sql-text.ts'
import { toRunState } from './stored-value.ts'

interface Position {
  readonly number: number
  readonly id: string
  readonly cursor: string | undefined
  readonly size: number
  readonly metrics: number
  readonly removed: boolean
  readonly state: RunState
  readonly status: RunStatus | undefined
}

/**
 * Stores what is new of a batch: log records at the size that the row names, the rest in tables, then cursor and size, all in one
 * transaction. Whoever dies in between leaves bytes behind that size, which the next writer cuts off.
 */
export function appendEvents(
  database: HistoryDatabase,
  run: { readonly id: string; readonly logPath: string },
  events: readonly RunEvent[],
  after: string | undefined,
): AppendResult {
  const encoded = encodeEvents(events)
  return database.write(() => {
    const position = positionOf(database, run.id)
    const first = firstNew(events, after, position.cursor)
    if (first === undefined) return result('elsewhere', 0, position.cursor)
    const last = events.at(-1)
    if (last === undefined || first === events.length) return result('stored', 0, position.cursor)
    const records = encoded.bytes.subarray(encoded.offsets[first])
    const size = records.length === 0 ? position.size : writeLog(run.logPath, records, position.size)
    if (size === undefined) return rewind(database, position, run.logPath)
    const fresh = events.slice(first)
    const metrics = storeEvents(database, position, fresh)
    database
      .statement('UPDATE run_details SET log_cursor = ?, log_size = ?, metric_count = ? WHERE number = ?')
      .run(toSqlText(last.cursor), size, metrics, position.number)
    if (metrics > position.metrics && finalStates.has(position.state)) keepInlined(database, position.number)
    return result('stored', fresh.length, last.cursor)
  })
}

function result(outcome: AppendResult['outcome'], stored: number, cursor: string | undefined): AppendResult {
  return { outcome, stored, ...(cursor === undefined ? {} : { cursor }) }
}

/** Where in the batch that follows `after` the events begin that are not stored yet; undefined: the batch does not touch what is stored. */
function firstNew(events: readonly RunEvent[], after: string | undefined, stored: string | undefined): number | undefined {
  if (stored === after) return 0
  if (stored === undefined) return undefined
  const found = events.findLastIndex((event) => event.cursor === stored)
  return found === -1 ? undefined : found + 1
}

function positionOf(database: HistoryDatabase, id: string): Position {
  const row = database
    .statement(
      'SELECT runs.number, log_cursor, log_size, metric_count, removed, state, status FROM runs JOIN run_details USING (number) WHERE id = ?',
    )
    .get(id)
  if (row === undefined) throw runNotFound(id)
  return {
    number: Number(row['number']),
    id,
    cursor: row['log_cursor'] === null ? undefined : fromSqlText(String(row['log_cursor'])),
    size: Number(row['log_size']),
    metrics: Number(row['metric_count']),
    removed: row['removed'] === 1,
    state: toRunState(row['state']),
    status: row['status'] === null ? undefined : JSON.parse(String(row['status'])),
  }
}

/** Answers the run's count of metrics. */
function storeEvents(database: HistoryDatabase, position: Position, events: readonly RunEvent[]): number {
  const run = position.number
  let metrics = position.metrics
  let status: Extract<RunEvent, { type: 'status' }> | undefined
  for (const event of events) {
    if (event.type === 'metric') {
      insertMetric(database, run, metrics, event)
      metrics += 1
    } else if (event.type === 'tag' || event.type === 'property') storeLabel(database, run, event)
    else if (event.type === 'artifact') announceArtifact(database, run, event.path)
    else if (event.type === 'status') status = event
  }
  if (events.some(({ type }) => type === 'tag' || type === 'property')) keepLabels(database, run)
  if (status !== undefined) storeStatus(database, position, status)
  return metrics
}

function announceArtifact(database: HistoryDatabase, run: number, path: string): void {
  database.statement('INSERT OR IGNORE INTO artifacts (run, path) VALUES (?, ?)').run(run, toSqlText(path))
}

const followsPlace: ReadonlySet<RunState> = new Set<RunState>(['created', 'preparing', 'starting', 'queued', 'running', 'interrupted'])

/** The state that a record takes when its place reports a status. An end makes it `finalizing`: the outputs are still to be collected. */
function stateAfter(state: RunState, status: RunStatus): RunState {
  const live = status.state === 'queued' || status.state === 'running'
  if (finalStates.has(state)) return state
  if (!live) return 'finalizing'
  return followsPlace.has(state) ? status.state : state
}

function storeStatus(database: HistoryDatabase, position: Position, event: Extract<RunEvent, { type: 'status' }>): void {
  const { status } = event
  if (position.status !== undefined && finalStates.has(position.status.state)) return
  setColumns(database, position.number, {
    status,
    ...statusFields(status),
    statusAt: event.at,
    state: stateAfter(position.state, status),
    ...('reason' in status ? { reason: status.reason } : {}),
  })
}

/** The machine lost power after the index had been saved and before the log was: the copy begins again. */
function rewind(database: HistoryDatabase, position: Position, logPath: string): AppendResult {
  if (position.removed) {
    throw new ErrandError(
      'HISTORY_LOG_DAMAGED',
      `${logPath} is shorter than the history says, and the run ${position.id} is gone from its place.`,
      {
        hint: 'What is left of the log can still be read.',
      },
    )
  }
  database.statement('DELETE FROM metrics WHERE run = ?').run(position.number)
  database.statement('UPDATE run_details SET log_cursor = NULL, log_size = 0, metric_count = 0 WHERE number = ?').run(position.number)
  return result('rewound', 0, undefined)
}
