import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { errorMessage } from '../errors.ts'
import type { HistoryDatabase } from './database.ts'
import { isDamage } from './database.ts'
import { metricsOf, metricsText } from './metrics.ts'
import { type CurrentFacts, summaryColumns, summaryOf } from './run-columns.ts'
import { type DamagedRun, finalStates, type RunFilter, type RunSummary } from './run-record.ts'
import { toSqlText } from './sql-text.ts'
import { toRunState, unreadableRecord } from './stored-value.ts'

type Row = Readonly<Record<number, SQLOutputValue>>
type OnDamaged = (run: DamagedRun) => void

/** See {@link History.list}. */
export function listRuns(database: HistoryDatabase, filter: RunFilter = {}, onDamaged: OnDamaged = refuse): RunSummary[] {
  const { where, values } = conditions(filter)
  const current = (run: number) => currentFacts(database, run)
  const readable = (row: Row): RunSummary[] => {
    try {
      return [summaryOf(row, current)]
    } catch (error) {
      onDamaged({ number: Number(row[0]), id: String(row[1]), reason: errorMessage(error) })
      return []
    }
  }
  return rowsOf(database, where, [...values, filter.limit ?? -1], onDamaged).flatMap(readable)
}

function refuse(run: DamagedRun): never {
  throw unreadableRecord(run)
}

function rowsOf(database: HistoryDatabase, where: string, values: readonly SQLInputValue[], onDamaged: OnDamaged): readonly Row[] {
  const statement = database.statement(`SELECT ${summaryColumns} FROM runs ${where} ORDER BY created_at DESC, number DESC LIMIT ?`)
  statement.setReturnArrays(true)
  try {
    return statement.all(...values)
  } catch (error) {
    if (onDamaged === refuse || !isDamage(error)) throw error
    return rowsOneByOne(database, where, values, onDamaged)
  }
}

/** A part of the file is damaged. The ids stand in a part of their own: each row is asked for by itself, and what can't be read is named. */
function rowsOneByOne(database: HistoryDatabase, where: string, values: readonly SQLInputValue[], onDamaged: OnDamaged): readonly Row[] {
  const ids = database.statement('SELECT number, id FROM runs INDEXED BY sqlite_autoindex_runs_1 ORDER BY number DESC').all()
  const condition = where === '' ? 'WHERE' : `${where} AND`
  const one = database.statement(`SELECT ${summaryColumns} FROM runs ${condition} number = ?`)
  one.setReturnArrays(true)
  const limit = Number(values.at(-1))
  const rows: Row[] = []
  for (const { number, id } of ids) {
    if (limit >= 0 && rows.length >= limit) break
    try {
      rows.push(...one.all(...values.slice(0, -1), Number(number)))
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamaged({ number: Number(number), id: String(id), reason: errorMessage(error) })
    }
  }
  return rows.toSorted((left, right) => Number(String(right[10]) > String(left[10])) - Number(String(right[10]) < String(left[10])))
}

function currentFacts(database: HistoryDatabase, run: number): CurrentFacts {
  const metrics = metricsText(metricsOf(database, run))
  const row = database.statement('SELECT state, status FROM runs JOIN run_details USING (number) WHERE number = ?').get(run)
  if (row === undefined || row['status'] === null || finalStates.has(toRunState(row['state']))) return { metrics }
  const status: unknown = JSON.parse(String(row['status']))
  const detail = typeof status === 'object' && status !== null && 'detail' in status ? status.detail : undefined
  return typeof detail === 'string' ? { metrics, detail } : { metrics }
}

function conditions(filter: RunFilter): { where: string; values: SQLInputValue[] } {
  const parts: string[] = []
  const values: SQLInputValue[] = []
  const add = (part: string, ...given: readonly SQLInputValue[]) => {
    parts.push(part)
    values.push(...given)
  }
  const oneOf = (column: string, wanted: readonly string[] | undefined) => {
    if (wanted !== undefined) add(`${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(wanted.map(toSqlText)))
  }
  oneOf('state', filter.states)
  oneOf('id', filter.ids)
  oneOf('kind', filter.kind === undefined ? undefined : [filter.kind])
  oneOf('target_name', filter.targets)
  oneOf('parent', filter.parent === undefined ? undefined : [filter.parent])
  if (filter.scripts !== undefined) add(`script IN (SELECT value FROM json_each(?)) OR ${anyFolder}`, ...scriptValues(filter.scripts))
  if (filter.since !== undefined) add('created_at >= ?', filter.since)
  for (const { name, value } of filter.tags ?? []) {
    const tagged = "number IN (SELECT run FROM tags WHERE type = 'tag' AND name = ?"
    if (value === undefined) add(`${tagged})`, toSqlText(name))
    else add(`${tagged} AND value = ?)`, toSqlText(name), toSqlText(value))
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.map((part) => `(${part})`).join(' AND ')}`, values }
}

/** The name of the file alone: everything behind the last slash. */
const anyFolder = "replace(script, rtrim(script, replace(script, '/', '')), '') IN (SELECT value FROM json_each(?))"

function scriptValues(scripts: readonly string[]): [string, string] {
  const paths = scripts.map((script) => toSqlText(script.replaceAll('\\', '/').replace(/^(\.\/)+/u, '')))
  return [JSON.stringify(paths), JSON.stringify(paths.filter((path) => !path.includes('/')))]
}
