import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { Labels, MetricsText, RunPatch, RunRecord, RunSummary } from './run-record.ts'
import { fromSqlText, toSqlText } from './sql-text.ts'
import { toRunKind, toRunState } from './stored-value.ts'

export type Row = Readonly<Record<string, SQLOutputValue>>

type Writable<Type> = { -readonly [Field in keyof Type]: Type[Field] }

const toText = (value: unknown): string => toSqlText(String(value))
const toJson = (value: unknown): string => JSON.stringify(value)
const toFlag = (value: unknown): number => (value === true ? 1 : 0)
const fromText = (stored: unknown): string => fromSqlText(String(stored))

interface Column {
  readonly table: 'runs' | 'run_details'
  readonly column: string
  readonly stored: (value: unknown) => SQLInputValue
}

type StoredField = Exclude<keyof RunRecord, 'number' | 'target' | 'log'>

/** Which field of a record is kept where and how. `target` and `log` have columns of their own; numbers are given by SQLite. */
const fieldColumns: Readonly<Record<StoredField, Column>> = {
  id: { table: 'runs', column: 'id', stored: toText },
  kind: { table: 'runs', column: 'kind', stored: toText },
  name: { table: 'runs', column: 'name', stored: toText },
  script: { table: 'runs', column: 'script', stored: toText },
  runConfiguration: { table: 'runs', column: 'run_configuration', stored: toText },
  state: { table: 'runs', column: 'state', stored: toText },
  statusAt: { table: 'runs', column: 'status_at', stored: toText },
  createdAt: { table: 'runs', column: 'created_at', stored: toText },
  startedAt: { table: 'runs', column: 'started_at', stored: toText },
  endedAt: { table: 'runs', column: 'ended_at', stored: toText },
  arguments: { table: 'runs', column: 'arguments', stored: toJson },
  parent: { table: 'runs', column: 'parent', stored: toText },
  note: { table: 'runs', column: 'note', stored: toText },
  status: { table: 'run_details', column: 'status', stored: toJson },
  request: { table: 'run_details', column: 'request', stored: toJson },
  prepared: { table: 'run_details', column: 'prepared', stored: toJson },
  reference: { table: 'run_details', column: 'reference', stored: toJson },
  client: { table: 'run_details', column: 'client', stored: toJson },
  collected: { table: 'run_details', column: 'collected', stored: toFlag },
  removed: { table: 'run_details', column: 'removed', stored: toFlag },
  user: { table: 'run_details', column: 'user', stored: toText },
  notes: { table: 'run_details', column: 'notes', stored: toJson },
  reason: { table: 'run_details', column: 'reason', stored: toText },
  rerunOf: { table: 'run_details', column: 'rerun_of', stored: toText },
}

const columnOf: ReadonlyMap<string, Column> = new Map(Object.entries(fieldColumns))

export type StoredFields = { readonly [Field in StoredField]?: unknown }
export type ColumnValues = Readonly<Record<Column['table'], ReadonlyMap<string, SQLInputValue>>>

/** A row of both tables joined. */
export function recordOf(row: Row): RunRecord {
  const log: Writable<RunRecord['log']> = { size: Number(row['log_size']) }
  if (row['log_cursor'] !== null) log.cursor = fromText(row['log_cursor'])
  const record: Writable<RunRecord> = {
    id: String(row['id']),
    number: Number(row['number']),
    kind: toRunKind(row['kind']),
    name: fromText(row['name']),
    arguments: JSON.parse(String(row['arguments'])),
    runConfiguration: fromText(row['run_configuration']),
    target: { name: fromText(row['target_name']), type: fromText(row['target_type']), config: JSON.parse(String(row['target_config'])) },
    state: toRunState(row['state']),
    createdAt: fromText(row['created_at']),
    collected: row['collected'] === 1,
    removed: row['removed'] === 1,
    log,
    user: fromText(row['user']),
    notes: JSON.parse(String(row['notes'])),
  }
  if (row['script'] !== null) record.script = fromText(row['script'])
  if (row['status'] !== null) record.status = JSON.parse(String(row['status']))
  if (row['status_at'] !== null) record.statusAt = fromText(row['status_at'])
  if (row['started_at'] !== null) record.startedAt = fromText(row['started_at'])
  if (row['ended_at'] !== null) record.endedAt = fromText(row['ended_at'])
  if (row['request'] !== null) record.request = JSON.parse(String(row['request']))
  if (row['prepared'] !== null) record.prepared = JSON.parse(String(row['prepared']))
  if (row['reference'] !== null) record.reference = JSON.parse(String(row['reference']))
  if (row['client'] !== null) record.client = JSON.parse(String(row['client']))
  if (row['reason'] !== null) record.reason = fromText(row['reason'])
  if (row['parent'] !== null) record.parent = fromText(row['parent'])
  if (row['rerun_of'] !== null) record.rerunOf = fromText(row['rerun_of'])
  if (row['note'] !== null) record.note = fromText(row['note'])
  return record
}

/** What a list reads, as arrays: objects would double the time of a long list. */
const place = {
  number: 0,
  id: 1,
  created_at: 2,
  kind: 3,
  name: 4,
  script: 5,
  run_configuration: 6,
  target_name: 7,
  target_type: 8,
  state: 9,
  status_at: 10,
  started_at: 11,
  ended_at: 12,
  metrics: 13,
  clashing_metrics: 14,
  arguments: 15,
  parent: 16,
  note: 17,
  tags: 18,
  properties: 19,
  metrics_valid: 20,
} as const

/** The last one asks SQLite whether the metrics are JSON: it looks many times as quick as a parser that makes objects. */
export const summaryColumns: string = [
  ...Object.keys(place).slice(0, -1),
  "json_valid(coalesce(metrics, '{}')) AND json_valid(coalesce(clashing_metrics, '{}'))",
].join(', ')

/** What is read for a run that has not ended, whose row has not everything. */
export interface CurrentFacts {
  readonly metrics: MetricsText
  readonly detail?: string
}

/** A row of `summaryColumns` as an array. Metrics were kept at the run's end; those of a run that goes on are put together anew. */
export function summaryOf(row: Readonly<Record<number, SQLOutputValue>>, currentFacts: (run: number) => CurrentFacts): RunSummary {
  if (row[place.metrics_valid] !== 1) throw new SyntaxError('its metrics are no JSON')
  const number = Number(row[place.number])
  const metrics = row[place.metrics]
  const clashing = row[place.clashing_metrics]
  const kept = typeof clashing === 'string' ? { inline: String(metrics), clashing } : { inline: String(metrics) }
  const current = typeof metrics === 'string' ? undefined : currentFacts(number)
  const summary: Writable<RunSummary> = {
    id: String(row[place.id]),
    number,
    kind: toRunKind(row[place.kind]),
    name: fromText(row[place.name]),
    runConfiguration: fromText(row[place.run_configuration]),
    target: { name: fromText(row[place.target_name]), type: fromText(row[place.target_type]) },
    state: toRunState(row[place.state]),
    createdAt: fromText(row[place.created_at]),
    arguments: jsonOf(row[place.arguments], noArguments),
    tags: jsonOf(row[place.tags], noLabels),
    properties: jsonOf(row[place.properties], noLabels),
    metrics: current?.metrics ?? kept,
  }
  if (current?.detail !== undefined) summary.detail = current.detail
  if (row[place.parent] !== null) summary.parent = fromText(row[place.parent])
  if (row[place.note] !== null) summary.note = fromText(row[place.note])
  if (row[place.script] !== null) summary.script = fromText(row[place.script])
  if (row[place.status_at] !== null) summary.statusAt = fromText(row[place.status_at])
  if (row[place.started_at] !== null) summary.startedAt = fromText(row[place.started_at])
  if (row[place.ended_at] !== null) summary.endedAt = fromText(row[place.ended_at])
  return summary
}

const noArguments: readonly string[] = []
const noLabels: Labels = {}

/** Most rows have nothing there: these are not parsed. */
function jsonOf<Value>(stored: unknown, empty: Value): Value {
  return typeof stored === 'string' && stored !== '[]' ? JSON.parse(stored) : empty
}

/** Columns to set, for each of the two tables. A field that is undefined is left out, null is stored as NULL. */
export function columnsOf(fields: StoredFields): ColumnValues {
  const set = { runs: new Map<string, SQLInputValue>(), run_details: new Map<string, SQLInputValue>() }
  for (const [field, value] of Object.entries(fields)) {
    const column = columnOf.get(field)
    if (column !== undefined && value !== undefined) set[column.table].set(column.column, value === null ? null : column.stored(value))
  }
  return set
}

export function targetColumns(target: RunRecord['target']): ColumnValues {
  return {
    runs: new Map([
      ['target_name', toText(target.name)],
      ['target_type', toText(target.type)],
    ]),
    run_details: new Map([['target_config', toJson(target.config)]]),
  }
}

/** The fields that a patch changes, given the record as it is: what a status brings with it, and notes behind those that are there. */
export function changedFields(run: RunRecord, patch: RunPatch): Omit<RunPatch, 'addNotes'> & { readonly notes?: readonly string[] } {
  const { addNotes, ...fields } = patch
  const { status } = patch
  return {
    ...(status === undefined ? {} : statusFields(status)),
    ...fields,
    ...(addNotes === undefined ? {} : { notes: [...new Set([...run.notes, ...addNotes])] }),
  }
}

export function statusFields(status: NonNullable<RunRecord['status']>): { statusAt: string; startedAt?: string; endedAt?: string } {
  return {
    statusAt: new Date().toISOString(),
    ...(status.startedAt === undefined ? {} : { startedAt: status.startedAt }),
    ...(status.endedAt === undefined ? {} : { endedAt: status.endedAt }),
  }
}
