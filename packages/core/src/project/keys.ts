import type { DiagnosticList } from './diagnostic.ts'
import { didYouMean } from './near-name.ts'
import { isNull, type YamlEntry, type YamlMap } from './parse.ts'
import type { KeyTable } from './values.ts'

/** Entries of a map by the modern name of their key; `key` stays as written. Keys that are `null` are in, for who must tell them from absent. */
export type Entries = ReadonlyMap<string, YamlEntry>

/**
 * Finds the known keys of a map: exact names first, then aliases, then other cases with a warning. Keys that have no effect and unknown
 * keys are said, once each; a name that comes in two spellings keeps the exact one.
 */
export function readKeys(map: YamlMap, table: KeyTable, diagnostics: DiagnosticList): Entries {
  const found = new Map<string, YamlEntry>()
  const spellings = spellingTable(table)
  const byRank = map.entries.toSorted((a, b) => rank(a.key, table, spellings) - rank(b.key, table, spellings))
  for (const entry of byRank) {
    const name = Object.hasOwn(table, entry.key)
      ? entry.key
      : (spellings.exact.get(entry.key) ?? spellings.lower.get(entry.key.toLowerCase()))
    if (name === undefined) {
      diagnostics.warning('UNKNOWN_KEY', `unknown key ${entry.key} is ignored`, entry.position, didYouMean(entry.key, Object.keys(table)))
    } else if (found.has(name)) {
      const other = found.get(name)
      const message = `${entry.key} is ignored: ${other?.key ?? name} on line ${other?.position.line ?? 1} says the same`
      diagnostics.warning('KEY_TWICE', message, entry.position, 'delete one of the two lines')
    } else {
      found.set(name, entry)
      noteSpelling(entry, name, table, spellings, diagnostics)
    }
  }
  return found
}

interface Spellings {
  readonly exact: ReadonlyMap<string, string>
  readonly lower: ReadonlyMap<string, string>
}

function spellingTable(table: KeyTable): Spellings {
  const exact = new Map<string, string>()
  const lower = new Map<string, string>()
  for (const [name, { aliases = [] }] of Object.entries(table)) {
    for (const alias of aliases) exact.set(alias, name)
    for (const spelling of [name, ...aliases]) lower.set(spelling.toLowerCase(), name)
  }
  return { exact, lower }
}

function rank(key: string, table: KeyTable, spellings: Spellings): number {
  if (Object.hasOwn(table, key)) return 0
  return spellings.exact.has(key) ? 1 : 2
}

function noteSpelling(entry: YamlEntry, name: string, table: KeyTable, spellings: Spellings, diagnostics: DiagnosticList): void {
  const known = table[name]
  if (entry.key !== name && spellings.exact.has(entry.key)) {
    diagnostics.note('KEY_ALIAS', `${entry.key} is read as ${name}`, entry.position)
  } else if (entry.key !== name) {
    diagnostics.warning('KEY_CASE', `${entry.key} is read as ${name}`, entry.position, `write \`${name}\``)
  }
  if (known?.ignored !== undefined && known.severity !== undefined && !isNull(entry.value)) {
    diagnostics[known.severity]('IGNORED_KEY', `${entry.key} ${known.ignored}`, entry.position)
  }
}
