import type { DiagnosticList } from './diagnostic.ts'
import type { YamlEntry } from './parse.ts'

/** `Python` or `PySpark` in any case; the successor's others need its cloud services. */
export function frameworkWord(entry: YamlEntry, written: string, diagnostics: DiagnosticList): 'python' | 'pyspark' | undefined {
  const word = written.toLowerCase()
  if (word === 'python' || word === 'pyspark') return word
  const message = `${entry.key} ${written} is not supported; Python and PySpark are`
  diagnostics.error('FRAMEWORK_UNKNOWN', message, entry.value.position, `write \`${entry.key}: Python\` or \`${entry.key}: PySpark\``)
  return undefined
}
