import type { Document, LineCounter, Node } from 'yaml'
import type { DiagnosticList, Position } from './diagnostic.ts'
import { mayPrintLine } from './secret-text.ts'

type Yaml = typeof import('yaml')

/** Conflict marks of git at the start of a line: never a file that somebody finished. */
export function findMergeMarks(text: string, diagnostics: DiagnosticList): void {
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (!/^(<{7}|={7}|>{7}|\|{7})(?= |$)/.test(line)) continue
    diagnostics.error(
      'MERGE_MARK',
      `unresolved merge: the line begins with ${line.slice(0, 7)}`,
      { line: index + 1, column: 1 },
      'keep one of the two versions and delete the lines with <<<<<<<, ======= and >>>>>>>',
    )
    return
  }
}

/** What forbids the file to be loaded: the rules of ours where the parser is lenient, then the parser's first error. */
export function syntaxProblems(text: string, document: Document.Parsed, lines: LineCounter, diagnostics: DiagnosticList, yaml: Yaml): void {
  const errorLines = new Set(document.errors.map((error) => lines.linePos(error.pos[0]).line))
  const layout = readLayout(text, document, lines, yaml)
  const tabs = tabLines(text, layout, errorLines)
  for (const line of tabs) tabError(text, line, diagnostics)
  if (tabs.length > 0) return
  const joined = missingBlanks(text, errorLines)
  for (const line of joined) {
    const message = 'a blank is missing after the colon of the key'
    diagnostics.error(
      'MISSING_BLANK',
      message,
      { line, column: 1 },
      'YAML needs `key: value`; only JSON between { } may leave the blank out',
    )
  }
  if (joined.length > 0) return
  if (document.errors.length > 0) return parserError(text, document, lines, layout, diagnostics)
  for (const line of layout.swallowedItems) {
    const column = (textLines(text)[line - 1] ?? '').indexOf('-') + 1
    diagnostics.error(
      'YAML_SYNTAX',
      'wrong indentation: the item belongs to the one above',
      { line, column },
      'begin all items of a list in the same column',
    )
  }
  for (const scalar of layout.brokenFlowScalars) {
    const end = lines.linePos(scalar).line
    const message = 'a value without quotes runs on into the next line: a comma is missing, or a character too many'
    diagnostics.error('YAML_SYNTAX', message, { line: end, column: lines.linePos(scalar).col }, `look at the end of line ${end}`)
  }
}

interface Layout {
  /** Lines on which a key or item begins behind a tab. */
  readonly tabbed: ReadonlySet<number>
  /** Offsets of unquoted values inside {…} or […] that hold a line end. */
  readonly brokenFlowScalars: readonly number[]
  /** Lines that begin with `- ` and that YAML takes for the rest of the item above, because they are indented further. */
  readonly swallowedItems: readonly number[]
  /** Start and end offsets of quoted values. */
  readonly quoted: readonly (readonly [number, number])[]
  /** Offsets at which {…} and […] begin that stand in no other. */
  readonly flows: readonly number[]
}

function readLayout(text: string, document: Document.Parsed, lines: LineCounter, yaml: Yaml): Layout {
  const tabbed = new Set<number>()
  const brokenFlowScalars: number[] = []
  const swallowedItems: number[] = []
  const quoted: [number, number][] = []
  const flows: number[] = []

  function begins(node: Node | null | undefined): void {
    const offset = node?.range?.[0]
    if (offset === undefined) return
    const { line } = lines.linePos(offset)
    const prefix = text.slice(lines.lineStarts[line - 1] ?? 0, offset)
    if (prefix.includes('\t') && /^[\s\-?:\uFEFF]*$/.test(prefix)) tabbed.add(line)
  }

  function scalar(node: Node & { type?: string }, inFlow: boolean): void {
    const [start, end] = node.range ?? [0, 0]
    if (node.type?.startsWith('QUOTE') === true) quoted.push([start, end])
    if (node.type !== 'PLAIN') return
    const [, ...rest] = text.slice(start, end).split(/\r\n|\r|\n/)
    if (rest.length > 0 && inFlow) brokenFlowScalars.push(start)
    if (inFlow) return
    const first = lines.linePos(start).line
    for (const [index, line] of rest.entries()) if (/^ *\t/.test(line)) tabbed.add(first + index + 1)
  }

  function walk(node: unknown, inFlow: boolean): void {
    if (yaml.isScalar(node)) scalar(node, inFlow)
    if (yaml.isMap<Node, Node | null>(node)) {
      const flow = inFlow || node.flow === true
      if (flow && !inFlow && node.range) flows.push(node.range[0])
      for (const pair of node.items) {
        if (!flow) begins(pair.key)
        walk(pair.key, flow)
        walk(pair.value, flow)
      }
    }
    if (yaml.isSeq<Node>(node)) {
      const flow = inFlow || node.flow === true
      if (flow && !inFlow && node.range) flows.push(node.range[0])
      for (const item of node.items) {
        if (!flow && yaml.isCollection(item) && item.flow !== true) begins(item)
        if (!flow) dashes(item)
        if (!flow && yaml.isScalar(item) && item.type === 'PLAIN') swallowed(item)
        walk(item, flow)
      }
    }
  }

  /** `-` behind a tab; a tab between `-` and a plain value is fine. */
  function dashes(item: Node | null): void {
    const offset = item?.range?.[0]
    if (offset === undefined) return
    const { line } = lines.linePos(offset)
    if (/^ *\t\s*-/.test(text.slice(lines.lineStarts[line - 1] ?? 0, offset))) tabbed.add(line)
  }

  function swallowed(item: Node): void {
    const [start, end] = item.range ?? [0, 0]
    const [, ...rest] = textLines(text.slice(start, end))
    const index = rest.findIndex((line) => /^\s*- /.test(line))
    if (index >= 0) swallowedItems.push(lines.linePos(start).line + 1 + index)
  }

  walk(document.contents, false)
  return { tabbed, brokenFlowScalars, swallowedItems, quoted, flows }
}

function textLines(text: string): string[] {
  return text.split(/\r\n|\r|\n/)
}

function tabLines(text: string, layout: Layout, errorLines: ReadonlySet<number>): number[] {
  const found: number[] = []
  for (const [index, line] of textLines(text).entries()) {
    const number = index + 1
    const leading = /^ *\t\s*[^\s#]/.test(line)
    if (layout.tabbed.has(number) || (leading && errorLines.has(number))) found.push(number)
  }
  return found
}

function tabError(text: string, line: number, diagnostics: DiagnosticList): void {
  const written = textLines(text)[line - 1] ?? ''
  const column = written.indexOf('\t') + 1
  const [indentation = ''] = /^[\s\-?]*/.exec(written) ?? []
  const fixed = indentation.replaceAll(/(?<=[-?])\t+/g, ' ').replaceAll('\t', '  ') + written.slice(indentation.length)
  const hint = mayPrintLine(fixed) ? `write it with blanks: \`${fixed.trimEnd()}\`` : 'write two blanks for each tab'
  diagnostics.error('TAB_INDENTATION', 'tab used for indentation', { line, column }, hint)
}

function missingBlanks(text: string, errorLines: ReadonlySet<number>): number[] {
  const found: number[] = []
  if (/^\s*[{[]/.test(text)) return found
  for (const [index, line] of textLines(text).entries()) {
    const joined = /^\s*(- *)?("[^"]*"|'[^']*'|[A-Za-z_][\w.]*):(?=[^\s/])/.test(line)
    if (joined && errorLines.has(index + 1)) found.push(index + 1)
  }
  return found
}

/** What the parser says of a bracket that the next key ends. */
const unclosed = 'and end with a'

/** Our sentences for what the parser calls its errors; the first that fits. */
const sentences: readonly (readonly [code: string, part: string, sentence: string])[] = [
  ['MISSING_CHAR', 'Missing closing', 'a quote is opened here and never closed'],
  ['MISSING_CHAR', 'Implicit map keys', 'a key without a colon'],
  ['MISSING_CHAR', '', 'a bracket or brace is not closed'],
  ['MULTILINE_IMPLICIT_KEY', '', 'a key without a colon, or a value that is not indented'],
  ['BLOCK_AS_IMPLICIT_KEY', '', 'a second `key: value` on one line'],
  ['BAD_INDENT', unclosed, 'a bracket or brace is opened here and not closed'],
  ['BAD_INDENT', '', 'wrong indentation'],
  ['BAD_SCALAR_START', '', 'a value that begins with this character needs quotes'],
  ['MULTIPLE_DOCS', '', 'a second document begins here; one is allowed'],
  ['TAB_AS_INDENT', '', 'tab used for indentation'],
  ['UNEXPECTED_TOKEN', '', 'this does not belong here'],
]

const unmended = 'nothing of the file is used until it is mended'

function parserError(text: string, document: Document.Parsed, lines: LineCounter, layout: Layout, diagnostics: DiagnosticList): void {
  const [first] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0])
  if (first === undefined) return
  const quote = first.message.startsWith('Missing closing') ? layout.quoted.findLast(([, end]) => end >= first.pos[0] - 1) : undefined
  const json = jsonError(text)
  const bracket = first.message.includes(unclosed) ? layout.flows.findLast((start) => start < first.pos[0]) : undefined
  const offset = quote?.[0] ?? json?.offset ?? bracket ?? first.pos[0]
  const { line, col } = lines.linePos(offset)
  const deeper = deeperLine(text, line, col, first.code)
  if (deeper !== undefined) return diagnostics.error('YAML_SYNTAX', 'wrong indentation', deeper, unmended)
  const comma = first.message.startsWith('Missing , between') || json?.comma === true
  const sentence = comma
    ? `a comma is missing before this, at the end of line ${lines.linePos(text.slice(0, offset).trimEnd().length).line}`
    : sentences.find(([code, part]) => first.code === code && first.message.includes(part))?.[2]
  const position: Position = { line, column: col }
  diagnostics.error('YAML_SYNTAX', sentence ?? 'this is not valid YAML', position, unmended)
}

/** The line after a value that ends on its own line, when it is indented further: the parser blames the value for it. */
function deeperLine(text: string, line: number, column: number, code: string): Position | undefined {
  if (code !== 'BLOCK_AS_IMPLICIT_KEY' && code !== 'MULTILINE_IMPLICIT_KEY') return undefined
  const all = textLines(text)
  const blamed = all[line - 1] ?? ''
  if (/:(\s|$)/.test(blamed.slice(column - 1))) return undefined
  const next = all.findIndex((content, index) => index >= line && /^\s*[^\s#]/.test(content))
  const indentation = next < 0 ? 0 : (all[next] ?? '').search(/\S/)
  return indentation > blamed.search(/\S/) ? { line: next + 1, column: indentation + 1 } : undefined
}

/** Where JSON.parse stops: closer to the mistake than YAML's reading of a file that is meant as JSON. */
function jsonError(text: string): { readonly offset: number; readonly comma: boolean } | undefined {
  if (!/^\s*[{[]/.test(text) || /^\s*(#|\/\/)/m.test(text)) return undefined
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const position = /at position (\d+)/.exec(message)?.[1]
    if (position === undefined) return undefined
    const offset = Number(position)
    return {
      offset,
      comma: message.startsWith("Expected ','") && /[\r\n]\s*$/.test(text.slice(0, offset)) && offset < text.trimEnd().length,
    }
  }
}
