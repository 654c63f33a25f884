import { inspect, stripVTControlCharacters, styleText } from 'node:util'
import { errorCode, errorMessage, exitCodes } from '@errand/core'

/** What a failed command says. */
export interface Report {
  /** Stable: what a program compares. */
  readonly code: string
  /** One sentence, or several problems one a line. */
  readonly message: string
  /** The commands or edits that mend it. */
  readonly hints: readonly string[]
  readonly exitCode: number
}

/** An error in the two forms that stderr knows. */
export interface DescribedError {
  /** `ERROR: ` and one sentence, then the hints, and with `--debug` where it comes from. */
  readonly text: string
  /** The same as one line of JSON, `{"error": {"code", "message", "hint"}}`; without a hint it is null. */
  readonly object: string
  readonly exitCode: number
}

/**
 * Whether a program reads the errors: the JSON line then follows the text on stderr. `words` are those of a command or a whole command
 * line; what stands behind a `--` belongs to the script.
 */
export function asksForJsonErrors(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  const own = end === -1 ? words : words.slice(0, end)
  return own.some((word, index) => {
    const pair = `${word}=${own[index + 1] ?? ''}`
    return /^(-o=?|--output=)jsonc?$|^--progress=json$/.test(word) || /^(-o|--output)=jsonc?$|^--progress=json$/.test(pair)
  })
}

/** Any thrown value as what stderr shows of it. `words` is the command line, for the nearest spelling of what it got wrong. */
export async function describeError(error: unknown, words: readonly string[]): Promise<DescribedError> {
  const report = await reportOf(error, words)
  const label = styleText(['red', 'bold'], 'ERROR:', { stream: process.stderr })
  const details = words.includes('--debug') ? [inspect(error)] : []
  const message = stripVTControlCharacters(report.message)
  const lines = [`${label} ${message}`, ...report.hints, ...details]
  const hint = report.hints.length === 0 ? null : report.hints.join('\n')
  return {
    text: lines.map((line) => `${line}\n`).join(''),
    object: `${JSON.stringify({ error: { code: report.code, message, hint } })}\n`,
    exitCode: report.exitCode,
  }
}

async function reportOf(error: unknown, words: readonly string[]): Promise<Report> {
  if (isErrandError(error)) {
    return { code: error.code, message: error.message, hints: error.hint === undefined ? [] : [error.hint], exitCode: error.exitCode }
  }
  if (typeof error === 'object' && error !== null && ('oclif' in error || isOfParser(error)))
    return ownReport(error) ?? (await import('./command-line-error.ts')).commandLineReport(error, words)
  const code = errorCode(error) ?? 'INTERNAL'
  const isSystemError = /^E[A-Z0-9]+$/.test(code)
  const hint = 'This is a fault of errand, not of yours. The same command with --debug shows where it comes from.'
  return { code, message: errorMessage(error), hints: isSystemError ? [] : [hint], exitCode: exitCodes.internal }
}

/** The exit code that a plugin's command ended with, by `this.exit(…)`: there is nothing to say. */
export function exitWithoutWords(error: unknown): number | undefined {
  return errorCode(error) === 'EEXIT' ? exitOf(error) : undefined
}

/** What a plugin's command said of itself, by `this.error(…)`; none for what oclif says of the command line. */
function ownReport(error: object): Report | undefined {
  const exitCode = exitOf(error)
  if (exitCode === undefined || 'parse' in error || isOfParser(error) || /^command .* not found/i.test(errorMessage(error)))
    return undefined
  const hints = 'suggestions' in error && Array.isArray(error.suggestions) ? error.suggestions.map(String) : []
  return { code: errorCode(error) ?? 'COMMAND_FAILED', message: errorMessage(error), hints, exitCode }
}

/** What oclif says of an option without marking it as such. */
const isOfParser = (error: unknown): boolean =>
  /^(?:Parsing --|Flag --\S+ (?:can only be|expects)|Unexpected flag )/.test(stripVTControlCharacters(errorMessage(error)))

/** Known by its fields: a plugin brings the oclif that it was written for. */
function exitOf(error: unknown): number | undefined {
  const { oclif } = (error ?? {}) as { readonly oclif?: { readonly exit?: unknown } }
  return typeof oclif?.exit === 'number' ? oclif.exit : undefined
}

/** Known by its fields: a plugin may bring a second copy of the class. */
function isErrandError(error: unknown): error is Error & { code: string; hint?: string; exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number' && errorCode(error) !== undefined
}
