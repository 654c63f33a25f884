import type { BuildEvent } from './build-progress.ts'

/** Puts `***` in place of the values in all that a build says. Output comes in whole lines then, so that none is cut in two. */
export async function* hideIn(events: AsyncIterable<BuildEvent>, values: readonly string[]): AsyncGenerator<BuildEvent> {
  const hide = (text: string): string => values.reduce((shown, value) => shown.replaceAll(value, '***'), text)
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

/** What tools may print of credentials: all, the password or the token alone, and either as it is in an address or decoded. Longest first. */
export function printedForms(credentials: readonly string[]): readonly string[] {
  const parts = credentials.flatMap((value) => [value, ...value.split(/:(.*)/).slice(1)])
  const forms = parts.flatMap((part) => [part, decoded(part)]).filter((part) => part.length > 2)
  return [...new Set(forms)].toSorted((a, b) => b.length - a.length)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
