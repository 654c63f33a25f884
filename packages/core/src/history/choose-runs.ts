import type { MetricCondition } from './list-conditions.ts'
import { type ListedRun, listedRun, sortRuns, unknownFields } from './list-fields.ts'
import type { RunSummary } from './run-record.ts'

export interface Choice {
  /** All of them have to hold. */
  readonly conditions: readonly MetricCondition[]
  /** A metric or a column. Without it the order stays. */
  readonly sort?: string | undefined
  readonly order: 'asc' | 'desc'
  readonly limit?: number | undefined
  /** Names of metrics and columns that somebody asked for. */
  readonly names: readonly string[]
}

/**
 * The runs for which the conditions hold, sorted, no more than the limit: while the pages are read no more runs are kept than that needs.
 * `unknown` are the names that no run has, and `last` the runs of the last page, to propose others by.
 */
export function chooseRuns(
  pages: Iterable<readonly RunSummary[]>,
  { conditions, sort, order, limit = Number.POSITIVE_INFINITY, names }: Choice,
  now: Date,
): { readonly chosen: readonly ListedRun[]; readonly unknown: readonly string[]; readonly last: readonly ListedRun[] } {
  const first = (runs: readonly ListedRun[]) => (sort === undefined ? runs : sortRuns(runs, sort, order === 'asc')).slice(0, limit)
  let unknown = [...new Set(names)]
  let last: readonly ListedRun[] = []
  let chosen: ListedRun[] = []
  for (const page of pages) {
    last = page.map((run) => listedRun(run, now))
    if (unknown.length > 0) unknown = unknownFields(last, unknown)
    chosen.push(...last.filter((run) => conditions.every(({ holds }) => holds(run))))
    if (chosen.length > 2 * limit) chosen = first(chosen)
  }
  return { chosen: first(chosen), unknown, last }
}
