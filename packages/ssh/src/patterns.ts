/** A pattern of ssh: `*` and `?`. */
function matchesPattern(pattern: string, text: string, flags: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, flags).test(text)
}

/** True when a pattern of the list matches and none that begins with `!` does. Case is ignored, as for names of machines, unless `exactly`. */
export function matchesPatterns(patterns: readonly string[], text: string, { exactly = false } = {}): boolean {
  const flags = exactly ? 's' : 'is'
  let matches = false
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1), text, flags)) return false
    } else if (matchesPattern(pattern, text, flags)) matches = true
  }
  return matches
}
