import type { JsonValue } from '../json.ts'
import { hasErrors, diagnosticList, type DiagnosticList } from './diagnostic.ts'
import { computeKeys } from './compute-keys.ts'
import { targetRules } from './compute-rules.ts'
import type { TargetFile } from './model.ts'
import { isNull, type ParsedFile, type YamlEntry, type YamlMap } from './parse.ts'
import { cloudTypes, targetTypes } from './target-types.ts'
import { findEntry, nodeAt, readBoolean, readBooleanKey, readText, toJson } from './values.ts'

/** A target file as far as it could be read: `type` is absent when that is what is wrong. */
export type ReadTarget = Omit<TargetFile, 'type'> & { readonly type?: string }

/** Parse, normalise, rules of a `.compute` file, without its type's schema. Errors are in `diagnostics`. */
export function readTarget(name: string, parsed: ParsedFile): ReadTarget {
  const diagnostics = diagnosticList(parsed.file)
  diagnostics.list.push(...parsed.diagnostics)
  const root = parsed.root
  const found = {
    name,
    file: parsed.file,
    diagnostics: diagnostics.list,
    position: (...path: readonly (string | number)[]) => nodeAt(root, path)?.position,
    textOf(key: string) {
      const value = root?.kind === 'map' ? findEntry(root, key)?.value : undefined
      return value?.kind === 'scalar' ? value.text : undefined
    },
  }
  if (root === undefined && !hasErrors(parsed.diagnostics)) diagnostics.error('EMPTY_FILE', 'the file is empty', undefined, typesHint)
  if (root !== undefined && root.kind !== 'map') {
    diagnostics.error('NOT_A_MAP', 'the file must hold lines of the form `key: value`', root.position, typesHint)
  }
  if (root?.kind !== 'map') return { ...found, values: {} }
  const values = readValues(root, diagnostics)
  const type = readType(root, values, diagnostics)
  if (type === undefined) return { ...found, values }
  const rest = Object.fromEntries(Object.entries(values).filter(([key]) => key !== 'type'))
  const target = { ...found, type, values: rest }
  targetRules(target, diagnostics)
  return target
}

const typesHint = `write \`type: local\`; the types are ${targetTypes.map(({ type }) => type).join(', ')}`

/** Known spellings, tidied values. Keys that nobody here knows stay for the schema of the type. */
function readValues(root: YamlMap, diagnostics: DiagnosticList): Readonly<Record<string, JsonValue>> {
  const names = new Map([...Object.keys(computeKeys), 'type'].map((name) => [name.toLowerCase(), name]))
  const values: [string, JsonValue][] = []
  for (const entry of root.entries) {
    const name = names.get(entry.key.toLowerCase()) ?? entry.key
    if (name !== entry.key) {
      if (root.entries.some((other) => other.key === name)) {
        diagnostics.warning('KEY_TWICE', `${entry.key} is ignored: ${name} says the same`, entry.position, 'delete one of the two lines')
        continue
      }
      diagnostics.warning('KEY_CASE', `${entry.key} is read as ${name}`, entry.position, `write \`${name}\``)
    }
    const value = readValue(name, entry, diagnostics)
    if (value !== undefined && value !== null) values.push([name, value])
  }
  return Object.fromEntries(values)
}

function readValue(name: string, entry: YamlEntry, diagnostics: DiagnosticList): JsonValue | undefined {
  if (isNull(entry.value)) return undefined
  const kind = name === 'type' ? 'text' : (computeKeys[name]?.kind ?? 'any')
  if (kind === 'boolean') return readBooleanKey(entry, diagnostics)
  if (kind === 'secret') return entry.value.kind === 'scalar' ? entry.value.text : toJson(entry.value)
  if (kind === 'any') {
    const value = toJson(entry.value)
    return typeof value === 'string' ? value.trim() : value
  }
  const text = readText(entry, diagnostics)
  return kind === 'path' && text !== undefined && !/^[A-Za-z]:\\/.test(text) ? text.replaceAll('\\', '/') : text
}

function readType(root: YamlMap, values: Readonly<Record<string, JsonValue>>, diagnostics: DiagnosticList): string | undefined {
  const written = values['type']
  if (written === undefined)
    return ['list', 'map'].includes(findEntry(root, 'type')?.value.kind ?? '') ? undefined : legacyType(root, diagnostics)
  if (typeof written !== 'string') return undefined
  const position = findEntry(root, 'type')?.value.position
  const word = written.toLowerCase()
  const known = targetTypes.find(({ type, aliases }) => type === word || aliases.includes(word))
  if (known !== undefined && written !== word) diagnostics.note('TYPE_CASE', `type ${written} is read as ${word}`, position)
  if (word === 'virtualmachine') {
    diagnostics.note('TYPE_LEGACY', 'type virtualmachine is read as remotedocker', position, 'write `type: remotedocker`')
  }
  if (known !== undefined) return known.type
  if (!cloudTypes.includes(word)) return written
  diagnostics.error('TYPE_CLOUD', `type ${written} is a cloud service, not a Workbench target`, position, typesHint)
  return undefined
}

/** The first months had no `type`: two booleans said it, or the address alone. */
function legacyType(root: YamlMap, diagnostics: DiagnosticList): string | undefined {
  const flag = (key: string): boolean | undefined => {
    const entry = findEntry(root, key)
    return entry === undefined ? undefined : readBoolean(entry.value)
  }
  const cluster = flag('cluster')
  const native = flag('native')
  const agreed = cluster ?? native
  const address = findEntry(root, 'address')
  const conflict = cluster !== undefined && native !== undefined && cluster !== native
  if (conflict || address === undefined || isNull(address.value)) {
    const what = conflict ? 'no type, and cluster and native contradict each other' : 'no type and no address'
    diagnostics.error('TYPE_MISSING', what, root.position, typesHint)
    return undefined
  }
  const type = agreed === true ? 'cluster' : 'remotedocker'
  diagnostics.note('TYPE_LEGACY', `no type: read as ${type}`, root.position, `write \`type: ${type}\``)
  return type
}
