import type { EnvironmentContent, PipOption } from './content.ts'
import { quote } from './shell.ts'

/** What a dependency file asks for, with the name of a variable in place of each credential of an address. */
export interface NamedCredentials {
  readonly content: EnvironmentContent
  /** By the name of the variable: what stands between `://` and `@`, or the token of a channel. */
  readonly credentials: Readonly<Record<string, string>>
}

/** The beginnings of the names; `remove_credentials.py` knows them too. */
const prefixes = { userinfo: 'ERRAND_CREDENTIAL_', token: 'ERRAND_TOKEN_' } as const

/**
 * Takes credentials out of what becomes a part of an image. pip, uv and our driver of rattler fill in `${NAME}` themselves, a shell does it for the
 * others. A user's name alone, as in `ssh://git@host`, is none, and a variable that the place knows stays one.
 */
export function nameCredentials(content: EnvironmentContent): NamedCredentials {
  const names = new Map<string, string>()
  const nameOf = (kind: keyof typeof prefixes, value: string): string => {
    const found = names.get(`${kind} ${value}`) ?? `${prefixes[kind]}${names.size + 1}`
    names.set(`${kind} ${value}`, found)
    return `\${${found}}`
  }
  const named = (text: string): string => replaceCredentials(text, nameOf)
  const option = ({ name, value }: PipOption): PipOption => (value === undefined ? { name } : { name, value: named(value) })
  const changed: EnvironmentContent = {
    ...content,
    channels: content.channels.map(named),
    conda: content.conda.map(named),
    pip: content.pip.map(named),
    pipOptions: content.pipOptions.map(option),
  }
  const credentials = [...names].map(([value, name]) => [name, value.slice(value.indexOf(' ') + 1)] as const)
  return { content: changed, credentials: Object.fromEntries(credentials) }
}

function replaceCredentials(text: string, nameOf: (kind: keyof typeof prefixes, value: string) => string): string {
  return text
    .replaceAll(/([\w+.-]*:\/\/)(?:(\$\{\w+\}):)?([^/\s?#]+)@/g, (all, scheme: string, user: string | undefined, value: string) =>
      isSecret(scheme, value) ? `${scheme}${user === undefined ? '' : `${user}:`}${nameOf('userinfo', value)}@` : all,
    )
    .replaceAll(/(:\/\/[^\s'"]*?\/t\/)([^/\s]+)(?=\/)/g, (all, before: string, value: string) =>
      isVariable(value) ? all : before + nameOf('token', value),
    )
}

/** Whether an address in a text holds what has to have a name in its place. */
export const holdsCredentials = (text: string): boolean => replaceCredentials(text, () => '') !== text

const isVariable = (text: string): boolean => /^\$\{\w+\}$/.test(text)

function isSecret(scheme: string, userinfo: string): boolean {
  const [user = '', password] = userinfo.split(/:(.*)/)
  return !isVariable(password ?? user) && (password !== undefined || !scheme.endsWith('ssh://'))
}

/** In a command of sh that was quoted with `quote`: the shell fills in the variables. */
export function filledByShell(command: string, credentials: Readonly<Record<string, string>>): string {
  return Object.keys(credentials).reduce((text, name) => text.replaceAll(`\${${name}}`, `'"$${name}"'`), command)
}

/** The id of the secret of a build that has lines of sh which set the credentials. */
export const credentialsSecret = 'errand'

/** The content of the secret. */
export const credentialsText = (credentials: Readonly<Record<string, string>>): string =>
  Object.entries(credentials)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('')
