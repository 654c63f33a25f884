import type { RunKind } from '@errand/core/history'
import { cellText } from './value.ts'

type Row = Readonly<Record<string, unknown>>

/** What identifies a run comes first, so that a narrow terminal keeps it. */
const identity = ['run_id', 'status', 'script_name', 'target', 'start_time_utc', 'duration']
const hidden = new Set([...identity, 'created_utc', 'metrics'])

/** Digits of a metric that a table shows; JSON has all of them. */
const digits = 6

/** A row of `history list` as its table shows it: the same facts, as short as a reader wants them. */
export function historyTableRow(row: Row, kind: RunKind): Row {
  const metrics = Object.entries(row).map(([key, value]) => [key, hidden.has(key) ? value : metricCell(value)])
  return {
    ...Object.fromEntries(metrics),
    script_name: kind === 'run' ? row['script_name'] : `(${kind})`,
    start_time_utc: timeCell(cellText(row['start_time_utc'])),
    duration: cellText(row['duration']).replace(/(\.\d)\d+$/, '$1'),
  }
}

/** Behind what identifies a run its metrics, those that are one value first: a list says little in a cell. */
export function historyTableColumns(rows: readonly Row[]): string[] {
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((key) => !hidden.has(key))
  const lists = new Set(rows.flatMap((row) => metrics.filter((key) => typeof row[key] === 'object' && row[key] !== null)))
  return [...identity, ...metrics.filter((key) => !lists.has(key)), ...metrics.filter((key) => lists.has(key))]
}

/** To the second; empty for a run that has not started. */
function timeCell(time: string): string {
  const [, day, second] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(time) ?? []
  return day === undefined ? '' : `${day} ${second ?? ''}`
}

/** Of a list the last value, which says most, and how many there are. */
function metricCell(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(digits))
  if (!Array.isArray(value) || value.length < 2) return value
  const last: unknown = metricCell(value.at(-1))
  return `… ${JSON.stringify(last)} (${value.length} values)`
}
