import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** How one check of a target went. */
export interface CheckOutcome {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
}

/** What a whole run of the suite showed of one target. */
export interface ConformanceReport {
  readonly target: string
  readonly checks: readonly CheckOutcome[]
}

/**
 * Notes how each check goes and, when the last is over, prints the table and writes it into the folder: `NAME.md`, `NAME.json` for programs,
 * and `NAME.svg`, a badge. A run of some of the checks alone writes nothing. A check that runs again replaces its outcome.
 */
export function reportInto(
  folder: string,
  target: string,
  names: readonly string[],
): (name: string, body: () => Promise<void>) => Promise<void> {
  const outcomes = new Map<string, CheckOutcome>()
  return async (name, body) => {
    const began = performance.now()
    let passed = false
    try {
      await body()
      passed = true
    } finally {
      outcomes.set(name, { name, passed, seconds: Math.round(performance.now() - began) / 1000 })
      if (outcomes.size === names.length) write(folder, { target, checks: names.flatMap((known) => outcomes.get(known) ?? []) })
    }
  }
}

function write(folder: string, report: ConformanceReport): void {
  mkdirSync(folder, { recursive: true })
  const table = conformanceTable([report])
  writeFileSync(join(folder, `${report.target}.json`), `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync(join(folder, `${report.target}.md`), table)
  writeFileSync(join(folder, `${report.target}.svg`), conformanceBadge(report))
  process.stdout.write(table)
}

/** The checks as rows and the targets as columns, in Markdown. */
export function conformanceTable(reports: readonly ConformanceReport[]): string {
  const names = [...new Set(reports.flatMap(({ checks }) => checks.map(({ name }) => name)))]
  const cell = ({ checks }: ConformanceReport, name: string): string => {
    const passed = checks.find((check) => check.name === name)?.passed
    return passed === undefined ? '' : passed ? 'yes' : '**no**'
  }
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  return [
    row(['A target …', ...reports.map(({ target }) => target)]),
    row(['---', ...reports.map(() => '---')]),
    ...names.map((name) => row([name.replaceAll('|', '\\|'), ...reports.map((report) => cell(report, name))])),
    row(['together', ...reports.map(({ checks }) => `${passedOf(checks)} of ${checks.length}`)]),
  ].join('')
}

/** A picture for a readme: `errand target | 43 of 43`. */
export function conformanceBadge({ checks }: ConformanceReport): string {
  const right = `${passedOf(checks)} of ${checks.length}`
  const colour = passedOf(checks) === checks.length ? '#2a7f3f' : '#b3261e'
  const [first, second] = [92, 12 + right.length * 7]
  const text = (x: number, words: string): string => `<text x="${x}" y="14" text-anchor="middle">${words}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${first + second}" height="20" role="img" aria-label="errand target: ${right} checks">
<rect width="${first}" height="20" fill="#444"/><rect x="${first}" width="${second}" height="20" fill="${colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(first / 2, 'errand target')}${text(first + second / 2, right)}</g>
</svg>
`
}

const passedOf = (checks: readonly CheckOutcome[]): number => checks.filter(({ passed }) => passed).length
