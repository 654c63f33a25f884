import { styleText } from 'node:util'
import type { Diagnostic } from '@errand/core/project'

const colours = { error: 'red', warning: 'yellow', note: 'dim' } as const

/** `file:line:column: severity: message`, as editors and build servers read it; what mends it on a line below. */
export function lintLines({ file, line, column, severity, message, hint }: Diagnostic): string {
  const place = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':')
  const word = styleText(colours[severity], severity, { stream: process.stdout })
  return `${place}: ${word}: ${message}\n${hint === undefined ? '' : `    ${hint}\n`}`
}

/** How many files and problems there are. */
export function lintSummary(files: number, diagnostics: readonly Diagnostic[]): string {
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
  const of = (severity: Diagnostic['severity']) => diagnostics.filter((diagnostic) => diagnostic.severity === severity).length
  return `${count(files, 'file')}, ${count(of('error'), 'error')}, ${count(of('warning'), 'warning')}\n`
}
