import type { JsonValue } from '../json.ts'
import { isObject, type JsonObject } from '../json-object.ts'
import type { HistoryDatabase } from './database.ts'
import type { Metric, MetricsText } from './run-record.ts'
import { fromSqlText, toSqlText } from './sql-text.ts'
import { toMetricKind } from './stored-value.ts'

/** Keys of a compatible record. A metric of such a name is shown under `metrics`, so that it replaces nothing. */
export const recordKeys = [
  'attachments',
  'created_utc',
  'description',
  'differences',
  'duration',
  'end_time_utc',
  'exit_code',
  'experiment_id',
  'heartbeat_enabled',
  'hidden',
  'metrics',
  'name',
  'parent_run_id',
  'properties',
  'reason',
  'root_run_id',
  'run_definition',
  'run_id',
  'run_number',
  'run_type',
  'script_name',
  'signal',
  'start_time_utc',
  'status',
  'tags',
  'target',
  'user_id',
] as const

const clashes: ReadonlySet<string> = new Set(recordKeys)

/** Metrics by name; `clashing` are those whose names are keys of the record. */
export interface InlinedMetrics {
  readonly inline: JsonObject
  readonly clashing?: JsonObject
}

/** Adds a metric at a position of the run's own count. */
export function insertMetric(database: HistoryDatabase, run: number, position: number, metric: Metric): void {
  database
    .statement('INSERT INTO metrics (run, position, name, kind, value, step, at) VALUES (?, ?, ?, ?, ?, ?, ?)')
    .run(run, position, toSqlText(metric.name), metric.kind, JSON.stringify(metric.value ?? null), metric.step ?? null, metric.at)
}

export function metricsOf(database: HistoryDatabase, run: number): Metric[] {
  const rows = database.statement('SELECT name, kind, value, step, at FROM metrics WHERE run = ? ORDER BY position').all(run)
  return rows.map((row) => {
    const name = fromSqlText(String(row['name']))
    const value: Metric['value'] = JSON.parse(String(row['value']))
    const metric = { name, kind: toMetricKind(row['kind']), value, at: String(row['at']) }
    return row['step'] === null ? metric : Object.assign(metric, { step: Number(row['step']) })
  })
}

/**
 * Metrics as a compatible record shows them: one value as it is; a name that was logged again as a list in log order, lists flattened into
 * it; rows and tables of one name as one table, its columns padded with null. Numbers that JSON lacks become text.
 */
export function inlineMetrics(metrics: readonly Metric[]): InlinedMetrics {
  const logged = new Map<string, Metric[]>()
  for (const metric of metrics) {
    const same = logged.get(metric.name)
    if (same === undefined) logged.set(metric.name, [metric])
    else same.push(metric)
  }
  const inline: [string, JsonValue][] = []
  const clashing: [string, JsonValue][] = []
  for (const [name, same] of logged) (clashes.has(name) ? clashing : inline).push([name, joined(same)])
  // Object.fromEntries and not assignment: a metric may be called `__proto__`.
  return { inline: Object.fromEntries(inline), ...(clashing.length === 0 ? {} : { clashing: Object.fromEntries(clashing) }) }
}

function joined(same: readonly Metric[]): JsonValue {
  const values = same.map((metric) => plainNumbers(metric.value))
  if (same.length === 1) return values[0] ?? null
  const parts = values.filter((value) => isObject(value))
  if (parts.length === same.length && same.every(({ kind }) => kind === 'row' || kind === 'table')) return joinedTable(parts)
  return values.flatMap((value): JsonValue[] => (Array.isArray(value) ? value : [value]))
}

function joinedTable(parts: readonly JsonObject[]): JsonValue {
  const columns = new Map<string, JsonValue[]>()
  let length = 0
  for (const part of parts) {
    const cells = Object.entries(part).map(([name, value]): [string, readonly JsonValue[]] => [
      name,
      Array.isArray(value) ? value : [value],
    ])
    for (const [name, values] of cells) columns.set(name, [...padded(columns.get(name) ?? [], length), ...values])
    length = Math.max(length, ...cells.map(([name]) => columns.get(name)?.length ?? 0))
  }
  return Object.fromEntries([...columns].map(([name, values]) => [name, padded(values, length)]))
}

function padded(values: readonly JsonValue[], length: number): JsonValue[] {
  return [...values, ...Array.from({ length: Math.max(0, length - values.length) }, () => null)]
}

/** `{"$number": "NaN"}` as the text `NaN`, anywhere inside a value. */
export function plainNumbers(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plainNumbers)
  if (!isObject(value)) return value
  if (typeof value['$number'] === 'string' && Object.keys(value).length === 1) return value['$number']
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainNumbers(inner)]))
}

/** Keeps the metrics of an ended run beside its row, so that a list of many runs reads no metric one by one. */
export function keepInlined(database: HistoryDatabase, run: number): void {
  const { inline, clashing } = metricsText(metricsOf(database, run))
  database.statement('UPDATE runs SET metrics = ?, clashing_metrics = ? WHERE number = ?').run(inline, clashing ?? null, run)
}

export function metricsText(metrics: readonly Metric[]): MetricsText {
  const { inline, clashing } = inlineMetrics(metrics)
  return { inline: JSON.stringify(inline), ...(clashing === undefined ? {} : { clashing: JSON.stringify(clashing) }) }
}
