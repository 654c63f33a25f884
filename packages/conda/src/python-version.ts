import { specName } from './content.ts'

/** Whether a version of Python is one that a conda spec (`python=3.6`, `python >=3.6,<3.8`) asks for. False for what only conda understands. */
export function pythonFits(spec: string, version: string): boolean {
  const rest = spec.trim().replace(/^python\s*/i, '')
  if (rest === '' || rest === '*') return true
  // `=3.6` is any 3.6; `3.6` after a blank and `==3.6` are that very version.
  const clauses = (/^=?[\d]/.test(rest) && !rest.startsWith('==') && rest.startsWith('=') ? `${rest.slice(1)}.*` : rest).split(',')
  return clauses.every((clause) => clauseHolds(clause.trim().replace(/(\.\*)+$/, '.*'), version))
}

function clauseHolds(clause: string, version: string): boolean {
  const [, operator = '', wanted = '', star] = /^(==|!=|>=|<=|>|<|~=)?\s*([\d.]+?)(\.\*|\*)?$/.exec(clause) ?? []
  if (wanted === '') return false
  const order = compareVersions(version, wanted)
  const begins = `${version}.`.startsWith(`${wanted}.`)
  switch (operator) {
    case '':
    case '==':
      return star === undefined ? order === 0 : begins
    case '!=':
      return star === undefined ? order !== 0 : !begins
    case '>=':
      return order >= 0
    case '>':
      return order > 0
    case '<=':
      return order <= 0
    case '<':
      return order < 0
    default:
      return order >= 0 && `${version}.`.startsWith(`${wanted.split('.').slice(0, -1).join('.')}.`)
  }
}

/** Negative, zero or positive; a missing part counts as 0. */
export function compareVersions(a: string, b: string): number {
  const [first, second] = [a.split('.').map(Number), b.split('.').map(Number)]
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    const difference = (first[index] ?? 0) - (second[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The spec of Python among conda specs. */
export function pythonSpec(specs: readonly string[]): string | undefined {
  return specs.find((spec) => specName(spec) === 'python')
}
