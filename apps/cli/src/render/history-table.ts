import { fieldOf, type ListedRun, type RunKind, type RunSummary } from '@errand/core/history'
import { cellText, type Column, displayWidth } from './value.ts'

type Row = Readonly<Record<string, unknown>>

/** What identifies a run comes first, so that a narrow terminal keeps it. */
const identity = ['run_id', 'status', 'script_name', 'target', 'start_time_utc', 'duration']
const hidden = new Set([...identity, 'created_utc', 'metrics'])

/** Metrics that stand before the target where not all fits: more often runs are told apart by these than by their places and times. */
const firstMetrics = 2

/**
 * What `history list` shows as a table: chosen columns, or what identifies a run, what it does now if one goes on, and the metrics. `width`
 * is that of the terminal.
 */
export function historyTable(
  listed: readonly ListedRun[],
  columns: readonly string[] | undefined,
  width?: number,
  now: Date = new Date(),
): { rows: readonly Row[]; columns: readonly Column[] } {
  const rows = listed.map(({ run, row }) => historyTableRow(row, run.kind))
  const order = () => fittingOrder(historyTableColumns(listed.map(({ row }) => row)), rows, width)
  if (columns !== undefined) return { rows: listed.map((run, index) => chosenRow(run, rows[index] ?? {}, columns)), columns }
  const live = listed.some(({ run }) => !isEnded(run))
  if (!live) return { rows, columns: order() }
  const [id = 'run_id', status = 'status', ...rest] = order()
  const withNow = listed.map(({ run }, index) => ({ ...rows[index], [nowKey]: nowCell(run, now) }))
  return { rows: withNow, columns: [id, status, { key: nowKey, heading: 'Now' }, ...rest] }
}

/** No metric is called so. */
export const nowKey = '\u0000now'

function chosenRow(listed: ListedRun, row: Row, columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((name) => [name, chosenCell(fieldOf(listed, name), row[name], name)]))
}

function chosenCell(value: unknown, shown: unknown, name: string): unknown {
  if (hidden.has(name)) return shown
  if (name === 'arguments' && Array.isArray(value))
    return value.map((word) => (/^[\w@%+=:,./-]+$/.test(String(word)) ? word : JSON.stringify(word))).join(' ')
  if (name === 'commit' && typeof value === 'string') return value.slice(0, 12)
  return metricCell(value)
}

const ended = new Set(['completed', 'failed', 'cancelled', 'lost'])

function isEnded({ state }: RunSummary): boolean {
  return ended.has(state)
}

/** What a run that goes on does, as its place last said, and how old that is. */
export function nowCell(run: RunSummary, now: Date): string {
  if (isEnded(run)) return ''
  if (run.state === 'interrupted') return `interrupted: errand ${run.kind === 'sweep' ? 'sweep --resume' : 'continue'}`
  const doing = run.detail ?? (run.state === 'finalizing' ? 'its files are to be brought' : '')
  if (run.statusAt === undefined) return doing
  const age = `${ageOf(now.getTime() - Date.parse(run.statusAt))} ago`
  return doing === '' ? `seen ${age}` : `${doing}, ${age}`
}

function ageOf(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}

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

/** Of rows as JSON has them: behind what identifies a run its metrics, those that are one value first: a list says little in a cell. */
export function historyTableColumns(rows: readonly Row[]): string[] {
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((key) => !hidden.has(key))
  const lists = new Set(rows.flatMap((row) => metrics.filter((key) => typeof row[key] === 'object' && row[key] !== null)))
  return [...identity, ...metrics.filter((key) => !lists.has(key)), ...metrics.filter((key) => lists.has(key))]
}

/** Where the first metrics would stand outside the terminal, they come behind the script. */
function fittingOrder(all: readonly string[], rows: readonly Row[], width: number | undefined): readonly string[] {
  const first = all.slice(identity.length, identity.length + firstMetrics)
  const widthOf = (key: string) => Math.max(displayWidth(key), ...rows.map((row) => displayWidth(cellText(row[key])))) + 2
  const needed = [...identity, ...first].reduce((sum, key) => sum + widthOf(key), -2)
  if (width === undefined || needed <= width) return all
  const rest = all.filter((key) => !first.includes(key) && !['start_time_utc', 'duration'].includes(key))
  const [id = 'run_id', status = 'status', script = 'script_name', target = 'target', ...others] = rest
  return [id, status, script, ...first, target, 'duration', 'start_time_utc', ...others]
}

/** To the second; empty for a run that has not started. */
export function timeCell(time: string): string {
  const [, day, second] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(time) ?? []
  return day === undefined ? '' : `${day} ${second ?? ''}`
}

/** Of a list the last value, which says most, and how many there are. */
export function metricCell(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(digits))
  if (!Array.isArray(value) || value.length < 2) return value
  const last: unknown = metricCell(value.at(-1))
  return `… ${JSON.stringify(last)} (${value.length} values)`
}
