import { type Credential, isNamed, replaceCredentials, secretParts } from '@errand/core'
import type { EnvironmentContent, PipOption } from './content.ts'
import type { DockerfileLines } from './dockerfile-lines.ts'
import { quote } from './shell.ts'

/** What a dependency file asks for, with the name of a variable in place of each credential of an address. */
export interface NamedCredentials {
  readonly content: EnvironmentContent
  /** By the name of the variable: what stands between `://` and `@`, the token of a channel, or a part of a query. */
  readonly credentials: Readonly<Record<string, string>>
}

/** The beginnings of the names; `remove_credentials.py` knows them too. */
const prefixes = { login: 'ERRAND_CREDENTIAL_', token: 'ERRAND_TOKEN_', query: 'ERRAND_QUERY_' } as const

/**
 * Takes credentials out of what becomes a part of an image; files have them for the time of a step. A user's name alone, as in `ssh://git@host`,
 * is none, and a variable that the place knows stays one.
 */
export function nameCredentials(content: EnvironmentContent): NamedCredentials {
  const names = new Map<string, string>()
  const nameOf = (kind: keyof typeof prefixes, value: string): string => {
    const found = names.get(`${kind} ${value}`) ?? `${prefixes[kind]}${names.size + 1}`
    names.set(`${kind} ${value}`, found)
    return `\${${found}}`
  }
  const changed = (text: string): string => replaceCredentials(text, (credential) => named(credential, nameOf))
  const option = ({ name, value }: PipOption): PipOption => (value === undefined ? { name } : { name, value: changed(value) })
  const withNames: EnvironmentContent = {
    ...content,
    channels: content.channels.map(changed),
    conda: content.conda.map(changed),
    pip: content.pip.map(changed),
    pipOptions: content.pipOptions.map(option),
  }
  const credentials = [...names].map(([value, name]) => [name, value.slice(value.indexOf(' ') + 1)] as const)
  return { content: withNames, credentials: Object.fromEntries(credentials) }
}

/** A part that is only a name stays, also the user's in `https://${USER}:password@host`. */
function named(credential: Credential, nameOf: (kind: Credential['kind'], value: string) => string): string {
  const { kind, text } = credential
  if (isNamed(credential)) return text
  const [, user = '', value = text] = /^(\$\{\w+\}:)?(.*)$/s.exec(kind === 'login' ? text : '') ?? []
  return user + nameOf(kind, kind === 'login' ? value : text)
}

/** What of the credentials of a build nobody may see, wherever it stands. */
export const hiddenParts = (credentials: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(credentials).flatMap(([name, text]) => (name.startsWith(prefixes.query) ? secretParts({ kind: 'query', text }) : [text]))

/** In a command of sh that was quoted with `quote`: the shell fills in the variables. */
export function filledByShell(command: string, credentials: Readonly<Record<string, string>>): string {
  return Object.keys(credentials).reduce((text, name) => text.replaceAll(`\${${name}}`, `'"$${name}"'`), command)
}

/** The id of the secret of a build that has lines of sh. */
export const credentialsSecret = 'errand'

/**
 * The content of the secret: it sets the credentials for the shell alone, and writes the files that hold them, by their path in the image.
 * Programs of the build have them neither as arguments nor as variables.
 */
export const credentialsText = ({ credentials, filled }: Pick<DockerfileLines, 'credentials' | 'filled'>): string =>
  [
    ...Object.entries(credentials).map(([name, value]) => `${name}=${quote(value)}`),
    ...Object.entries(filled).map(([path, text]) => {
      const folder = path.slice(0, path.lastIndexOf('/'))
      return `(umask 077 && mkdir -p ${quote(folder)} && printf %s ${quote(text)} > ${quote(path)}) || exit 1`
    }),
    '',
  ].join('\n')
