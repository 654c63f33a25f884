import { isUtf8 } from 'node:buffer'
import { readdirSync } from 'node:fs'

/** What a name shows that could not be decoded, or that really has this character in it. */
const replacement = '\uFFFD'

/** True for a name that may not be UTF-8: only then is the folder read again as bytes. */
export function looksUndecoded(name: string): boolean {
  return name.includes(replacement)
}

/** The names of a folder that are not UTF-8, by what they were decoded to, with the bad bytes written as `\xe9`. */
export function undecodedNames(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    if (!isUtf8(name)) found.set(name.toString('utf8'), escaped(name))
  }
  return found
}

function escaped(name: Buffer): string {
  return Array.from(name, (byte) =>
    byte < 0x20 || byte > 0x7e ? `\\x${byte.toString(16).padStart(2, '0')}` : String.fromCharCode(byte),
  ).join('')
}

/** Pairs of names in one folder that macOS and Windows would take for the same. */
export function clashingNames(names: readonly string[]): readonly (readonly [string, string])[] {
  const first = new Map<string, string>()
  const clashes: [string, string][] = []
  for (const name of names) {
    const folded = name.normalize('NFC').toLowerCase()
    const other = first.get(folded)
    if (other === undefined) first.set(folded, name)
    else clashes.push([other, name])
  }
  return clashes
}

const shown = 10

/** `a, b and 3 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - shown
  return more > 0 ? `${names.slice(0, shown).join(', ')} and ${more} more` : names.join(', ')
}
