import type { SQLInputValue } from 'node:sqlite'
import { ErrandError } from '../errors.ts'
import type { HistoryDatabase } from './database.ts'
import { keepLabels, storeLabel } from './labels.ts'
import { insertMetric, keepInlined } from './metrics.ts'
import { columnsOf, type StoredFields, targetColumns } from './run-columns.ts'
import { finalStates, type ImportedRun } from './run-record.ts'
import { insert } from './run-rows.ts'
import { toSqlText } from './sql-text.ts'

/**
 * Inserts a run of another history; call it inside a transaction. Answers its number. It belongs to the history that it comes from: this one
 * never asks its place, which would collect it here and remove it there. Error: `RUN_EXISTS`.
 */
export function importRun(database: HistoryDatabase, run: ImportedRun): number {
  if (database.statement('SELECT 1 FROM runs WHERE id = ?').get(run.id) !== undefined) {
    throw new ErrandError('RUN_EXISTS', `The run ${run.id} is in this history already.`)
  }
  const { number: wanted, target: place, log, metrics, tags, artifacts, ...fields } = run
  const columns = columnsOf({ ...fields, ...keptHere(run) })
  const target = targetColumns(place)
  const isFree = database.statement('SELECT 1 FROM runs WHERE number = ?').get(wanted) === undefined
  const own: [string, SQLInputValue][] = isFree ? [['number', wanted]] : []
  const number = Number(insert(database, 'runs', new Map([...own, ...columns.runs, ...target.runs])))
  const details: [string, SQLInputValue][] = [
    ['number', number],
    ['log_size', log.size],
    ['log_cursor', log.cursor === undefined ? null : toSqlText(log.cursor)],
    ['metric_count', metrics.length],
  ]
  insert(database, 'run_details', new Map([...details, ...columns.run_details, ...target.run_details]))
  for (const [position, metric] of metrics.entries()) insertMetric(database, number, position, metric)
  for (const tag of tags) storeLabel(database, number, tag)
  const insertArtifact = database.statement('INSERT OR REPLACE INTO artifacts (run, path, size) VALUES (?, ?, ?)')
  for (const { path, size } of artifacts) insertArtifact.run(number, toSqlText(path), size ?? null)
  keepInlined(database, number)
  keepLabels(database, number)
  return number
}

/** What is recorded of it here instead. */
function keptHere(run: ImportedRun): StoredFields {
  const place = { reference: undefined, client: undefined, collected: true, removed: true }
  if (finalStates.has(run.state)) return place
  const reason = 'had not ended when it was exported'
  const endedAt = run.endedAt ?? run.statusAt ?? run.startedAt ?? run.createdAt
  return { ...place, state: 'lost', status: { state: 'lost', reason }, reason, endedAt }
}
