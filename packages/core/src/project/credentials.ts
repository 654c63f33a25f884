import type { JsonValue } from '../json.ts'

/** Stands where a password was. */
const hidden = '***'

/** What stands between `://` and `@`, and a token of a conda channel (`/t/TOKEN/`). */
const address = /[A-Za-z][\w+.-]*:\/\/(?:[^\s/?#'"`<>]+@)?[^\s'"`,;<>()[\]]+/g
const userinfo = /^([A-Za-z][\w+.-]*:\/\/)([^/?#]+)@/
const channelToken = /(\/t\/)([^/]+)(?=\/)/

/** A part that is only named: `${NAME}` is filled in from the secrets when the environment is made. */
const isNamed = (text: string): boolean => /^\$\{[A-Za-z_]\w*\}$/.test(text)

/** An address with its password, token or other credentials replaced by `***`. A user's name alone, as in `ssh://git@host`, is none. */
function hideInAddress(text: string): string {
  return text
    .replace(userinfo, (all, scheme: string, info: string) => {
      const [user = '', password] = info.split(/:(.*)/)
      if (password === undefined) return isNamed(user) || /ssh:/i.test(scheme) ? all : `${scheme}${hidden}@`
      return isNamed(password) ? all : `${scheme}${hidden}@`
    })
    .replace(channelToken, (all, before: string, token: string) => (isNamed(token) ? all : before + hidden))
}

/** The text with the credentials in its addresses replaced by `***`. */
export const hideCredentials = (text: string): string => text.replaceAll(address, hideInAddress)

/** Whether the addresses of a text hold credentials. */
export const holdsCredentials = (text: string): boolean => hideCredentials(text) !== text

/** Every text of a value, changed. */
export function mapTexts(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === 'string') return change(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: JsonValue) => mapTexts(item, change))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]))
}

/** Puts credentials back where `hideCredentials` took them, from a text that has them. What that text lacks stays hidden. */
export function restoreCredentials(value: JsonValue, from: string): JsonValue {
  const known = new Map((from.match(address) ?? []).map((found) => [hideInAddress(found), found]))
  return mapTexts(value, (text) => text.replaceAll(address, (found) => (isHidden(found) ? (known.get(found) ?? found) : found)))
}

/** The addresses of a value whose credentials are hidden. */
export function hiddenAddresses(value: JsonValue): readonly string[] {
  const found: string[] = []
  mapTexts(value, (text) => {
    found.push(...(text.match(address) ?? []).filter(isHidden))
    return text
  })
  return found
}

const isHidden = (found: string): boolean => found.includes(`://${hidden}@`) || found.includes(`/t/${hidden}/`)

/** Names of the secrets that the addresses of a value ask for, as `https://user:${NAME}@host`. */
export function namedCredentials(value: JsonValue): readonly string[] {
  const names = new Set<string>()
  fillCredentials(value, (name) => void names.add(name))
  return [...names]
}

/** Fills in `${NAME}` in the credentials of addresses, and nowhere else; a name without a value stays. */
export function fillCredentials(value: JsonValue, valueOf: (name: string) => string | void): JsonValue {
  const fill = (text: string): string =>
    text.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, (all, name: string) => {
      const found = valueOf(name)
      return found === undefined ? all : encodeURIComponent(found)
    })
  const fillAddress = (text: string): string =>
    text
      .replace(userinfo, (_, scheme: string, info: string) => `${scheme}${fill(info)}@`)
      .replace(channelToken, (_, before: string, token: string) => before + fill(token))
  return mapTexts(value, (text) => text.replaceAll(address, fillAddress))
}
