import { ErrandError } from '../errors.ts'
import { comparedNumber, type ListedRun, metricOf } from './list-fields.ts'

/** A condition such as `Accuracy>0.9`. */
export interface MetricCondition {
  readonly name: string
  holds(run: ListedRun): boolean
}

const comparisons: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  '>=': (left, right) => left >= right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '<': (left, right) => left < right,
  '=': (left, right) => left === right || (Number.isNaN(left) && Number.isNaN(right)),
  '!=': (left, right) => left !== right && !(Number.isNaN(left) && Number.isNaN(right)),
}

/**
 * Reads `NAME OPERATOR VALUE`. Of a metric that was logged several times the last value counts; a run without the metric fulfils no
 * condition on it, `NaN` none but `=NaN` and `!=` a number. Error: `METRIC_CONDITION_INVALID`.
 */
export function metricCondition(text: string): MetricCondition {
  const [, name = '', operator = '', wanted = ''] = /^(.+?)\s*(>=|<=|!=|==|=|>|<)\s*(.+)$/su.exec(text.trim()) ?? []
  if (name === '') throw invalid(text, 'it is not NAME OPERATOR VALUE')
  const [mark] = /^[<>=!~]+/u.exec(wanted) ?? []
  if (mark !== undefined) throw invalid(text, `${JSON.stringify(`${operator}${mark}`)} is no operator`)
  const compare = comparisons[operator === '==' ? '=' : operator]
  const number = comparedNumber(unquoted(wanted))
  const isEquality = /^(?:==|=|!=)$/u.test(operator)
  if (number === undefined && !isEquality) throw invalid(text, `${JSON.stringify(wanted)} is no number`)
  const holds = ({ run }: ListedRun): boolean => {
    const value = metricOf(run, name)
    if (value === undefined || value === null) return false
    const found = comparedNumber(value)
    if (number !== undefined && found !== undefined) return compare?.(found, number) ?? false
    if (!isEquality) return false
    const last = Array.isArray(value) ? value.at(-1) : value
    return (String(last) === unquoted(wanted)) === (operator !== '!=')
  }
  return { name, holds }
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1$/su.exec(text)?.[2] ?? text
}

function invalid(text: string, reason: string): ErrandError {
  return new ErrandError('METRIC_CONDITION_INVALID', `The condition ${JSON.stringify(text)} can't be used: ${reason}.`, {
    hint: "Write it like --metric 'Accuracy>0.9'; operators: > >= < <= = !=",
  })
}

const unitMilliseconds: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/**
 * The time that `--since` means, ISO 8601 UTC: so long ago (`90m`, `12h`, `7d`, `2w`), `today`, `yesterday`, a date or a time; without a time
 * zone that of this machine. Error: `SINCE_INVALID`.
 */
export function sinceTime(text: string, now: Date = new Date()): string {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([smhdw])$/u.exec(text.trim()) ?? []
  if (amount !== undefined && unit !== undefined) return isoOf(now.getTime() - Number(amount) * (unitMilliseconds[unit] ?? 0), text)
  const days = { today: 0, yesterday: 1 }[text.trim().toLowerCase()]
  if (days !== undefined) return new Date(now.getFullYear(), now.getMonth(), now.getDate() - days).toISOString()
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/u.exec(text.trim()) ?? []
  if (year !== undefined) return isoOf(new Date(Number(year), Number(month) - 1, Number(day)).getTime(), text)
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/u.test(text.trim())) throw sinceInvalid(text)
  return isoOf(Date.parse(text.trim()), text)
}

function isoOf(milliseconds: number, text: string): string {
  if (Number.isNaN(milliseconds) || Math.abs(milliseconds) > 8.64e15) throw sinceInvalid(text)
  return new Date(milliseconds).toISOString()
}

function sinceInvalid(text: string): ErrandError {
  return new ErrandError('SINCE_INVALID', `${JSON.stringify(text)} is no time to list runs from.`, {
    hint: 'Use 90m, 12h, 7d, 2w, today, yesterday, 2026-03-01 or 2026-03-01T14:30.',
  })
}
