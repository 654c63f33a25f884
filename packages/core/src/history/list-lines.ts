import type { SQLOutputValue } from 'node:sqlite'
import type { HistoryDatabase } from './database.ts'
import { type OnDamaged, pagesOfRows, readRun, refuse } from './list-runs.ts'
import { durationText, microsecondsOf } from './record-time.ts'
import { listRowText, statusWords } from './record-view.ts'
import type { RunFilter } from './history.ts'
import { finalStates } from './run-record.ts'
import { mark } from './sql-text.ts'

const words = [...finalStates].map((state) => `WHEN '${state}' THEN '${statusWords[state]}'`).join(' ')

/** Ended runs whose texts are kept as they are: nothing of these has to be looked at here. */
const isPlain = `state IN (${[...finalStates].map((state) => `'${state}'`).join(', ')})
  AND started_at IS NOT NULL AND ended_at IS NOT NULL AND clashing_metrics IS NULL AND json_valid(metrics)
  AND instr(id || coalesce(script, '') || target_name || started_at || created_at, '${mark}') = 0`

/** The text before the duration and that behind it. SQLite puts them together in a third of the time that many small values would take. */
const lineColumns = `number, id, created_at, started_at, ended_at,
  CASE WHEN ${isPlain} THEN '{"run_id":' || json_quote(id) || ',"script_name":' || json_quote(script) || ',"status":"' || CASE state ${words} END
    || '","start_time_utc":' || json_quote(started_at) || ',"duration":"' END,
  '","created_utc":' || json_quote(created_at) || ',"target":' || json_quote(target_name)
    || CASE metrics WHEN '{}' THEN '}' ELSE ',' || substr(metrics, 2) END`

/** See {@link History.lines}. */
export function* linesOfRuns(
  database: HistoryDatabase,
  filter: RunFilter = {},
  onDamaged: OnDamaged = refuse,
  now: Date = new Date(),
): Generator<readonly string[]> {
  const lineOf = (row: Readonly<Record<number, SQLOutputValue>>): string[] => {
    const { 0: number, 3: started, 4: ended, 5: head, 6: tail } = row
    if (typeof head === 'string')
      return [`${head}${durationText(microsecondsOf(String(ended)) - microsecondsOf(String(started)))}${String(tail)}`]
    return readRun(database, Number(number), onDamaged).map((run) => listRowText(run, now))
  }
  for (const rows of pagesOfRows(database, lineColumns, filter, onDamaged)) yield rows.flatMap(lineOf)
}
