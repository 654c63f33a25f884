import type { JsonValue } from '../json.ts'

/** A credential in an address. */
export interface Credential {
  /** `login` stands between `://` and `@`, `token` in the path of a channel (`/t/TOKEN/`), `query` behind `?` or `&`. */
  readonly kind: 'login' | 'token' | 'query'
  /** As it stands there: `user:password`, `TOKEN`, `name=value`. A query with a signature is one credential, for all of it is signed. */
  readonly text: string
}

// No part is looked for further than addresses are long: a line of thousands of addresses would take minutes.
/** A password may have every character but a blank, also `/`, `?` and `#` where no port can be meant. pip takes a proxy without `http://`. */
const logins =
  /(ssh)?(:\/\/|--proxy[=\s]+['"]?(?!\S{0,9}:\/\/))((?:[^\s/?#]{1,2000}|[^\s/?#:@]{1,500}:(?!\d*(?:[/?#]|$))[^\s@]{1,2000})@)/gi
const tokens = /(:\/\/\S{0,1000}?\/t\/)([^/\s]+)(?=\/)/g
const queries = /(:\/\/[^\s?#]{0,2000}\?)([^\s#]*[^\s#'"`<>,;()[\]])/g

/** Names of parameters whose value is a credential. `place_credentials.py` knows them too. */
const secret = /(?:^|[-_.])(?:sig|key|auth|credential)=|(?:token|secret|password|passwd|signature|apikey|accesskey)=/i
/** Names of those that sign the others: Azure, Amazon, Google. */
const signature = /^(?:sig|(?:x-(?:amz|goog)-)?signature)=/i

/** Stands where a credential was. */
const hidden = '***'
/** A part that is only named: `${NAME}` is filled in from the secrets when the environment is made. */
const variable = /^\$\{[A-Za-z_]\w*\}$/

/** The text, with what `replace` says in the place of each credential. A user's name alone, as in `ssh://git@host`, is none. */
export function replaceCredentials(text: string, replace: (credential: Credential) => string): string {
  return text
    .replaceAll(logins, (all, ssh: string | undefined, before: string, login: string) =>
      ssh !== undefined && !login.includes(':') && login !== `${hidden}@`
        ? all
        : `${ssh ?? ''}${before}${replace({ kind: 'login', text: login.slice(0, -1) })}@`,
    )
    .replaceAll(tokens, (_, before: string, token: string) => before + replace({ kind: 'token', text: token }))
    .replaceAll(queries, (_, before: string, query: string) => before + replaceInQuery(query, replace))
}

function replaceInQuery(query: string, replace: (credential: Credential) => string): string {
  const parts = query.split('&')
  if (parts.some((part) => signature.test(part))) return replace({ kind: 'query', text: query })
  return parts.map((part) => (isSecret(part) ? replace({ kind: 'query', text: part }) : part)).join('&')
}

const isSecret = (part: string): boolean => part === hidden || variable.test(part) || secret.test(part.replace(/=.*/s, '='))

/** What of a credential nobody may see: the password, the token, the values in a query. */
export function secretParts({ kind, text }: Credential): readonly string[] {
  if (kind === 'token') return [text]
  if (kind === 'query')
    return text
      .split('&')
      .filter(isSecret)
      .map((part) => part.replace(/^[^=]*=/, ''))
  const [user = '', password] = text.split(/:(.*)/s)
  return [password ?? user]
}

/** Whether it holds no value but only names. */
export const isNamed = (credential: Credential): boolean => secretParts(credential).every((part) => variable.test(part))

/** The text with the credentials in its addresses replaced by `***`. */
export const hideCredentials = (text: string): string =>
  replaceCredentials(text, (credential) => {
    if (isNamed(credential)) return credential.text
    const [, name = ''] = /^([^=&]+=)[^&]*$/.exec(credential.kind === 'query' ? credential.text : '') ?? []
    return name + hidden
  })

/** The text with the addresses as they are for everybody: nothing of a credential is left, also not that there was one. */
export const dropCredentials = (text: string): string =>
  replaceCredentials(text, () => '\0')
    .replaceAll('\0&', '')
    .replaceAll(/\0@|\/t\/\0|[?&]\0/g, '')

/** Whether the addresses of a text hold credentials. */
export const holdsCredentials = (text: string): boolean => hideCredentials(text) !== text

/** Every text of a value, changed. */
export function mapTexts(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === 'string') return change(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: JsonValue) => mapTexts(item, change))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]))
}

const addresses = /(?<![\w+.-])[A-Za-z][\w+.-]*:\/\/\S*[^\s'"`<>,;()[\]]/g

function addressesOf(value: JsonValue): readonly string[] {
  const found: string[] = []
  mapTexts(value, (text) => {
    found.push(...(text.match(addresses) ?? []))
    return text
  })
  return found
}

/** Puts credentials back where `hideCredentials` took them, from a value that has them. What that lacks stays hidden. */
export function restoreCredentials(value: JsonValue, from: JsonValue): JsonValue {
  const known = new Map(addressesOf(from).map((found) => [hideCredentials(found), found]))
  return mapTexts(value, (text) => text.replaceAll(addresses, (found) => (isHidden(found) ? (known.get(found) ?? found) : found)))
}

/** The addresses of a value whose credentials are hidden. */
export const hiddenAddresses = (value: JsonValue): readonly string[] => addressesOf(value).filter(isHidden)

const isHidden = (found: string): boolean => /:\/\/\*{3}@|\/t\/\*{3}\/|[?&=]\*{3}(?=[&#]|$)/.test(found)

/** Names of the secrets that the addresses of a value ask for, as `https://user:${NAME}@host`. */
export function namedCredentials(value: JsonValue): readonly string[] {
  const names = new Set<string>()
  fillCredentials(value, (name) => void names.add(name))
  return [...names]
}

/** Fills in `${NAME}` in the credentials of addresses, and nowhere else; a name without a value stays. */
export function fillCredentials(value: JsonValue, valueOf: (name: string) => string | void): JsonValue {
  const fill = (text: string, fit: (found: string) => string): string =>
    text.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, (all, name: string) => {
      const found = valueOf(name)
      return found === undefined ? all : fit(found)
    })
  const fillPart = (part: string): string => fill(part, variable.test(part) ? asQuery : encoded)
  return mapTexts(value, (text) =>
    replaceCredentials(text, ({ kind, text: found }) =>
      kind === 'query' ? found.split('&').map(fillPart).join('&') : fill(found, encoded),
    ),
  )
}

/** Also what installers would take for the end of a word. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** A secret that is a whole query has its names, its `&` and its encoding already. */
const asQuery = (text: string): string => text.replace(/^\?/, '').replaceAll(/[^\w.~!$&*+,;=:@/?%-]+/g, encoded)
