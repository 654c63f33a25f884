import { stripVTControlCharacters } from 'node:util'
import { errorMessage, exitCodes } from '@errand/core'
import { nearNames } from '@errand/core/project'
import { type Manifest, type ManifestCommand, type ManifestFlag, commandOf, readManifest } from '../manifest.ts'
import { quoted } from '../script-words.ts'
import type { Report } from './error.ts'
import { retiredCommands } from './retired-commands.ts'

interface Finding {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

/** What oclif says of a command line that it does not understand, in our words and with the nearest command or option. */
export function commandLineReport(error: object, words: readonly string[]): Report {
  const manifest = readManifest()
  const named = commandOf(words, manifest)
  const finding = findingOf(error, words, named, manifest)
  const help = `See: errand ${named === undefined ? '' : `${named.command.id.replaceAll(':', ' ')} `}--help`
  return {
    code: finding.code,
    message: finding.message,
    hints: [...(finding.hint === undefined ? [] : [finding.hint]), help],
    exitCode: exitCodes.failed,
  }
}

function findingOf(error: object, words: readonly string[], named: ReturnType<typeof commandOf>, manifest: Manifest): Finding {
  const text = stripVTControlCharacters(errorMessage(error)).replace(/\n?See more help with --help$/, '')
  if (/^command .* not found/i.test(text))
    return named === undefined ? unknownCommand(words, manifest) : unexpected(words.slice(named.length))
  if ('flags' in error && Array.isArray(error.flags)) return unknownFlag(String(error.flags[0]), named?.command)
  const missingFlag = /Missing required flag (\S+)/.exec(text)?.[1]
  if (missingFlag !== undefined) return { code: 'OPTION_MISSING', message: `The option --${missingFlag} is missing.` }
  const missingArgument = /^Missing \d+ required args?:\s*(\S+)/.exec(text)?.[1]
  if (missingArgument !== undefined)
    return { code: 'ARGUMENT_MISSING', message: `The argument ${missingArgument.toUpperCase()} is missing.` }
  const surplus = /^Unexpected arguments?: (.*)/s.exec(text)?.[1]
  if (surplus !== undefined) return unexpected([surplus], named?.command)
  const [first = '', ...rest] = text.replace(/^Parsing (--\S+)\s+/, "The option $1 can't be used: ").split('\n')
  const more = rest.map((line) => line.trim()).filter((line) => line !== '')
  return {
    code: 'OPTION_INVALID',
    message: first.endsWith('.') ? first : `${first}.`,
    hint: more.length === 0 ? undefined : more.join('\n'),
  }
}

/** A path behind a run is one of its files, where the command has an option for them. */
function unexpected(words: readonly string[], command?: ManifestCommand): Finding {
  const text = words.join(' ')
  const isFile = command?.flags?.['artifact'] !== undefined && /^\S*[./]\S*$/.test(text)
  return {
    code: 'ARGUMENT_UNEXPECTED',
    message: `The command takes no such argument: ${text}.`,
    hint: isFile ? `For a file of the run: --artifact ${text}` : undefined,
  }
}

/** What tools of today call what a command of errand does. */
const otherNames: Readonly<Record<string, string>> = {
  run: 'submit',
  start: 'submit',
  exec: 'submit',
  build: 'prepare',
  ls: 'runs',
  list: 'runs',
  ps: 'runs',
  log: 'logs',
  tail: 'logs -f',
  info: 'show',
  inspect: 'show',
  stop: 'cancel',
  kill: 'cancel',
  rm: 'history delete',
  diff: 'compare',
  retry: 'rerun',
  machines: 'computetarget list',
}

function unknownCommand(words: readonly string[], manifest: Manifest): Finding {
  const ids = Object.values(manifest.commands).flatMap((command) =>
    command.hidden === true ? [] : [command.id, ...command.aliases].map((id) => id.replaceAll(':', ' ')),
  )
  const flag = words.findIndex((word) => word.startsWith('-'))
  if (flag === 0) return unknownLeadingFlag(words, manifest)
  const [first = '', second] = words.slice(0, flag === -1 ? words.length : flag)
  const retired = [first, `${first} ${second ?? ''}`].find((name) => Object.hasOwn(retiredCommands, name))
  if (retired !== undefined) return { code: 'COMMAND_RETIRED', message: `errand has no ${retired}.`, hint: retiredCommands[retired] }
  const siblings = ids.filter((id) => id.startsWith(`${first} `)).map((id) => id.slice(first.length + 1))
  const typed = second === undefined || siblings.length === 0 ? first : `${first} ${second}`
  const inTopic = nearNames(second ?? '', siblings).map((name) => `${first} ${name}`)
  const topics = ids.flatMap((id) => (id.includes(' ') ? [id.split(' ')[0] ?? ''] : []))
  const typedWords = `${first} ${second ?? ''}`.trim()
  // `restore` alone is `history restore`; `list` alone could be many.
  const endings = ids.filter((id) => id.endsWith(` ${first}`))
  const without = endings.length === 1 ? endings : []
  const other = Object.hasOwn(otherNames, first) ? otherNames[first] : undefined
  const [near] =
    siblings.length > 0
      ? inTopic
      : [...(other === undefined ? [] : [other]), ...without, ...nearNames(typedWords, ids), ...nearNames(first, [...ids, ...topics])]
  const list = siblings.length === 0 ? undefined : `Commands of ${first}: ${siblings.join(', ')}.`
  return {
    code: 'COMMAND_UNKNOWN',
    message: `There is no command "${typed}".`,
    hint: near === undefined ? list : `Did you mean: errand ${near}`,
  }
}

/** What is said of an error may be read by more people than the command line. */
function withoutSecrets(words: readonly string[]): readonly string[] {
  return words.map((word, index) =>
    /^(?:-w|--password|--private-key-passphrase)$/.test(words[index - 1] ?? '')
      ? 'SECRET'
      : word.replace(/^(--password=|--private-key-passphrase=|-w(?=.)).*$/s, '$1SECRET'),
  )
}

/** Of an option before a command: its place is behind it. Of one without a command: only these two could be meant. */
function unknownLeadingFlag(words: readonly string[], manifest: Manifest): Finding {
  const [typed = ''] = words
  const start = words.findIndex(
    (word, index) => index > 0 && !word.startsWith('-') && commandOf(words.slice(index), manifest) !== undefined,
  )
  if (start !== -1) {
    const { length = 0 } = commandOf(words.slice(start), manifest) ?? {}
    const end = start + length
    const command = words.slice(start, end)
    const others = [...words.slice(0, start), ...words.slice(end)]
    const line = [...command, ...(command.includes('attach') ? withoutSecrets(others) : others)].map(quoted).join(' ')
    return { code: 'OPTION_UNKNOWN', message: `The option ${typed} stands before the command.`, hint: `Did you mean: errand ${line}` }
  }
  const near = ['version', 'help'].find((name) =>
    typed.startsWith('--') ? nearNames(typed.slice(2), [name]).length > 0 : isLetterOf(typed, name),
  )
  return {
    code: 'OPTION_UNKNOWN',
    message: `There is no option ${typed}.`,
    hint: near === undefined ? undefined : `Did you mean: errand --${near}`,
  }
}

const isLetterOf = (typed: string, name: string): boolean => typed.slice(1).toLowerCase() === name[0]

function unknownFlag(typed: string, command: ManifestCommand | undefined): Finding {
  const flags = Object.entries(command?.flags ?? {})
  const near = typed.startsWith('--') ? nearFlag(typed.slice(2).split('=', 1)[0] ?? '', flags) : nearLetter(typed, flags)
  const own = flags.filter(([, flag]) => flag.hidden !== true && flag.helpGroup !== 'GLOBAL').map(([name]) => `--${name}`)
  const list = own.length === 0 ? undefined : `Options of ${command?.id.replaceAll(':', ' ') ?? ''}: ${own.join(', ')}.`
  return { code: 'OPTION_UNKNOWN', message: `There is no option ${typed}.`, hint: near === undefined ? list : `Did you mean: ${near}` }
}

/** A spelling mistake of a name, or the beginning of one of its words: `--conf` for `--run-configuration`. */
function nearFlag(typed: string, flags: readonly (readonly [string, ManifestFlag])[]): string | undefined {
  const names = flags.flatMap(([name, flag]) => [name, ...(flag.aliases ?? [])])
  const beginsWord = (name: string): boolean => name.split('-').some((word) => typed.length >= 3 && word.startsWith(typed))
  const near = nearNames(typed, names)[0] ?? names.find(beginsWord)
  return near === undefined ? undefined : `--${near}`
}

function nearLetter(typed: string, flags: readonly (readonly [string, ManifestFlag])[]): string | undefined {
  const char = flags.map(([, flag]) => flag.char).find((letter) => letter?.toLowerCase() === typed.slice(1).toLowerCase())
  return char === undefined ? undefined : `-${char}`
}
