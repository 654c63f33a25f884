import { join } from 'node:path'
import { type Finished, repository } from './errand.ts'

/** Words that the acceptance tests have in common. */

export const program = join(repository, 'apps/cli/bin/errand.js')

export const json = ({ stdout }: Finished) => JSON.parse(stdout)

export const firstErrorLine = ({ stderr }: Finished) => stderr.split('\n')[0]

/** A script that prints its arguments. */
export const showArguments = 'import json, sys\nprint(json.dumps(sys.argv))\n'

/** Forms of a record. */
export const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/
export const duration = /^\d+:\d\d:\d\d\.\d{6}$/

/** A line as it stands in the reference, cut at blanks; what stands in quotes is one word. Backslashes are kept, as cmd.exe keeps them. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}
