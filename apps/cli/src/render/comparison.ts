import { styleText } from 'node:util'
import type { ChangedFile, ComparedRun, RunDifferences } from '@errand/core/compare'
import { metricCell, timeCell } from './history-table.ts'
import { cellText, renderValue } from './value.ts'

type Colour = 'green' | 'red' | 'yellow' | 'cyan' | 'bold'

/** Runs side by side under letters, then in sections what each has that the first has not. `width`: of the terminal. */
export function renderComparison(compared: readonly ComparedRun[], width: number | undefined): string {
  const letters = compared.map((_, index) => letterOf(index))
  const legend = compared.map(({ run }, index) => `${styled('bold', letters[index] ?? '')}  ${run.id}\n`)
  const sections = compared.flatMap(({ differences }, index) =>
    differences === undefined ? [] : differenceSections(differences, `${letters[index] ?? ''} against ${letters[0] ?? ''}`),
  )
  return [legend.join(''), sideBySide(compared, letters, width), ...sections].join('\n')
}

/** A, B, … Z, then numbers. */
function letterOf(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : String(index + 1)
}

const facts: Readonly<Record<string, (compared: ComparedRun) => unknown>> = {
  status: ({ record }) => record['status'],
  script: ({ run }) => run.script,
  arguments: ({ run }) => run.arguments.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' '),
  target: ({ run }) => run.target.name,
  configuration: ({ run }) => run.runConfiguration,
  started: ({ run }) => timeCell(run.startedAt ?? ''),
  duration: ({ record }) => cellText(record['duration']).replace(/(\.\d)\d+$/, '$1'),
  commit: ({ record }) => commitOf(record['properties']),
  note: ({ run }) => run.note,
}

function commitOf(properties: unknown): string {
  if (typeof properties !== 'object' || properties === null) return ''
  const { CommitId, Dirty } = properties as Readonly<Record<string, unknown>>
  return typeof CommitId === 'string' ? `${CommitId.slice(0, 12)}${Dirty === 'true' ? ', changed since' : ''}` : ''
}

function sideBySide(compared: readonly ComparedRun[], letters: readonly string[], width: number | undefined): string {
  const rowOf = (what: string, value: (one: ComparedRun) => unknown) => ({
    what,
    ...Object.fromEntries(compared.map((one, index) => [letters[index], cellText(value(one))])),
  })
  const rows: Readonly<Record<string, string>>[] = Object.entries(facts).map(([what, value]) => rowOf(what, value))
  const names = [...new Set(compared.flatMap(({ metrics }) => Object.keys(metrics)))]
  const metrics = names.map((name) => {
    const row = rowOf(name, (one) => (Object.hasOwn(one.metrics, name) ? metricCell(one.metrics[name]) : undefined))
    return Object.assign(row, { difference: signed(compared[1]?.differences?.metrics[name]?.difference) })
  })
  const fits = cellsOfWidth(letters, [...rows, ...metrics], width)
  const filled = rows.filter((row) => letters.some((letter) => row[letter] !== ''))
  const hasRoom = width === undefined || width >= 60
  const columns = ['what', ...letters, ...(compared.length === 2 && metrics.length > 0 && hasRoom ? ['difference'] : [])]
  const headings = { what: '', difference: 'Difference' }
  const shown = columns.map((key) => ({ key, heading: key in headings ? headings[key as keyof typeof headings] : key }))
  return renderValue([...filled, ...metrics].map(fits), 'table', { columns: shown, width })
}

const labelWidth = 14
const differenceWidth = 14

/** Shortens cells where the runs would not stand side by side otherwise; a table drops whole columns. */
function cellsOfWidth(
  letters: readonly string[],
  rows: readonly Readonly<Record<string, string>>[],
  width: number | undefined,
): (row: Readonly<Record<string, string>>) => Readonly<Record<string, string>> {
  if (width === undefined) return (row) => row
  const label = Math.min(labelWidth, Math.max(...rows.map(({ what = '' }) => what.length)))
  const room = Math.floor((width - label - (width >= 60 ? differenceWidth : 0)) / letters.length) - 2
  const shortened = (text: string, size: number) => (text.length <= size || size < 8 ? text : `${text.slice(0, size - 1)}…`)
  return (row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, text]) => [
        key,
        letters.includes(key) ? shortened(text, room) : shortened(text, key === 'what' ? label : text.length),
      ]),
    )
}

function signed(difference: number | null | undefined): string {
  if (difference === null || difference === undefined) return ''
  const text = String(metricCell(difference))
  return difference > 0 ? `+${text}` : text
}

function differenceSections(differences: RunDifferences, who: string): string[] {
  const { configuration, environment, variables } = differences
  const sections: readonly (readonly [string, readonly string[]])[] = [
    [`Code, ${who}`, codeLines(differences.code)],
    [`Configuration, ${who}`, configuration.map(keyLine)],
    [`Environment, ${who}`, [...environment.specification.map(keyLine), ...packageLines(environment.packages)]],
    [
      `Variables, ${who}`,
      [
        ...variables.added.map((name) => line('green', 'added', name)),
        ...variables.removed.map((name) => line('red', 'removed', name)),
        ...variables.changed.map((name) => line('yellow', 'changed', name)),
      ],
    ],
  ]
  return sections.filter(([, lines]) => lines.length > 0).map(([title, lines]) => `${styled('bold', title)}\n${lines.join('')}`)
}

function codeLines(code: RunDifferences['code']): string[] {
  if (code.same === null) return [`  not known: ${code.reason}\n`]
  if (code.same) return ['  the same files\n']
  return [
    ...code.changed.map(({ path, change }) => line('yellow', 'changed', change === 'content' ? path : `${path} (${change})`)),
    ...code.added.map((path) => line('green', 'added', path)),
    ...code.removed.map((path) => line('red', 'removed', path)),
    ...code.renamed.map(({ from, to }) => line('cyan', 'renamed', `${from} → ${to}`)),
  ]
}

function packageLines(packages: RunDifferences['environment']['packages']): string[] {
  if (packages === null) return []
  return [
    ...packages.changed.map(({ name, before, after }) => line('yellow', 'changed', `${name} ${before} → ${after}`)),
    ...packages.added.map(({ name, version }) => line('green', 'added', `${name} ${version}`)),
    ...packages.removed.map(({ name, version }) => line('red', 'removed', `${name} ${version}`)),
  ]
}

function keyLine({ key, before, after }: RunDifferences['configuration'][number]): string {
  if (before === undefined) return line('green', 'added', `${key}: ${cellText(after)}`)
  if (after === undefined) return line('red', 'removed', `${key}: ${cellText(before)}`)
  return line('yellow', 'changed', `${key}: ${cellText(before)} → ${cellText(after)}`)
}

function line(colour: Colour, word: string, text: string): string {
  return `  ${styled(colour, word.padEnd(7))}  ${cellText(text)}\n`
}

/** The unified diffs alone, in the order of their files: what `patch -p1` takes. */
export function renderDiffs(compared: readonly ComparedRun[]): string {
  const several = compared.length > 2
  return compared
    .flatMap(({ run, differences }) => {
      if (differences === undefined || differences.code.same === null) return []
      const { changed, renamed, diffs = {} } = differences.code
      const texts = [...changed.flatMap(patchOf), ...renamed.map(renamePatch), ...pathsOf(diffs)]
      const sorted = texts.toSorted((left, right) => (left.path < right.path ? -1 : 1))
      return [several ? `# ${run.id} against ${differences.against}\n` : '', ...sorted.map(({ diff }) => coloured(diff))]
    })
    .join('')
}

function patchOf({ path, change, diff }: ChangedFile): { path: string; diff: string }[] {
  if (change === 'content') return diff === undefined ? [] : [{ path, diff }]
  return change === 'link' ? [{ path, diff: `# ${path} is or was a link\n` }] : [{ path, diff: modePatch(path, change === 'executable') }]
}

function modePatch(path: string, executable: boolean): string {
  const [old, fresh] = executable ? ['100644', '100755'] : ['100755', '100644']
  return `diff --git a/${path} b/${path}\nold mode ${old}\nnew mode ${fresh}\n`
}

/** As git writes it, which `git apply` and `patch` understand. */
function renamePatch({ from, to }: { readonly from: string; readonly to: string }): { path: string; diff: string } {
  return { path: to, diff: `diff --git a/${from} b/${to}\nsimilarity index 100%\nrename from ${from}\nrename to ${to}\n` }
}

function pathsOf(diffs: Readonly<Record<string, string>>): { path: string; diff: string }[] {
  return Object.entries(diffs).map(([path, diff]) => ({ path, diff }))
}

/** A file can hold what a terminal would obey: on one, it is shown and not obeyed. */
function coloured(diff: string): string {
  if (!process.stdout.isTTY) return diff
  return diff
    .split('\n')
    .map((text) => {
      // oxlint-disable-next-line no-control-regex
      const shown = text.replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '\uFFFD')
      if (/^(---|\+\+\+) /.test(text)) return styled('bold', shown)
      if (text.startsWith('@@')) return styled('cyan', shown)
      return text.startsWith('+') ? styled('green', shown) : text.startsWith('-') ? styled('red', shown) : shown
    })
    .join('\n')
}

function styled(style: Colour, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
