import { styleText } from 'node:util'
import type { Metric, RunRecord } from '@errand/core/history'
import { statusWords } from '@errand/core/history'
import { sparkline } from './sparkline.ts'
import { cellText, displayWidth } from './value.ts'

/** What was logged under one name: a column of a table is `table.column`. */
export interface Series {
  readonly name: string
  /** All of it that are numbers, `NaN` and the infinities among them. */
  readonly numbers: readonly number[]
  /** As it is shown. */
  readonly latest: string
}

/** What is added to as values come. */
export type SeriesByName = Map<string, { readonly name: string; readonly numbers: number[]; latest: string }>

/** Adds the metrics behind those that are known; answers in the order of their first values. */
export function addSeries(known: SeriesByName, metrics: readonly Metric[]): void {
  for (const { name, kind, value } of metrics) {
    if (kind === 'image') {
      keep(known, name, '(image)')
      continue
    }
    const isTable = (kind === 'row' || kind === 'table') && typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isTable) keep(known, name, value)
    else for (const [column, cells] of Object.entries(value)) keep(known, `${name}.${column}`, cells)
  }
}

function keep(known: SeriesByName, name: string, value: unknown): void {
  const series = known.get(name) ?? { name, numbers: [], latest: '' }
  known.set(name, series)
  for (const item of Array.isArray(value) ? value : [value]) {
    const number = numberOf(item)
    if (number !== undefined) series.numbers.push(number)
    series.latest = number === undefined ? cellText(item) : shortNumber(number)
  }
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  const special = typeof value === 'object' && value !== null && '$number' in value ? value.$number : undefined
  return special === undefined ? undefined : Number(special)
}

/** Six digits are what a reader compares. */
function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)))
}

/** Columns of the name and of the latest value at most. */
const widest = { name: 24, latest: 14 }
/** A sparkline shorter than this says nothing. */
const shortest = 6

/**
 * The picture of a run: what it is, a line for each metric with its latest value and its course, and the last line of its output. Fits
 * into `width` columns; without room the sparkline goes first.
 */
export function watchLines(run: RunRecord, series: readonly Series[], lastLine: string, width: number): string[] {
  const room = Math.max(10, width - 1)
  const bound = (most: number, texts: readonly string[]) => Math.min(most, Math.max(0, ...texts.map(displayWidth)))
  const name = bound(
    Math.min(widest.name, Math.floor(room / 3)),
    series.map((one) => one.name),
  )
  const latest = bound(
    Math.min(widest.latest, Math.floor(room / 3)),
    series.map((one) => one.latest),
  )
  const range = room >= 72
  const lines = series.map((one) => {
    const text = `${fit(one.name, name)}  ${fit(one.latest, latest)}`
    const limits = range && one.numbers.length > 1 ? `  ${limitsOf(one.numbers)}` : ''
    const left = Math.min(room - displayWidth(text) - 2 - (range ? 26 : 0), 60)
    const picture = left < shortest || one.numbers.length < 2 ? '' : sparkline(one.numbers, left)
    return `${text}  ${picture === '' ? '' : colour('cyan', picture)}${limits === '' ? '' : colour('dim', limits)}`.trimEnd()
  })
  const empty = series.length === 0 ? [colour('dim', 'No metric was logged yet.')] : []
  return [
    headLine(run),
    ...(run.reason === undefined ? [] : [run.reason]),
    '',
    ...lines,
    ...empty,
    ...(lastLine === '' ? [] : ['', colour('dim', `> ${lastLine}`)]),
  ]
}

const statusColours = { Completed: 'green', Failed: 'red', Canceled: 'yellow' } as const

function headLine(run: RunRecord): string {
  const status = statusWords[run.state]
  const duration = run.startedAt === undefined ? '' : `  ${durationOf(run)}`
  const word = status in statusColours ? colour(statusColours[status as keyof typeof statusColours], status) : status
  return `${run.id}  ${word}${duration}  ${run.script ?? ''} at ${run.target.name}`
}

/** To the tenth of a second. */
function durationOf({ startedAt = '', endedAt }: RunRecord): string {
  const seconds = Math.max(0, ((endedAt === undefined ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt)) / 1000)
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${Math.floor(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`
}

function limitsOf(numbers: readonly number[]): string {
  const finite = numbers.filter((value) => Number.isFinite(value))
  if (finite.length === 0) return ''
  const lowest = finite.reduce((least, value) => Math.min(least, value), Infinity)
  const highest = finite.reduce((most, value) => Math.max(most, value), -Infinity)
  return `${shortNumber(lowest)} … ${shortNumber(highest)}`
}

function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text + ' '.repeat(width - displayWidth(text))
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (displayWidth(kept + segment) > width - 1) break
    kept += segment
  }
  return `${kept}…`
}

function colour(style: 'cyan' | 'dim' | 'green' | 'red' | 'yellow', text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
