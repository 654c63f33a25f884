import type { SQLInputValue } from 'node:sqlite'
import { ErrandError, errorMessage } from '../errors.ts'
import type { HistoryDatabase } from './database.ts'
import { synchroniseLog } from './log-file.ts'
import { keepInlined } from './metrics.ts'
import { changedFields, columnsOf, recordOf, type Row, type StoredFields, targetColumns } from './run-columns.ts'
import { newRunId, runNotFound } from './run-id.ts'
import { unreadableRecord } from './stored-value.ts'
import { finalStates, type NewRun, type RunPatch, type RunRecord } from './run-record.ts'

/** Inserts a run; call it inside a transaction. Answers its number. */
export function insertRun(database: HistoryDatabase, run: NewRun): number {
  const now = Date.now()
  const { kind, name, script, runConfiguration, user, request, client, parent, rerunOf } = run
  const made = { id: newRunId(database, name, now), state: 'created', createdAt: new Date(now).toISOString() }
  const given = {
    kind,
    name,
    script,
    arguments: run.arguments,
    runConfiguration,
    user,
    request,
    client,
    parent,
    rerunOf,
    notes: run.notes ?? [],
  }
  const fields = columnsOf({ ...made, ...given })
  const target = targetColumns(run.target)
  const number = Number(insert(database, 'runs', new Map([...fields.runs, ...target.runs])))
  insert(database, 'run_details', new Map<string, SQLInputValue>([['number', number], ...fields.run_details, ...target.run_details]))
  return number
}

/** Answers the number of the row. */
export function insert(database: HistoryDatabase, table: string, values: ReadonlyMap<string, SQLInputValue>): number | bigint {
  const places = Array.from(values, () => '?').join(', ')
  const statement = database.statement(`INSERT INTO ${table} (${[...values.keys()].join(', ')}) VALUES (${places})`)
  return statement.run(...values.values()).lastInsertRowid
}

/** Sets fields of one run; what is undefined stays. */
export function setColumns(database: HistoryDatabase, number: number, fields: StoredFields): void {
  for (const [table, values] of Object.entries(columnsOf(fields))) {
    if (values.size === 0) continue
    const assignments = Array.from(values.keys(), (column) => `${column} = ?`).join(', ')
    database.statement(`UPDATE ${table} SET ${assignments} WHERE number = ?`).run(...values.values(), number)
  }
}

export function runById(database: HistoryDatabase, id: string): RunRecord | undefined {
  const row = database.statement('SELECT * FROM runs JOIN run_details USING (number) WHERE id = ?').get(id)
  return row === undefined ? undefined : readableRecord(row)
}

export function runByNumber(database: HistoryDatabase, number: number): RunRecord {
  const row = database.statement('SELECT * FROM runs JOIN run_details USING (number) WHERE number = ?').get(number)
  if (row === undefined) throw runNotFound(`number ${number}`)
  return readableRecord(row)
}

function readableRecord(row: Row): RunRecord {
  try {
    return recordOf(row)
  } catch (error) {
    throw unreadableRecord({ number: Number(row['number']), id: String(row['id']), reason: errorMessage(error) })
  }
}

/** See {@link History.update}. */
export function updateRun(
  database: HistoryDatabase,
  run: { readonly id: string; readonly logPath: string },
  patch: RunPatch,
  condition?: (run: RunRecord) => boolean,
): RunRecord {
  const ends = patch.state !== undefined && finalStates.has(patch.state)
  return database.write(
    () => {
      const current = runById(database, run.id)
      if (current === undefined) throw runNotFound(run.id)
      if (condition !== undefined && !condition(current)) return current
      refuseChangedEnd(current, patch)
      setColumns(database, current.number, { ...endedNow(current, patch), ...changedFields(current, patch) })
      if (ends && !finalStates.has(current.state)) {
        keepInlined(database, current.number)
        synchroniseLog(run.logPath)
      }
      return runByNumber(database, current.number)
    },
    { durable: ends },
  )
}

function endedNow(current: RunRecord, patch: RunPatch): { endedAt?: string } {
  const ends = patch.state !== undefined && finalStates.has(patch.state)
  return ends && current.endedAt === undefined ? { endedAt: new Date().toISOString() } : {}
}

/** An answer of the place that was on its way while another process saw the end must not undo it. */
function refuseChangedEnd(current: RunRecord, patch: RunPatch): void {
  const state = patch.state !== undefined && patch.state !== current.state && finalStates.has(current.state)
  const ended = current.status !== undefined && finalStates.has(current.status.state)
  const status = patch.status !== undefined && ended && patch.status.state !== current.status?.state
  if (!state && !status) return
  const was = state ? current.state : current.status?.state
  const wanted = state ? patch.state : patch.status?.state
  throw new ErrandError('RUN_ENDED', `Run ${current.id} is ${was} already and can't become ${wanted}.`, {
    hint: `errand history info -r ${current.id}`,
  })
}
