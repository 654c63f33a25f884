import { type ConformanceReport, conformanceTable } from '../../packages/testkit/src/report.ts'

/** What a run of the suite showed of one target, and on which day. */
export interface DatedReport extends ConformanceReport {
  readonly date: string
}

/** One fault that was put into a target: the check that is there for it, what that said, and whether it noticed. */
interface Fault {
  readonly breakage: string
  readonly check: string
  readonly said: string
  readonly noticed: boolean
}

export interface BrokenReport {
  readonly date: string
  readonly faults: readonly Fault[]
}

/** The page `docs/conformance.md`, out of nothing but what runs of the suites have written. `unasked`: targets whose suite was not run for it. */
export function conformancePage(reports: readonly DatedReport[], unasked: readonly string[], broken: BrokenReport): string {
  const noticed = broken.faults.filter((fault) => fault.noticed).length
  return `# What the targets were shown to do

This page is written by \`pnpm run conformance\` from runs of [the suite for targets](../packages/testkit/README.md), against real parts: an OpenSSH server, a
Docker engine, Livy with YARN and HDFS. No cell is written by hand. \`docs/conformance\` has the same for programs.

${reports.map(({ target }) => badgeOf(target, 'conformance')).join('\n')}

\`mytarget\` is what \`pnpm create @errand/target\` writes, as it is. A cell is empty where a target is asked a check by another degree: how many runs at once
its place can bear.${unasked.map((name) => ` Not asked yet: \`pnpm run conformance ${name}\`.`).join('')}

${conformanceTable(reports)}| shown on | ${reports.map(({ date }) => date).join(' | ')} |

## Does the suite notice?

Below, one thing at a time is wrong with \`local\` (\`breakTarget\` of the kit), and the check that is there for it is run. It must fail, and for that reason:
${noticed} of ${broken.faults.length} did, on ${broken.date}.

| What is wrong | The check | What it said |
| --- | --- | --- |
${broken.faults.map((fault) => `| ${[fault.breakage, fault.check, fault.noticed ? code(fault.said) : '**nothing**'].map(cell).join(' | ')} |\n`).join('')}`
}

/** A picture with the number of checks that a target has passed, as a Markdown image. */
const badgeOf = (target: string, folder: string): string => `![${target}](${folder}/${target}.svg)`

const cell = (text: string): string => text.replaceAll('|', '\\|')

const code = (text: string): string => `\`${text.replaceAll('`', "'")}\``
