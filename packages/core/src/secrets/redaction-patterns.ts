/** The byte sequences to look for, made ready for a quick search. */
export interface Patterns {
  /** A search of one buffer, to be called with growing positions: the first match at or behind `from`, the longest of those that start there. */
  finder(bytes: Buffer): (from: number) => Match | undefined
  /** Where the first tail of `bytes`, at or behind `from`, begins that is the beginning of a pattern; the length of `bytes` if none is. */
  unfinished(bytes: Buffer, from: number): number
}

interface Match {
  readonly start: number
  readonly end: number
}

const shortestSecret = 4
const shortestEncodedSecret = 6

/** Undefined when there is nothing to look for. */
export function createPatterns(secrets: readonly string[]): Patterns | undefined {
  const texts = new Set(secrets.filter((secret) => secret.length >= shortestSecret).flatMap(formsOf))
  const longestFirst = [...texts].map((text) => Buffer.from(text)).toSorted((a, b) => b.length - a.length)
  const longest = longestFirst[0]?.length
  if (longest === undefined) return undefined
  // A pattern that begins with another is found through that one.
  const roots = longestFirst.filter((pattern) => !longestFirst.some((other) => other.length < pattern.length && startsWith(pattern, other)))
  return {
    finder: (bytes) => createFinder(bytes, roots, longestFirst),
    unfinished: (bytes, from) => findUnfinished(bytes, Math.max(from, bytes.length - longest + 1), longestFirst),
  }
}

/** Remembers the next hit of each root, so that many hits of one do not search for the others again. */
function createFinder(bytes: Buffer, roots: readonly Buffer[], longestFirst: readonly Buffer[]): (from: number) => Match | undefined {
  const next = roots.map(() => -1)
  return (from) => {
    let start = Infinity
    for (const [index, root] of roots.entries()) {
      let hit = next[index] ?? -1
      if (hit < from) {
        const found = bytes.indexOf(root, from)
        hit = found === -1 ? Infinity : found
        next[index] = hit
      }
      if (hit < start) start = hit
    }
    if (start === Infinity) return undefined
    const pattern = longestFirst.find((candidate) => matchesAt(bytes, start, candidate))
    return pattern && { start, end: start + pattern.length }
  }
}

function findUnfinished(bytes: Buffer, from: number, longestFirst: readonly Buffer[]): number {
  let first = bytes.length
  for (const pattern of longestFirst) {
    const initial = pattern[0] ?? 0
    let start = bytes.indexOf(initial, Math.max(from, bytes.length - pattern.length + 1))
    while (start !== -1 && start < first) {
      if (bytes.compare(pattern, 0, bytes.length - start, start) === 0) {
        first = start
        break
      }
      start = bytes.indexOf(initial, start + 1)
    }
  }
  return first
}

function matchesAt(bytes: Buffer, start: number, pattern: Buffer): boolean {
  return start + pattern.length <= bytes.length && bytes.compare(pattern, 0, pattern.length, start, start + pattern.length) === 0
}

function startsWith(bytes: Buffer, beginning: Buffer): boolean {
  return matchesAt(bytes, 0, beginning)
}

/** The secret as it is, and as the usual encoders write it. */
function formsOf(secret: string): readonly string[] {
  if (secret.length < shortestEncodedSecret) return [secret]
  const percent = encodeURIComponent(secret.toWellFormed())
  return [secret, JSON.stringify(secret).slice(1, -1), percent, percent.replaceAll('%20', '+'), ...base64Forms(Buffer.from(secret))]
}

/**
 * Alone, with and without padding; and in the midst of other bytes, where the characters that hold bits of a neighbour are unknown. Each in
 * both alphabets.
 */
function base64Forms(bytes: Buffer): readonly string[] {
  const alone = bytes.toString('base64')
  const inside = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const whole = Math.floor(((before + bytes.length) * 8) / 6)
    return encoded.slice(before === 0 ? 0 : before + 1, whole)
  })
  const forms = [alone, alone.replaceAll('=', ''), ...inside]
  return [...forms, ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))]
}
