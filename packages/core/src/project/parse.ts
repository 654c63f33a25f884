import type { Document, LineCounter, Node, Pair } from 'yaml'
import { diagnosticList, hasErrors, type Diagnostic, type DiagnosticList, type Position } from './diagnostic.ts'
import { findMergeMarks, syntaxProblems } from './syntax.ts'

/** A value of a configuration file with its place. Scalars stay text as written: what `010` or `yes` means is for the reader of a key. */
export type YamlNode = YamlScalar | YamlList | YamlMap

interface YamlScalar {
  readonly kind: 'scalar'
  readonly text: string
  /** Written without quotes: only then can it be null, a boolean or a number. */
  readonly plain: boolean
  readonly position: Position
}

interface YamlList {
  readonly kind: 'list'
  readonly items: readonly YamlNode[]
  readonly position: Position
}

export interface YamlMap {
  readonly kind: 'map'
  /** `{…}`, as in JSON. */
  readonly flow: boolean
  readonly entries: readonly YamlEntry[]
  readonly position: Position
}

export interface YamlEntry {
  readonly key: string
  readonly position: Position
  readonly value: YamlNode
}

export interface ParsedFile {
  readonly file: string
  readonly text: string
  /** Absent when the file is empty or does not parse; `diagnostics` has errors in the latter case. */
  readonly root?: YamlNode
  readonly diagnostics: readonly Diagnostic[]
}

/** Text of a configuration file: UTF-8, a byte order mark is dropped. Undefined when the bytes are no UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Parses YAML 1.1 or JSON. Never half a file: with an error in `diagnostics` there is no `root`. Only of a file whose one fault is a key that
 * is there twice there is one, with the first of the two, so that the file's other problems can be told with it.
 */
export async function parseFile(file: string, bytes: Uint8Array): Promise<ParsedFile> {
  const diagnostics = diagnosticList(file)
  const text = decodeText(bytes)
  if (text === undefined) {
    diagnostics.error('NOT_UTF8', 'the file is not UTF-8 text', undefined, 'save it with the encoding UTF-8')
    return { file, text: '', diagnostics: diagnostics.list }
  }
  findMergeMarks(text, diagnostics)
  if (hasErrors(diagnostics.list)) return { file, text, diagnostics: diagnostics.list }
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, {
    schema: 'failsafe',
    version: '1.1',
    prettyErrors: false,
    uniqueKeys: false,
    lineCounter: lines,
  })
  syntaxProblems(text, document, lines, diagnostics, yaml)
  if (hasErrors(diagnostics.list)) return { file, text, diagnostics: diagnostics.list }
  const root = convert(document, lines, diagnostics, yaml)
  const isBroken = diagnostics.list.some(({ severity, code }) => severity === 'error' && code !== 'DUPLICATE_KEY')
  if (isBroken || root === undefined) return { file, text, diagnostics: diagnostics.list }
  return { file, text, root, diagnostics: diagnostics.list }
}

function convert(document: Document, lines: LineCounter, diagnostics: DiagnosticList, yaml: typeof import('yaml')): YamlNode | undefined {
  const known = new Map<Node, YamlNode>()
  const open = new Set<Node>()

  function position(node: Node | null | undefined, fallback: Position): Position {
    const offset = node?.range?.[0]
    if (offset === undefined) return fallback
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }

  function convertNode(value: Node | null, fallback: Position): YamlNode {
    if (value === null) return { kind: 'scalar', text: '', plain: true, position: fallback }
    const seen = known.get(value)
    if (seen !== undefined) return seen
    const at = position(value, fallback)
    const converted = yaml.isAlias(value) ? alias(value, at) : content(value, at)
    known.set(value, converted)
    return converted
  }

  function alias(value: Node & { source: string; resolve(document: Document): Node | undefined }, at: Position): YamlNode {
    const target = value.resolve(document)
    if (target === undefined || open.has(target)) {
      diagnostics.error('UNKNOWN_ALIAS', `the alias *${value.source} names no earlier value`, at)
      return { kind: 'scalar', text: '', plain: true, position: at }
    }
    return { ...convertNode(target, at), position: at }
  }

  function content(value: Node, at: Position): YamlNode {
    if (yaml.isScalar(value)) {
      const plain = (value.type ?? 'PLAIN') === 'PLAIN' && value.tag === undefined
      return { kind: 'scalar', text: typeof value.value === 'string' ? value.value : '', plain, position: at }
    }
    open.add(value)
    const collection = yaml.isMap<Node, Node | null>(value) ? map(value, at) : list(yaml.isSeq<Node>(value) ? value.items : [], at)
    open.delete(value)
    return collection
  }

  function list(items: readonly Node[], at: Position): YamlList {
    return { kind: 'list', items: items.map((item) => convertNode(item, at)), position: at }
  }

  function map(value: { items: Pair<Node, Node | null>[]; flow?: boolean }, at: Position): YamlMap {
    const entries = new Map<string, YamlEntry>()
    const merged: YamlEntry[] = []
    for (const pair of value.items) {
      const place = position(pair.key, at)
      if (!yaml.isScalar(pair.key)) {
        diagnostics.error('KEY_NOT_TEXT', 'a key must be text', place)
        continue
      }
      const key = String(pair.key.value)
      const entry = { key, position: place, value: convertNode(pair.value ?? null, place) }
      const first = entries.get(key)
      if (key === '<<' && pair.key.type === 'PLAIN') merged.push(...mergeEntries(entry.value))
      else if (first !== undefined) {
        const message = `the key ${key} is here and on line ${first.position.line}`
        diagnostics.error('DUPLICATE_KEY', message, place, 'delete one of the two lines')
      } else entries.set(key, entry)
    }
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry)
    return { kind: 'map', flow: value.flow === true, entries: [...entries.values()], position: at }
  }

  function mergeEntries(value: YamlNode): readonly YamlEntry[] {
    if (value.kind === 'map') return value.entries
    return value.kind === 'list' ? value.items.flatMap(mergeEntries) : []
  }

  const contents = document.contents
  if (contents === null) return undefined
  const root = convertNode(contents, { line: 1, column: 1 })
  return root.kind === 'scalar' && isNull(root) && root.text === '' ? undefined : root
}

/** `null`, `~` or nothing at all, without quotes. */
export function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.plain && /^(~|null|Null|NULL|)$/.test(node.text)
}
