import { styleText } from 'node:util'
import { type RunSummary, finalStates, listRowFor, statusWords } from '@errand/core/history'
import { didYouMean } from '@errand/core/project'
import { type Point, type SweepRow, pointText } from '@errand/core/sweep'
import { cellText, renderValue } from './value.ts'

/** What `errand sweep -o json` prints. */
export interface SweepOutput {
  readonly run_id: string
  readonly status: string
  /** Of the metric of `--best`; null while no run has logged it, or when none was named. */
  readonly best: { readonly metric: string; readonly value: number; readonly run_id: string; readonly parameters: Point } | null
  /** In the order of the points; of one that was not started the id is null. */
  readonly runs: readonly SweepRunOutput[]
}

interface SweepRunOutput {
  readonly run_id: string | null
  readonly status: string
  readonly duration: string
  readonly parameters: Point
  readonly metrics: Readonly<Record<string, unknown>>
}

/** `Accuracy`: highest first; `Loss:min`: lowest first. */
export interface Best {
  readonly metric: string
  readonly lowest: boolean
}

export function readBest(text: string): Best {
  const [, metric = text, order] = /^(.*):(min|max)$/.exec(text) ?? []
  return { metric, lowest: order === 'min' }
}

export function sweepOutput(
  parent: { readonly id: string; readonly status: string },
  rows: readonly SweepRow[],
  best: Best | undefined,
): SweepOutput {
  const first = best === undefined ? undefined : inOrder(rows, best)[0]
  const value = best === undefined || first === undefined ? undefined : valueOf(first, best.metric)
  return {
    run_id: parent.id,
    status: parent.status,
    best:
      best === undefined || value === undefined || first?.run === undefined
        ? null
        : { metric: best.metric, value, run_id: first.run.id, parameters: first.point },
    runs: rows.map((row) => ({
      run_id: row.run?.id ?? null,
      status: cellsOf(row).status,
      duration: cellsOf(row).duration,
      parameters: row.point,
      metrics: metricsOf(row.run),
    })),
  }
}

/** The table of a sweep as lines: parameters, status, duration, metrics, id; the best first, the others in the order of the points. */
export function sweepLines(rows: readonly SweepRow[], best: Best | undefined, width: number | undefined): string[] {
  const ordered = inOrder(rows, best)
  const metrics = [...new Set(ordered.flatMap(({ run }) => Object.keys(metricsOf(run))))]
  const shown =
    best === undefined || !metrics.includes(best.metric) ? metrics : [best.metric, ...metrics.filter((name) => name !== best.metric)]
  const names = [...new Set(rows.flatMap(({ point }) => Object.keys(point)))]
  const cells = ordered.map((row) => {
    const { status, duration } = cellsOf(row)
    const values = metricsOf(row.run)
    return Object.fromEntries([
      ...names.map((name) => [`p.${name}`, row.point[name]]),
      ...shown.map((name) => [`m.${name}`, cell(values[name])]),
      ['status', status],
      ['duration', duration],
      ['run', row.run?.id ?? ''],
    ])
  })
  const columns = [
    ...names.map((name) => ({ key: `p.${name}`, heading: name })),
    { key: 'status', heading: 'Status' },
    { key: 'duration', heading: 'Duration' },
    ...shown.map((name) => ({ key: `m.${name}`, heading: name })),
    { key: 'run', heading: 'Run' },
  ]
  return renderValue(cells, 'table', { columns, width }).trimEnd().split('\n')
}

/** `Best Accuracy 0.9111: alpha=0.1 depth=2 (iris_1521077190506)` */
export function bestLine({ best }: SweepOutput): string {
  if (best === null) return ''
  const point = Object.entries(best.parameters).map(([name, value]) => `${name}=${value}`)
  return `${styleText('bold', `Best ${best.metric} ${cell(best.value)}`, { stream: process.stdout })}: ${point.join(' ')} (${best.run_id})`
}

/** Why there is no best run although one was asked for; undefined when there is one. */
export function bestWarning(rows: readonly SweepRow[], best: Best | undefined): string | undefined {
  if (best === undefined || rows.some((row) => valueOf(row, best.metric) !== undefined)) return undefined
  const names = [...new Set(rows.flatMap(({ run }) => Object.keys(metricsOf(run))))]
  const near = didYouMean(
    best.metric,
    names.filter((name) => name !== best.metric),
  )
  const logged = near ?? (names.length === 0 ? 'they logged none' : `they logged ${names.join(', ')}`)
  return `WARNING: No run logged a number as ${best.metric} (${logged}), so that none is the best.`
}

/** Runs whose reason is told; the others mostly failed for the same. */
const toldFailures = 3

/** Of the first runs that did not complete the reason, and the command that shows what the first of them wrote. */
export function failureLines(rows: readonly SweepRow[], reasonOf: (runId: string) => string | undefined): string[] {
  const failed = rows.flatMap(({ run, point }) =>
    run === undefined || run.state === 'completed' || !finalStates.has(run.state) ? [] : [{ run, point }],
  )
  const [first] = failed
  if (first === undefined) return []
  const told = failed.slice(0, toldFailures).map(({ run, point }) => endLine(run, point, reasonOf(run.id)))
  const more = failed.length - told.length
  return [...told, ...(more > 0 ? [`… and ${more} more`] : []), `What it wrote: errand logs ${first.run.id}`]
}

/** `alpha=0.1 depth=2 : Failed (iris_1521077190506): exit code 3` */
export function endLine(run: Pick<RunSummary, 'id' | 'state'>, point: Point, reason: string | undefined): string {
  const why = run.state === 'completed' || reason === undefined ? '' : `: ${reason}`
  return `${pointText(point)} : ${statusWords[run.state]} (${run.id})${why}`
}

/** How many runs are where, in one line. */
export function sweepProgress(rows: readonly SweepRow[]): string {
  const ended = rows.filter(({ run }) => run !== undefined && finalStates.has(run.state))
  const failed = ended.filter(({ run }) => run?.state !== 'completed').length
  const running = rows.filter(({ run }) => run !== undefined && !finalStates.has(run.state)).length
  return `${ended.length} of ${rows.length} ended${failed === 0 ? '' : `, ${failed} of them not completed`}${running === 0 ? '' : `, ${running} going on`}`
}

function inOrder(rows: readonly SweepRow[], best: Best | undefined): readonly SweepRow[] {
  if (best === undefined) return rows
  const worst = best.lowest ? Infinity : -Infinity
  const rank = (row: SweepRow): number => valueOf(row, best.metric) ?? worst
  return rows.toSorted((one, other) =>
    rank(one) === rank(other) ? one.index - other.index : (rank(one) < rank(other) ? -1 : 1) * (best.lowest ? 1 : -1),
  )
}

/** The last value of a metric, when it is a number. */
function valueOf({ run }: SweepRow, metric: string): number | undefined {
  const logged = metricsOf(run)[metric]
  const value: unknown = Array.isArray(logged) ? logged.at(-1) : logged
  return typeof value === 'number' ? value : undefined
}

function metricsOf(run: RunSummary | undefined): Readonly<Record<string, unknown>> {
  if (run === undefined) return {}
  const clashing: unknown = run.metrics.clashing === undefined ? {} : JSON.parse(run.metrics.clashing)
  return { ...JSON.parse(run.metrics.inline), ...(clashing as object) }
}

function cellsOf({ run }: SweepRow): { readonly status: string; readonly duration: string } {
  if (run === undefined) return { status: '', duration: '' }
  const { status, duration } = listRowFor(run)
  return { status: cellText(status), duration: run.startedAt === undefined ? '' : cellText(duration).replace(/(\.\d)\d+$/, '$1') }
}

/** Six digits; of a list its last value. */
function cell(value: unknown): string {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value
  if (typeof last === 'number') return Number.isInteger(last) ? String(last) : String(Number(last.toPrecision(6)))
  return typeof last === 'object' && last !== null ? '…' : cellText(last)
}
