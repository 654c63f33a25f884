import { styleText, stripVTControlCharacters } from 'node:util'

export type OutputFormat = 'json' | 'jsonc' | 'table' | 'tsv'

/** A column of a table: the key of the row, and a heading where it is not the key itself. */
export type Column = string | { readonly key: string; readonly heading: string }

export interface TableOptions {
  readonly rows?: readonly Readonly<Record<string, unknown>>[]
  readonly columns?: readonly Column[]
  readonly empty?: string
  /** Characters a line may have. Undefined: any number, for a pipe. */
  readonly width?: number | undefined
  /** Told how many columns did not fit, when there are any. */
  readonly leftOut?: (columns: number) => void
}

/** A value as text, with the line end of its last line. */
export function renderValue(value: unknown, format: OutputFormat, options: TableOptions = {}): string {
  if (value === undefined) return ''
  return renderers[format](value, options)
}

const renderers: Readonly<Record<OutputFormat, (value: unknown, options: TableOptions) => string>> = {
  json: (value) => `${JSON.stringify(value, undefined, 2)}\n`,
  jsonc: (value) => `${colourJson(JSON.stringify(value, undefined, 2))}\n`,
  tsv: renderTsv,
  table: (value, options) => renderTable(options.rows ?? value, options),
}

const jsonTokens = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

function colourJson(text: string): string {
  const style = (name: 'blue' | 'green' | 'yellow' | 'magenta', part: string) => styleText(name, part, { stream: process.stdout })
  return text.replaceAll(jsonTokens, (token, string: string | undefined, colon: string | undefined) => {
    if (string !== undefined) return colon === undefined ? style('green', string) : `${style('blue', string)}${colon}`
    return style(/^[tfn]/.test(token) ? 'magenta' : 'yellow', token)
  })
}

/** One line for each element, its scalars separated by tabs, without headings: what `cut` and `while read` want. */
function renderTsv(value: unknown): string {
  const rows = Array.isArray(value) ? value : [value]
  const cell = (item: unknown): string => (isPlain(item) ? cellText(item) : '')
  const lines = rows.map((row: unknown) => {
    if (Array.isArray(row)) return row.map(cell).join('\t')
    return isRecord(row) ? Object.values(row).map(cell).join('\t') : cell(row)
  })
  return lines.map((line) => `${line}\n`).join('')
}

function renderTable(value: unknown, options: TableOptions): string {
  if (!Array.isArray(value)) return isRecord(value) ? renderRecord(value, options) : `${cellText(value)}\n`
  if (value.length === 0) return options.empty === undefined ? '' : `${options.empty}\n`
  if (!value.every(isRecord)) return value.map((item) => `${cellText(item)}\n`).join('')
  const columns = (options.columns ?? keysOf(value)).map((column) =>
    typeof column === 'string' ? { key: column, heading: cellText(headingOf(column)) } : column,
  )
  const cells = value.map((row) => columns.map((column) => cellText(row[column.key])))
  return renderGrid(
    [columns.map((column) => column.heading), columns.map((column) => '-'.repeat(displayWidth(column.heading))), ...cells],
    options,
  )
}

function renderRecord(record: Readonly<Record<string, unknown>>, options: TableOptions): string {
  const entries = Object.entries(record).map(([key, item]) => [cellText(headingOf(key)), cellText(item)])
  return entries.length === 0 ? '' : renderGrid(entries, options)
}

/** The original writes keys as headings with one capital letter: `Run_id`. */
function headingOf(key: string): string {
  return key.slice(0, 1).toUpperCase() + key.slice(1)
}

/** Keys of all rows in the order of their first appearance; those that hold nothing but lists and objects say little in a cell. */
function keysOf(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))]
}

/** Lines up cells in columns two blanks apart. Columns at the right that do not fit are left out; the last that fits is shortened. */
function renderGrid(rows: readonly (readonly string[])[], { width, leftOut }: TableOptions): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))))
  const shown = width === undefined ? widths : fitting(widths, width)
  if (shown.length < widths.length) leftOut?.(widths.length - shown.length)
  return rows
    .map(
      (row) =>
        `${shown
          .map((size, column) => pad(row[column] ?? '', size))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function fitting(widths: readonly number[], width: number): number[] {
  const shown: number[] = []
  let room = width
  for (const size of widths) {
    const gap = shown.length === 0 ? 0 : 2
    if (room - gap < Math.min(size, 8)) break
    shown.push(Math.min(size, room - gap))
    room -= gap + Math.min(size, room - gap)
  }
  return shown
}

function pad(text: string, size: number): string {
  const length = displayWidth(text)
  if (length <= size) return text + ' '.repeat(size - length)
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (displayWidth(kept + segment) > size - 1) break
    kept += segment
  }
  return `${kept}…${' '.repeat(Math.max(0, size - displayWidth(kept) - 1))}`
}

const wide = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u
const ascii = /^[\u0020-\u007E]*$/

/** Columns that a terminal needs for a text. */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length
  let columns = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) columns += wide.test(segment) ? 2 : 1
  return columns
}

/** The text of a cell: one line, and nothing in it that a terminal would obey. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : isPlain(value) ? String(value) : JSON.stringify(value)
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}+/gu, ' ')
}

function isPlain(value: unknown): value is string | number | boolean | null | undefined {
  return value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
