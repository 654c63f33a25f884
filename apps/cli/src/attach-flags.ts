import { isIP } from 'node:net'
import { ErrandError } from '@errand/core'
import { Flags, type FlagInput } from './oclif-core.ts'
import type { AttachSetting, AttachableType } from '@errand/core/project'

/** Letters of options that every type has. */
const takenLetters: ReadonlySet<string> = new Set(['h', 'n', 'o', 'p', 'q', 't', 'w', 'y'])

/** What every type has, and the original's spellings of the type itself. */
export const attachFlags = {
  name: Flags.string({
    char: 'n',
    summary: 'Name of the target; its files are aml_config/NAME.compute and NAME.runconfig.',
    required: true,
  }),
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
const passwordFlags = {
  password: Flags.string({ char: 'w', summary: 'Its password. Shell histories keep it: better leave it away and be asked.' }),
  'password-stdin': Flags.boolean({ summary: 'Read the password from standard input.' }),
  'no-password': Flags.boolean({ summary: 'Do not ask for one: your own keys and the SSH agent are used.' }),
  'hide-password': Flags.boolean({ summary: 'Accepted; what is typed is never shown.' }),
}

/** Of the SSH types of the original, for the help and for types that are not installed. */
export const sshFlags = {
  address: Flags.string({ char: 'a', summary: 'The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.' }),
  username: Flags.string({ char: 'u', summary: 'User to log in as.' }),
  ...passwordFlags,
  'use-azureml-ssh-key': Flags.boolean({ char: 'k', summary: 'Log in with a key of this project, made when there is none.' }),
  'private-key-file': Flags.string({
    summary: 'Log in with this key once, to let the machine know the key of this project.',
    helpValue: 'FILE',
  }),
  'private-key-passphrase': Flags.string({ summary: 'Its passphrase. Shell histories keep it: better leave it away and be asked.' }),
  'accept-host-key': Flags.string({
    summary: 'Accept this fingerprint when the machine is met for the first time.',
    helpValue: 'SHA256:…',
  }),
}

/** The options of one type: those of all types, and one for each of its settings. */
export function flagsOf(type: AttachableType): FlagInput {
  const own = type.settings.filter(({ role }) => role !== 'secret').map((setting) => [setting.flag, flagOf(setting)] as const)
  const password = type.settings.some(({ role, name }) => role === 'secret' && name === 'password') ? passwordFlags : {}
  return { ...password, ...Object.fromEntries(own), ...attachFlags }
}

function flagOf({ kind, char, aliases, summary }: AttachSetting): FlagInput[string] {
  const letter = char !== undefined && isLetter(char) && !takenLetters.has(char) ? { char } : {}
  return kind === 'boolean'
    ? Flags.boolean({ summary, aliases: [...aliases], allowNo: true, ...letter })
    : Flags.string({ summary, aliases: [...aliases], ...letter })
}

type Letter = NonNullable<FlagInput[string]['char']>

function isLetter(char: string): char is Letter {
  return /^[A-Za-z]$/.test(char)
}

/** The options of a command line by the names of the type's settings. `--ssh-port` becomes part of the address. Error: `PORT_TWICE`. */
export function givenTo(
  type: AttachableType,
  flags: Readonly<Record<string, string | boolean | number | undefined>>,
): Record<string, string | boolean> {
  const given = type.settings.flatMap(({ name, flag, role }) => {
    const value = flags[flag]
    return role === 'secret' || value === undefined || typeof value === 'number' ? [] : [[name, value] as const]
  })
  const values = Object.fromEntries(given)
  const port = flags['ssh-port']
  if (port === undefined) return values
  const address = String(values['address'] ?? '').trim()
  return { ...values, address: withPort(address, Number(port)) }
}

function withPort(address: string, port: number): string {
  if (isIP(address) === 6) return `[${address}]:${port}`
  const named = /^(?:\[[^\]]*\]|[^:]+):(\d+)$/.exec(address)?.[1]
  if (named === undefined) return `${address}:${port}`
  if (Number(named) === port) return address
  throw new ErrandError('PORT_TWICE', `Two ports are named: ${named} in the address and ${port} by --ssh-port.`)
}
