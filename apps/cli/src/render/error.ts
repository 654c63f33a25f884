import { inspect, stripVTControlCharacters, styleText } from 'node:util'
import { errorCode, errorMessage, exitCodes } from '@errand/core'

/** What a failed command says. */
export interface Report {
  /** One sentence, or several problems one a line. */
  readonly message: string
  /** The commands or edits that mend it. */
  readonly hints: readonly string[]
  readonly exitCode: number
}

/**
 * Any thrown value as the text for stderr: `ERROR: ` and one sentence, then the hints, and with `--debug` where it comes from.
 * `words` is the command line, for the nearest spelling of what it got wrong.
 */
export async function describeError(
  error: unknown,
  words: readonly string[],
): Promise<{ readonly text: string; readonly exitCode: number }> {
  const report = await reportOf(error, words)
  const label = styleText(['red', 'bold'], 'ERROR:', { stream: process.stderr })
  const details = words.includes('--debug') ? [inspect(error)] : []
  const lines = [`${label} ${stripVTControlCharacters(report.message)}`, ...report.hints, ...details]
  return { text: lines.map((line) => `${line}\n`).join(''), exitCode: report.exitCode }
}

async function reportOf(error: unknown, words: readonly string[]): Promise<Report> {
  if (isErrandError(error)) {
    return { message: error.message, hints: error.hint === undefined ? [] : [error.hint], exitCode: error.exitCode }
  }
  if (typeof error === 'object' && error !== null && 'oclif' in error)
    return (await import('./command-line-error.ts')).commandLineReport(error, words)
  const isSystemError = /^E[A-Z0-9]+$/.test(errorCode(error) ?? '')
  const hint = 'This is a fault of errand, not of yours. The same command with --debug shows where it comes from.'
  return { message: errorMessage(error), hints: isSystemError ? [] : [hint], exitCode: exitCodes.internal }
}

/** Known by its fields: a plugin may bring a second copy of the class. */
function isErrandError(error: unknown): error is Error & { code: string; hint?: string; exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number' && errorCode(error) !== undefined
}
