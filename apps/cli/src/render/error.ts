import { readFileSync } from 'node:fs'
import { inspect, stripVTControlCharacters, styleText } from 'node:util'
import { errorCode, errorMessage, exitCodes } from '@errand/core'
import { nearestWord } from './nearest-word.ts'

interface Report {
  readonly message: string
  readonly hints: readonly string[]
  readonly exitCode: number
}

/** What the manifest of the built commands says, as far as an error needs it. */
interface Manifest {
  readonly commands: Readonly<Record<string, ManifestCommand>>
}

interface ManifestCommand {
  readonly id: string
  readonly hidden?: boolean
  readonly aliases: readonly string[]
  readonly hiddenAliases: readonly string[]
  readonly flags: Readonly<Record<string, { readonly aliases?: readonly string[] }>>
}

/**
 * Any thrown value as the text for stderr: `ERROR: ` and one sentence, then the hints, and with `--debug` where it comes from.
 * `words` is the command line, for the nearest spelling of what it got wrong.
 */
export async function describeError(error: unknown, words: readonly string[]): Promise<{ readonly text: string; readonly exitCode: number }> {
  const report = reportOf(error, words)
  const label = styleText(['red', 'bold'], 'ERROR:', { stream: process.stderr })
  const details = words.includes('--debug') ? [inspect(error)] : []
  const lines = [`${label} ${stripVTControlCharacters(report.message)}`, ...report.hints, ...details]
  return { text: lines.map((line) => `${line}\n`).join(''), exitCode: report.exitCode }
}

function reportOf(error: unknown, words: readonly string[]): Report {
  if (isErrandError(error)) {
    return { message: error.message, hints: error.hint === undefined ? [] : [error.hint], exitCode: error.exitCode }
  }
  if (typeof error === 'object' && error !== null && 'oclif' in error) return parseReport(error, words)
  const isSystemError = /^E[A-Z0-9]+$/.test(errorCode(error) ?? '')
  const hint = 'This is a fault of errand, not of yours. The same command with --debug shows where it comes from.'
  return { message: errorMessage(error), hints: isSystemError ? [] : [hint], exitCode: exitCodes.internal }
}

/** Known by its fields: a plugin may bring a second copy of the class. */
function isErrandError(error: unknown): error is Error & { code: string; hint?: string; exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number' && typeof errorCode(error) === 'string'
}

/** What oclif says of a command line that it does not understand, in our words. */
function parseReport(error: object, words: readonly string[]): Report {
  const text = stripVTControlCharacters(errorMessage(error)).replace(/\n?See more help with --help$/, '')
  const manifest = readManifest()
  const command = commandOf(words, manifest)
  const help = `errand ${command === undefined ? '' : `${command.id.replaceAll(':', ' ')} `}--help`
  const report = (message: string, ...hints: (string | undefined)[]): Report => ({
    message,
    hints: [...hints.filter((hint) => hint !== undefined), `See ${help}`],
    exitCode: exitCodes.failed,
  })
  if (/^command .* not found/i.test(text)) return report(...unknownCommand(words, manifest))
  if ('flags' in error && Array.isArray(error.flags)) return report(...unknownFlag(String(error.flags[0]), command))
  const missingFlag = /Missing required flag (\S+)/.exec(text)?.[1]
  if (missingFlag !== undefined) return report(`The option --${missingFlag} is missing.`)
  const missingArgument = /^Missing \d+ required args?:\s*(\S+)/.exec(text)?.[1]
  if (missingArgument !== undefined) return report(`The argument ${missingArgument.toUpperCase()} is missing.`)
  const unexpected = /^Unexpected arguments?: (.*)/s.exec(text)?.[1]
  if (unexpected !== undefined) return report(`The command takes no such argument: ${unexpected}.`)
  const [first = '', ...rest] = text.replace(/^Parsing (--\S+)\s+/, 'The option $1 can\'t be used: ').split('\n')
  return report(first.endsWith('.') ? first : `${first}.`, ...rest.map((line) => line.trim()).filter((line) => line !== ''))
}

function unknownCommand(words: readonly string[], manifest: Manifest): [string, string | undefined] {
  const ids = Object.values(manifest.commands).flatMap((command) =>
    command.hidden === true ? [] : [command.id, ...command.aliases].map((id) => id.replaceAll(':', ' ')),
  )
  const typed = words.slice(0, words.findIndex((word) => word.startsWith('-')) >>> 0)
  const topic = ids.filter((id) => id.startsWith(`${typed[0]} `))
  const candidates = [typed.slice(0, 2).join(' '), typed[0] ?? '']
  const near = candidates.map((candidate) => nearestWord(candidate, ids)).find((id) => id !== undefined)
  const list = topic.length > 0 ? `Commands of ${typed[0]}: ${topic.map((id) => id.slice((typed[0] ?? '').length + 1)).join(', ')}.` : undefined
  return [`There is no command "${(topic.length > 0 ? typed.slice(0, 2) : typed.slice(0, 1)).join(' ')}".`, near === undefined ? list : `Did you mean: errand ${near}`]
}

function unknownFlag(typed: string, command: ManifestCommand | undefined): [string, string | undefined] {
  const flags = Object.entries(command?.flags ?? {}).flatMap(([name, flag]) => [name, ...(flag.aliases ?? [])])
  const near = typed.startsWith('--') ? nearestWord(typed.slice(2).split('=', 1)[0] ?? '', flags) : undefined
  return [`There is no option ${typed}.`, near === undefined ? undefined : `Did you mean: --${near}`]
}

/** The command that the longest possible number of leading words names, by any of its spellings. */
function commandOf(words: readonly string[], manifest: Manifest): ManifestCommand | undefined {
  const commands = Object.values(manifest.commands)
  const names = words.filter((word) => !word.startsWith('-'))
  for (const length of [2, 1]) {
    const id = names.slice(0, length).join(':')
    const found = commands.find((command) => [command.id, ...command.aliases, ...command.hiddenAliases].includes(id))
    if (found !== undefined) return found
  }
  return undefined
}

function readManifest(): Manifest {
  const manifest: Manifest = JSON.parse(readFileSync(new URL('../oclif.manifest.json', import.meta.url), 'utf8'))
  return manifest
}
