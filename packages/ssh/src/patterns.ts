/** A pattern of ssh: `*` and `?`, case ignored. */
function matchesPattern(pattern: string, text: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'is').test(text)
}

/** True when a pattern of the list matches and none that begins with `!` does. */
export function matchesPatterns(patterns: readonly string[], text: string): boolean {
  let matches = false
  for (const pattern of patterns) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1), text)) return false
    } else if (matchesPattern(pattern, text)) matches = true
  }
  return matches
}
