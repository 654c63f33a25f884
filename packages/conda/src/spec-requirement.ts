import { specName } from './content.ts'

/** A conda spec in the words of pip: `numpy=1.18` is `numpy==1.18.*`. Channel and build have no counterpart and are left out. */
export function requirementOf(spec: string): string {
  const [version = ''] = spec
    .trim()
    .replace(/^(?:[^\s:]+::)?[\w.-]+\s*/, '')
    .split(/(?<=\d\S*)[=\s](?=[a-z])/i)
  const name = specName(spec)
  const text = version.trim()
  if (text === '' || text === '*') return name
  const clauses = text.split(',').map((clause) => {
    const [, operator = '', wanted = ''] = /^([<>=!~]*)\s*(.*)$/.exec(clause.trim()) ?? []
    const exact = wanted.replace(/(\.\*)+$/, '')
    if (operator === '=') return `==${exact}.*`
    return operator === '' ? `==${wanted}` : `${operator}${wanted}`
  })
  return `${name}${clauses.join(',')}`
}
