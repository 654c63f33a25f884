/** Edits (insert, delete, replace, swap of neighbours) between two words. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let best = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1)
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return last[b.length] ?? 0
}

/** Candidates that a typing mistake could have turned into `name`, nearest first, three at most. Case counts for nothing. */
export function nearNames(name: string, candidates: readonly string[]): readonly string[] {
  const wanted = name.toLowerCase()
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  return candidates
    .map((candidate) => ({ candidate, edits: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= limit || (wanted.length >= 3 && candidate.toLowerCase().startsWith(wanted)))
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** `did you mean x or y?`, or undefined when nothing is near. */
export function didYouMean(name: string, candidates: readonly string[]): string | undefined {
  return meantOne(nearNames(name, candidates))
}

/** The same of names that were found already. */
export function meantOne(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : `did you mean ${names.join(' or ')}?`
}
