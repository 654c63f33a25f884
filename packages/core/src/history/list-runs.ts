import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { errorMessage } from '../errors.ts'
import type { HistoryDatabase } from './database.ts'
import { isDamage } from './database.ts'
import { metricsOf, metricsText } from './metrics.ts'
import { type CurrentFacts, summaryColumns, summaryOf } from './run-columns.ts'
import type { DamagedRun, RunFilter } from './history.ts'
import { finalStates, type RunSummary } from './run-record.ts'
import { toSqlText } from './sql-text.ts'
import { toRunState, unreadableRecord } from './stored-value.ts'

type Row = Readonly<Record<number, SQLOutputValue>>
export type OnDamaged = (run: DamagedRun) => void

/** See {@link History.list}. */
export function listRuns(database: HistoryDatabase, filter?: RunFilter, onDamaged?: OnDamaged): RunSummary[] {
  return [...pagesOfRuns(database, filter, onDamaged)].flat()
}

/** See {@link History.pages}. */
export function* pagesOfRuns(
  database: HistoryDatabase,
  filter: RunFilter = {},
  onDamaged: OnDamaged = refuse,
): Generator<readonly RunSummary[]> {
  for (const rows of pagesOfRows(database, summaryColumns, filter, onDamaged))
    yield rows.flatMap((row) => readableRun(database, row, onDamaged))
}

/** One run; none when it is told to `onDamaged`, or when there is none. */
export function readRun(database: HistoryDatabase, run: number, onDamaged: OnDamaged): RunSummary[] {
  const statement = database.statement(`SELECT ${summaryColumns} FROM runs WHERE number = ?`)
  statement.setReturnArrays(true)
  const row: Row | undefined = statement.get(run)
  return row === undefined ? [] : readableRun(database, row, onDamaged)
}

function readableRun(database: HistoryDatabase, row: Row, onDamaged: OnDamaged): RunSummary[] {
  try {
    return [summaryOf(row, (run) => currentFacts(database, run))]
  } catch (error) {
    onDamaged({ number: Number(row[0]), id: String(row[1]), reason: errorMessage(error) })
    return []
  }
}

export function refuse(run: DamagedRun): never {
  throw unreadableRecord(run)
}

/** Rows that are read at once: what was made of a page can be let go of before the next one is there. */
const pageLength = 1000

/**
 * Rows as arrays; `columns` begin with number, id and created_at. Each page begins behind the last row of the one before, so that a run
 * which is made meanwhile shifts nothing.
 */
export function* pagesOfRows(
  database: HistoryDatabase,
  columns: string,
  filter: RunFilter,
  onDamaged: OnDamaged,
): Generator<readonly Row[]> {
  let left = filter.limit ?? Number.POSITIVE_INFINITY
  let behind: Row | undefined
  while (left > 0) {
    const asked = Math.min(left, pageLength)
    const { rows, isLast } = pageOf(database, columns, conditions(filter, behind), asked, left, onDamaged)
    yield rows
    if (isLast) return
    left -= rows.length
    behind = rows.at(-1)
  }
}

function pageOf(
  database: HistoryDatabase,
  columns: string,
  { where, values }: Conditions,
  asked: number,
  left: number,
  onDamaged: OnDamaged,
): { readonly rows: readonly Row[]; readonly isLast: boolean } {
  const statement = database.statement(`SELECT ${columns} FROM runs ${where} ORDER BY created_at DESC, number DESC LIMIT ?`)
  statement.setReturnArrays(true)
  try {
    const rows = statement.all(...values, asked)
    return { rows, isLast: rows.length < asked }
  } catch (error) {
    if (onDamaged === refuse || !isDamage(error)) throw error
    return { rows: rowsOneByOne(database, columns, where, values, left, onDamaged), isLast: true }
  }
}

/** A part of the file is damaged. The ids stand in a part of their own: each row is asked for by itself, and what can't be read is named. */
function rowsOneByOne(
  database: HistoryDatabase,
  columns: string,
  where: string,
  values: readonly SQLInputValue[],
  limit: number,
  onDamaged: OnDamaged,
): readonly Row[] {
  const ids = database.statement('SELECT number, id FROM runs INDEXED BY sqlite_autoindex_runs_1 ORDER BY number DESC').all()
  const condition = where === '' ? 'WHERE' : `${where} AND`
  const one = database.statement(`SELECT ${columns} FROM runs ${condition} number = ?`)
  one.setReturnArrays(true)
  const rows: Row[] = []
  for (const { number, id } of ids) {
    if (rows.length >= limit) break
    try {
      rows.push(...one.all(...values, Number(number)))
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamaged({ number: Number(number), id: String(id), reason: errorMessage(error) })
    }
  }
  return rows.toSorted((left, right) => Number(String(right[2]) > String(left[2])) - Number(String(right[2]) < String(left[2])))
}

function currentFacts(database: HistoryDatabase, run: number): CurrentFacts {
  const metrics = metricsText(metricsOf(database, run))
  const row = database.statement('SELECT state, status FROM runs JOIN run_details USING (number) WHERE number = ?').get(run)
  if (row === undefined || row['status'] === null || finalStates.has(toRunState(row['state']))) return { metrics }
  const status: unknown = JSON.parse(String(row['status']))
  const detail = typeof status === 'object' && status !== null && 'detail' in status ? status.detail : undefined
  return typeof detail === 'string' ? { metrics, detail } : { metrics }
}

interface Conditions {
  readonly where: string
  readonly values: readonly SQLInputValue[]
}

/** Of the filter, and to stand behind that row. */
function conditions(filter: RunFilter, behind: Row | undefined): Conditions {
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
  if (behind !== undefined) add('(created_at, number) < (?, ?)', behind[2] ?? null, behind[0] ?? null)
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
