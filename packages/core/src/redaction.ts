import type { JsonValue } from './json.ts'
import { createPatterns, type Patterns } from './secrets/redaction-patterns.ts'

/** What stands in the place of a secret. */
const redactionMark = '***'
const mark = Buffer.from(redactionMark)

/** Takes secrets out of what is shown and stored. Holds the bytes of each stream that may yet become a secret. */
export interface Redactor {
  /**
   * The bytes of `stream` that are ready to be shown, secrets replaced. Bytes at the end that could be the beginning of a secret are held
   * back until the next call: at most the length of the longest secret (or of its encoded form) less one. The result may be a view of `data`.
   */
  push(stream: string, data: Uint8Array): Uint8Array
  /** What is still held of `stream`, once no more bytes can come. */
  flush(stream: string): Uint8Array
  /** Whether bytes of any stream are held back. */
  holds(): boolean
  /** A whole text: a message, a line, a command. */
  redactText(text: string): string
  /** All texts and keys of a value; numbers stay, since a short numeric secret would eat every metric. */
  redactJson(value: JsonValue): JsonValue
}

/**
 * Replaces every occurrence of the secrets that `values` names at the time of the call, as they are and as they come out of the usual
 * encoders: base64 (also in the midst of a longer text, as in a basic authorization header), percent encoding, JSON. Where several could
 * be replaced, the one that begins first is, and of these the longest; so the result does not depend on how the bytes were cut.
 *
 * Secrets of fewer than 4 characters are left alone, and of fewer than 6 no encoded form is looked for: they would match by chance.
 */
export function createRedactor(values: () => readonly string[]): Redactor {
  const held = new Map<string, Buffer>()
  const currentPatterns = rememberPatterns(values)
  const redactText = (text: string): string => {
    const patterns = currentPatterns()
    if (patterns === undefined) return text
    const bytes = Buffer.from(text)
    const { output } = redact(patterns, bytes, false)
    return output === bytes ? text : output.toString()
  }
  return {
    push(stream, data) {
      const before = held.get(stream)
      const patterns = currentPatterns()
      if (patterns === undefined && before === undefined) return data
      const bytes = before === undefined ? asBuffer(data) : Buffer.concat([before, data])
      held.delete(stream)
      if (patterns === undefined) return bytes
      const { output, rest } = redact(patterns, bytes, true)
      // A copy: the caller may use its buffer again.
      if (rest.length > 0) held.set(stream, Buffer.from(rest))
      return output
    },
    flush(stream) {
      const before = held.get(stream)
      if (before === undefined) return new Uint8Array(0)
      held.delete(stream)
      const patterns = currentPatterns()
      return patterns === undefined ? before : redact(patterns, before, false).output
    },
    holds: () => held.size > 0,
    redactText,
    redactJson: (value) => mapTexts(value, redactText),
  }
}

/** Patterns are made again only when the list of secrets has changed. */
function rememberPatterns(values: () => readonly string[]): () => Patterns | undefined {
  let known: readonly string[] = []
  let patterns: Patterns | undefined
  return () => {
    const now = values()
    if (now.length !== known.length || now.some((value, index) => value !== known[index])) {
      known = [...now]
      patterns = createPatterns(known)
    }
    return patterns
  }
}

/** `output` is `bytes` itself when nothing in it was replaced or held. With `more`, `rest` may become a secret and is held. */
function redact(patterns: Patterns, bytes: Buffer, more: boolean): { readonly output: Buffer; readonly rest: Buffer } {
  const pieces: Buffer[] = []
  const find = patterns.finder(bytes)
  let position = 0
  let hold = more ? patterns.unfinished(bytes, 0) : bytes.length
  for (;;) {
    const match = find(position)
    if (match === undefined || match.start >= hold) break
    pieces.push(bytes.subarray(position, match.start), mark)
    position = match.end
    if (more && hold < position) hold = patterns.unfinished(bytes, position)
  }
  const rest = bytes.subarray(hold)
  if (pieces.length === 0 && rest.length === 0) return { output: bytes, rest }
  pieces.push(bytes.subarray(position, hold))
  return { output: pieces.length === 1 ? bytes.subarray(0, hold) : Buffer.concat(pieces), rest }
}

function mapTexts(value: JsonValue, change: (text: string) => string): JsonValue {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((item: JsonValue) => mapTexts(item, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]: [string, JsonValue]) => [change(key), mapTexts(item, change)]))
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
