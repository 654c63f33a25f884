import type { EnvironmentFile } from '../request.ts'
import { readPipItem } from './conda-dependencies.ts'
import { diagnosticList, throwErrors, type Diagnostic } from './diagnostic.ts'
import { readLocalPackages, type LocalPackage } from './local-packages.ts'
import type { Project } from './model.ts'
import { decodeText } from './parse.ts'

/**
 * A `requirements.txt`. `file.canonical` is `{pip, pipOptions}` like that of a conda file. Errors: `CONFIGURATION_INVALID`.
 */
export async function loadRequirements(
  project: Project,
  path: string,
  bytes: Uint8Array,
  skip: readonly string[],
): Promise<{ readonly file: EnvironmentFile; readonly diagnostics: readonly Diagnostic[] }> {
  const diagnostics = diagnosticList(path)
  const text = decodeText(bytes)
  if (text === undefined) diagnostics.error('NOT_UTF8', 'the file is not UTF-8 text', undefined, 'save it with the encoding UTF-8')
  const collected: { pip: string[]; options: (readonly [string, string?])[]; local: LocalPackage[] } = { pip: [], options: [], local: [] }
  const lines = (text ?? '').split(/\r\n|\r|\n/)
  for (let index = 0; index < lines.length; index++) {
    const position = { line: index + 1, column: 1 }
    let line = lines[index] ?? ''
    while (line.endsWith('\\') && index + 1 < lines.length) line = `${line.slice(0, -1)} ${lines[++index] ?? ''}`
    const item = line.replace(/(^|\s)#.*$/, '').trim()
    if (item !== '') readPipItem(item, { position }, new Set(skip), collected, diagnostics)
  }
  const localFiles = await readLocalPackages(project, collected.local, diagnostics)
  throwErrors(diagnostics.list)
  const canonical = {
    pip: [...new Set(collected.pip.map((item) => item.replaceAll(/\s+/g, ' ')))].toSorted(),
    pipOptions: collected.options.flatMap(([option, value]) => (value === undefined ? [option] : [option, value])),
  }
  return { file: { file: path, text: text ?? '', canonical, localFiles }, diagnostics: diagnostics.list }
}
