import type { JsonValue } from '../json.ts'
import type { JsonObject } from '../json-object.ts'
import { metricIn } from './metrics-text.ts'
import { microsecondsOf } from './record-time.ts'
import { listRowFor } from './record-view.ts'
import type { RunSummary } from './run-record.ts'

/** A row of `history list` with the run that it shows. The row is made when it is first asked for. */
export interface ListedRun {
  readonly run: RunSummary
  readonly row: JsonObject
}

export function listedRun(run: RunSummary, now: Date): ListedRun {
  let row: JsonObject | undefined
  return {
    run,
    get row() {
      row ??= listRowFor(run, now)
      return row
    },
  }
}

/** What can be asked for as a column beside the keys of a row and its metrics. */
const furtherFields: Readonly<Record<string, (run: RunSummary) => JsonValue>> = {
  run_number: (run) => run.number,
  run_type: (run) => run.kind,
  run_configuration: (run) => run.runConfiguration,
  arguments: (run) => run.arguments,
  note: (run) => run.note ?? null,
  tags: (run) => run.tags,
  commit: (run) => run.properties['CommitId'] ?? null,
  branch: (run) => run.properties['Branch'] ?? null,
  dirty: (run) => (run.properties['Dirty'] === undefined ? null : run.properties['Dirty'] === 'true'),
  end_time_utc: (run) => run.endedAt ?? null,
  parent_run_id: (run) => run.parent ?? null,
  detail: (run) => run.detail ?? null,
}

/** Names of the columns that are no metrics, in the order in which they are proposed. */
export const fieldNames: readonly string[] = [
  'run_id',
  'script_name',
  'status',
  'start_time_utc',
  'duration',
  'created_utc',
  'target',
  ...Object.keys(furtherFields),
]

const isField: ReadonlySet<string> = new Set(fieldNames)

/** A column of a run by name: a field, `tags.NAME`, or a metric. Undefined: the run has no such metric or tag. */
export function fieldOf(listed: ListedRun, name: string): JsonValue | undefined {
  const { run } = listed
  const further = Object.hasOwn(furtherFields, name) ? furtherFields[name] : undefined
  if (further !== undefined) return further(run)
  if (isField.has(name)) return listed.row[name]
  const tag = /^tags\.(.+)$/su.exec(name)?.[1]
  if (tag !== undefined && Object.hasOwn(run.tags, tag)) return run.tags[tag]
  return metricOf(run, name)
}

/** A metric by name, also one whose name is a key of the record. */
export function metricOf({ metrics }: RunSummary, name: string): JsonValue | undefined {
  const clashing = metrics.clashing === undefined ? undefined : metricIn(metrics.clashing, name)
  return clashing ?? (isField.has(name) ? undefined : metricIn(metrics.inline, name))
}

/** Names that no field, tag or metric of these runs has. */
export function unknownFields(runs: readonly ListedRun[], names: readonly string[]): string[] {
  return names.filter((name) => !isField.has(name) && !runs.some((run) => fieldOf(run, name) !== undefined))
}

/** Metrics of these runs, by name. */
export function metricNames(runs: readonly ListedRun[]): string[] {
  const names = new Set<string>()
  for (const { run } of runs) {
    for (const text of [run.metrics.inline, run.metrics.clashing ?? '{}']) for (const name of Object.keys(JSON.parse(text))) names.add(name)
  }
  return [...names]
}

/** The number that a value is compared by: a number, that of a text such as `Infinity`, of a list that of its last value. */
export function comparedNumber(value: JsonValue | undefined): number | undefined {
  if (Array.isArray(value)) return comparedNumber(value.at(-1))
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return Number(value)
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const number = Number(value)
  return Number.isNaN(number) && !/^nan$/iu.test(value.trim()) ? undefined : number
}

/**
 * Sorted by a column, largest first unless `ascending`. Runs that lack it stand last in either order, `NaN` before them; the rest of equals
 * keeps its order, newest first.
 */
export function sortRuns(runs: readonly ListedRun[], name: string, ascending: boolean): ListedRun[] {
  const keys = new Map(runs.map((listed) => [listed, sortKey(listed, name)]))
  return runs.toSorted((left, right) => compareKeys(keys.get(left), keys.get(right), ascending))
}

function sortKey(listed: ListedRun, name: string): number | string | undefined {
  if (name === 'duration') return microsecondsOfRun(listed.run)
  if (name === 'start_time_utc') return listed.run.startedAt
  const value = fieldOf(listed, name)
  return comparedNumber(value) ?? (typeof value === 'string' ? value : undefined)
}

function microsecondsOfRun({ startedAt, endedAt }: RunSummary): number | undefined {
  if (startedAt === undefined) return undefined
  return (endedAt === undefined ? Date.now() * 1000 : microsecondsOf(endedAt)) - microsecondsOf(startedAt)
}

function compareKeys(left: number | string | undefined, right: number | string | undefined, ascending: boolean): number {
  const ranks = rank(left) - rank(right)
  if (ranks !== 0 || left === undefined || right === undefined || left === right) return ranks
  const order = left < right ? -1 : Number(left > right)
  return ascending ? order : -order
}

/** Numbers, then texts, then `NaN`, then what is not there. */
function rank(key: number | string | undefined): number {
  if (key === undefined) return 3
  if (typeof key === 'string') return 1
  return Number.isNaN(key) ? 2 : 0
}
