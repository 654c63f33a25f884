import type { SQLInputValue } from 'node:sqlite'
import type { JsonValue } from '../json.ts'
import type { RunRequest } from '../request.ts'
import type { RunPatch, RunRecord } from './run-record.ts'
import { fromSqlText, toSqlText } from './sql-text.ts'

export type Row = Readonly<Record<string, unknown>>

const text = { write: (value: unknown) => toSqlText(String(value)), read: (stored: unknown) => fromSqlText(String(stored)) }
const json = { write: (value: unknown) => JSON.stringify(value), read: (stored: unknown) => JSON.parse(String(stored)) as unknown }
const flag = { write: (value: unknown) => (value === true ? 1 : 0), read: (stored: unknown) => stored === 1 }

interface Column {
  readonly table: 'runs' | 'run_details'
  readonly column: string
  readonly form: { write(value: unknown): string | number; read(stored: unknown): unknown }
}

/** Which field of a record is kept where and how. `target` and `log` are put together from several columns. */
const columns: Readonly<Record<Exclude<keyof RunRecord, 'number' | 'target' | 'log'>, Column>> = {
  id: { table: 'runs', column: 'id', form: text },
  kind: { table: 'runs', column: 'kind', form: text },
  name: { table: 'runs', column: 'name', form: text },
  script: { table: 'runs', column: 'script', form: text },
  runConfiguration: { table: 'runs', column: 'run_configuration', form: text },
  state: { table: 'runs', column: 'state', form: text },
  statusAt: { table: 'runs', column: 'status_at', form: text },
  createdAt: { table: 'runs', column: 'created_at', form: text },
  startedAt: { table: 'runs', column: 'started_at', form: text },
  endedAt: { table: 'runs', column: 'ended_at', form: text },
  arguments: { table: 'run_details', column: 'arguments', form: json },
  status: { table: 'run_details', column: 'status', form: json },
  request: { table: 'run_details', column: 'request', form: json },
  prepared: { table: 'run_details', column: 'prepared', form: json },
  reference: { table: 'run_details', column: 'reference', form: json },
  client: { table: 'run_details', column: 'client', form: json },
  collected: { table: 'run_details', column: 'collected', form: flag },
  removed: { table: 'run_details', column: 'removed', form: flag },
  user: { table: 'run_details', column: 'user', form: text },
  notes: { table: 'run_details', column: 'notes', form: json },
  reason: { table: 'run_details', column: 'reason', form: text },
}

/** A row of both tables joined. */
export function recordOf(row: Row): RunRecord {
  const record: Record<string, unknown> = {
    number: row['number'],
    target: {
      name: text.read(row['target_name']),
      type: text.read(row['target_type']),
      config: json.read(row['target_config']),
    },
    log: {
      size: row['log_size'],
      ...(row['log_cursor'] === null ? {} : { cursor: text.read(row['log_cursor']) }),
    },
  }
  for (const [field, { column, form }] of Object.entries(columns)) {
    if (row[column] !== null) record[field] = form.read(row[column])
  }
  return record as unknown as RunRecord
}

/** Columns to set, for each of the two tables. A field that is undefined is left out, null is stored as NULL. */
export function columnsOf(values: { readonly [Field in keyof typeof columns]?: unknown }): Record<
  Column['table'],
  Map<string, SQLInputValue>
> {
  const set = { runs: new Map<string, SQLInputValue>(), run_details: new Map<string, SQLInputValue>() }
  for (const [field, value] of Object.entries(values)) {
    const column = columns[field as keyof typeof columns]
    if (column !== undefined && value !== undefined) set[column.table].set(column.column, value === null ? null : column.form.write(value))
  }
  return set
}

export function targetColumns(target: RunRecord['target']): Record<Column['table'], Map<string, SQLInputValue>> {
  return {
    runs: new Map([
      ['target_name', text.write(target.name)],
      ['target_type', text.write(target.type)],
    ]),
    run_details: new Map([['target_config', json.write(target.config)]]),
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

/** A request as the history keeps it: the snapshot's entries are in the object store already, under that digest. */
export function storedRequest(request: RunRequest): JsonValue {
  return JSON.parse(JSON.stringify({ ...request, snapshot: { digest: request.snapshot.digest } })) as JsonValue
}
