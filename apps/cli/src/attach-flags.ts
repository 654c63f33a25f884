import * as Flags from '@oclif/core/flags'
import type { FlagInput } from '@oclif/core/interfaces'
import type { AttachSetting, AttachableType } from '@errand/core/project'
import { splitAtScript } from './command-line.ts'

/** What every type has, and the original's spellings of the type itself. */
export const attachFlags = {
  name: Flags.string({ char: 'n', summary: 'Name of the target; its files are aml_config/NAME.compute and NAME.runconfig.', required: true }),
  type: Flags.string({ char: 't', summary: 'The type, in the older spelling.', helpValue: 'TYPE' }),
  cluster: Flags.boolean({ summary: 'Type cluster, in the oldest spelling.' }),
  'ssh-port': Flags.integer({ summary: 'Port, where the address does not name one.', min: 1, max: 65_535 }),
  framework: Flags.option({
    summary: 'Framework of the new run configuration; without it PySpark.',
    options: ['python', 'pyspark'] as const,
  })(),
  overwrite: Flags.boolean({ summary: 'Replace a target of that name, and its run configuration.' }),
}

/** Of a type that has a password. */
export const passwordFlags = {
  password: Flags.string({ char: 'w', summary: 'Its password. Shell histories keep it: better leave it away and be asked.' }),
  'password-stdin': Flags.boolean({ summary: 'Read the password from standard input.' }),
  'hide-password': Flags.boolean({ summary: 'Accepted; what is typed is never shown.' }),
}

/** Of the SSH types of the original, for the help and for types that are not installed. */
export const sshFlags = {
  address: Flags.string({ char: 'a', summary: 'The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.' }),
  username: Flags.string({ char: 'u', summary: 'User to log in as.' }),
  ...passwordFlags,
  'use-azureml-ssh-key': Flags.boolean({ char: 'k', summary: 'Log in with a key of this project, made when there is none.' }),
  'private-key-file': Flags.string({ summary: 'Log in with this key once, to let the machine know the key of this project.', helpValue: 'FILE' }),
  'accept-host-key': Flags.string({ summary: 'Accept this fingerprint when the machine is met for the first time.', helpValue: 'SHA256:…' }),
}

/** The options of one type: those of all types, and one for each of its settings. */
export function flagsOf(type: AttachableType): FlagInput {
  const own = type.settings.filter(({ role }) => role !== 'secret').map((setting) => [setting.flag, flagOf(setting)] as const)
  const password = type.settings.some(({ role, name }) => role === 'secret' && name === 'password') ? passwordFlags : {}
  return { ...(type.definition === undefined ? sshFlags : {}), ...password, ...Object.fromEntries(own), ...attachFlags }
}

function flagOf({ kind, char, aliases, summary }: AttachSetting): FlagInput[string] {
  const letter = /^[a-z]$/i.test(char ?? '') ? { char: char as 'a' } : {}
  return kind === 'boolean'
    ? Flags.boolean({ summary, aliases: [...aliases], allowNo: true, ...letter })
    : Flags.string({ summary, aliases: [...aliases], ...letter })
}

/** What of the words decides which options there are, found before they can be parsed. */
export function typeWords(words: readonly string[]): { readonly positional?: string; readonly type?: string; readonly cluster: boolean; readonly name?: string } {
  const { script } = splitAtScript(words, { ...attachFlags, ...sshFlags, ...globalOptions })
  const type = valueOf(words, 'type', 't')
  const name = valueOf(words, 'name', 'n')
  return {
    ...(script[0] === undefined ? {} : { positional: script[0] }),
    ...(type === undefined ? {} : { type }),
    ...(name === undefined ? {} : { name }),
    cluster: words.includes('--cluster'),
  }
}

/** Options of all commands that take a value. */
const globalOptions = {
  output: { type: 'option', char: 'o' },
  query: { type: 'option' },
  project: { type: 'option', char: 'p', aliases: ['path'] },
} as const

function valueOf(words: readonly string[], flag: string, char: string): string | undefined {
  for (const [index, word] of words.entries()) {
    if (word === `--${flag}` || word === `-${char}`) return words[index + 1]
    if (word.startsWith(`--${flag}=`)) return word.slice(flag.length + 3)
    if (word.startsWith(`-${char}`) && !word.startsWith('--')) return word.slice(2).replace(/^=/, '')
  }
  return undefined
}
