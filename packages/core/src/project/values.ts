import type { JsonValue } from '../json.ts'
import type { DiagnosticList, Position } from './diagnostic.ts'
import { isNull, type YamlEntry, type YamlMap, type YamlNode } from './parse.ts'

/** What the value of a known key is. `secret` is text that is neither trimmed nor ever printed. */
export type KeyKind = 'text' | 'path' | 'boolean' | 'seconds' | 'list' | 'map' | 'any' | 'secret'

interface KnownKey {
  readonly kind: KeyKind
  /** Other names of the same key. */
  readonly aliases?: readonly string[]
  /** Set for a key that is read and not used: why, as the end of the sentence `KEY …`. */
  readonly ignored?: string
  /** Severity of {@link ignored}; silent when absent. */
  readonly severity?: 'note' | 'warning'
}

export type KeyTable = Readonly<Record<string, KnownKey>>

/** `true`, `True` and the same in quotes; undefined for everything else. */
export function readBoolean(node: YamlNode): boolean | undefined {
  if (node.kind !== 'scalar') return undefined
  const text = node.text.trim()
  if (/^(true|True|TRUE)$/.test(text)) return true
  return /^(false|False|FALSE)$/.test(text) ? false : undefined
}

/** JSON of a value whose key we know nothing of: unquoted words mean what they mean in JSON, everything else is text. */
export function toJson(node: YamlNode): JsonValue {
  if (node.kind === 'list') return node.items.map(toJson)
  if (node.kind === 'map') return Object.fromEntries(node.entries.map((entry) => [entry.key, toJson(entry.value)]))
  if (!node.plain) return node.text
  if (isNull(node)) return null
  return readBoolean(node) ?? readNumber(node.text) ?? node.text
}

/** Decimal numbers as JSON writes them. `010` and `1_000` stay text. */
function readNumber(text: string): number | undefined {
  return /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

/** The value at a path of keys and indexes. */
export function nodeAt(root: YamlNode | undefined, path: readonly (string | number)[]): { node: YamlNode; position: Position } | undefined {
  let node = root
  let position = root?.position
  for (const step of path) {
    if (node?.kind === 'map') {
      const entry = findEntry(node, String(step))
      node = entry?.value
      position = entry?.position
    } else if (node?.kind === 'list') {
      node = node.items[Number(step)]
      position = node?.position
    } else return undefined
  }
  return node === undefined || position === undefined ? undefined : { node, position }
}

/** The entry of a key: exactly so, else the only one that differs in case. */
export function findEntry(map: YamlMap, key: string): YamlEntry | undefined {
  const exact = map.entries.find((entry) => entry.key === key)
  if (exact !== undefined) return exact
  const lower = key.toLowerCase()
  return map.entries.find((entry) => entry.key.toLowerCase() === lower)
}

const kindNames: Readonly<Record<YamlNode['kind'], string>> = { scalar: 'a single value', list: 'a list', map: 'a map' }

/** Text of names, paths, images and addresses: blanks at the ends are cut off, and said. */
export function readText(entry: YamlEntry, diagnostics: DiagnosticList): string | undefined {
  const { key, value, position } = entry
  if (value.kind !== 'scalar') {
    diagnostics.error('WRONG_VALUE', `${key} must be text, not ${kindNames[value.kind]}`, position)
    return undefined
  }
  if (isNull(value)) return undefined
  const trimmed = value.text.trim()
  if (trimmed !== value.text) diagnostics.note('BLANKS_TRIMMED', `blanks around the value of ${key} are left out`, value.position)
  return trimmed === '' ? undefined : trimmed
}

export function readBooleanKey(entry: YamlEntry, diagnostics: DiagnosticList): boolean | undefined {
  if (isNull(entry.value)) return undefined
  const value = readBoolean(entry.value)
  if (value === undefined) {
    diagnostics.error(
      'WRONG_VALUE',
      `${entry.key} must be true or false`,
      entry.value.position,
      `write \`${entry.key}: true\` or \`${entry.key}: false\``,
    )
  }
  return value
}

/** A list of texts; numbers and words stay as they are written. `null` items are errors. */
export function readTextList(entry: YamlEntry, diagnostics: DiagnosticList): readonly string[] | undefined {
  const { key, value, position } = entry
  if (isNull(value)) return undefined
  if (value.kind !== 'list') {
    diagnostics.error('WRONG_VALUE', `${key} must be a list, not ${kindNames[value.kind]}`, position, `write \`${key}: [a, b]\``)
    return undefined
  }
  const texts: string[] = []
  for (const item of value.items) {
    if (item.kind === 'scalar' && !isNull(item)) texts.push(item.text)
    else {
      const what = item.kind === 'scalar' ? 'empty' : kindNames[item.kind]
      diagnostics.error('WRONG_VALUE', `an item of ${key} is ${what}; it must be text`, item.position)
    }
  }
  return texts
}

/** A map of texts, names and values exactly as written. `null` becomes the empty text. */
export function readTextMap(entry: YamlEntry, diagnostics: DiagnosticList): Readonly<Record<string, string>> | undefined {
  const { key, value, position } = entry
  if (isNull(value)) return undefined
  if (value.kind !== 'map') {
    diagnostics.error('WRONG_VALUE', `${key} must be a map of names and values, not ${kindNames[value.kind]}`, position)
    return undefined
  }
  const texts: [string, string][] = []
  for (const inner of value.entries) {
    if (inner.value.kind !== 'scalar') {
      diagnostics.error('WRONG_VALUE', `${key}: the value of ${inner.key} must be text, not ${kindNames[inner.value.kind]}`, inner.position)
    } else texts.push([inner.key, isNull(inner.value) ? '' : inner.value.text])
  }
  return Object.fromEntries(texts)
}

/** A whole number of seconds, 1 or more. */
export function readSeconds(entry: YamlEntry, diagnostics: DiagnosticList): number | undefined {
  if (isNull(entry.value)) return undefined
  const seconds = entry.value.kind === 'scalar' ? readNumber(entry.value.text.trim()) : undefined
  if (seconds !== undefined && Number.isInteger(seconds) && seconds > 0) return seconds
  diagnostics.error('WRONG_VALUE', `${entry.key} must be a whole number of seconds`, entry.value.position)
  return undefined
}
