import type { BuildEvent } from './build-progress.ts'

/** Puts `***` in place of what is hidden in all that a build says. Output comes in whole lines then, so that none is cut in two. */
export async function* hideIn(events: AsyncIterable<BuildEvent>, hidden: RegExp | undefined): AsyncGenerator<BuildEvent> {
  const hide = (text: string): string => (hidden === undefined ? text : text.replaceAll(hidden, '***'))
  let open = ''
  for await (const event of events) {
    if (event.type === 'output') {
      const text = open + event.text
      const end = text.lastIndexOf('\n') + 1
      open = text.slice(end)
      if (end > 0) yield { type: 'output', text: hide(text.slice(0, end)) }
      continue
    }
    if (open !== '') yield { type: 'output', text: hide(open) }
    open = ''
    yield event.type === 'failed' ? { ...event, message: hide(event.message) } : event
  }
  if (open !== '') yield { type: 'output', text: hide(open) }
}

/**
 * Finds what tools may print of credentials: all, the password or the token alone, each character as it is in an address or decoded; and before
 * a password that the tool hides itself, the name, which may be the token.
 */
export function printedForms(credentials: readonly string[]): RegExp {
  const forms = credentials.flatMap((value) => {
    const [name = '', password] = value.split(/:(.*)/)
    const secrets = password === undefined || password === '' ? [name] : [value, password === noPassword ? name : password]
    const shown = decoded(name) === '' ? [] : [`(?<=://)${printed(name)}(?=[:@])`]
    return [...secrets.filter((part) => decoded(part).length > 2).map(printed), ...shown]
  })
  return new RegExp([...new Set(forms)].toSorted((a, b) => b.length - a.length).join('|') || '(?!)', 'g')
}

/** What stands in the place of a password beside a token of GitHub. */
const noPassword = 'x-oauth-basic'

const printed = (part: string): string =>
  Array.from(decoded(part), (character) => {
    const code = Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    return `(?:${[code.toUpperCase(), code, character.replace(/[\\^$.*+?()[\]{}|]/, String.raw`\$&`)].join('|')})`
  }).join('')

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
