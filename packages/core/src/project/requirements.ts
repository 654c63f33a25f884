import { posix } from 'node:path'
import type { EnvironmentFile } from '../request.ts'
import { readPipItem } from './conda-dependencies.ts'
import { diagnosticList, throwErrors, type Diagnostic, type DiagnosticList } from './diagnostic.ts'
import { insideProject } from './files.ts'
import { readLocalPackages, type LocalPackage } from './local-packages.ts'
import type { Project } from './model.ts'
import { decodeText } from './parse.ts'
import { readIfPresent } from './run-configurations.ts'

interface Collected {
  readonly pip: string[]
  readonly options: (readonly [string, string?])[]
  readonly local: LocalPackage[]
  /** Files that were read because another names them, by their path in the project. */
  readonly included: Set<string>
}

/**
 * A `requirements.txt`, with the files that it names with `-r`, or a `pyproject.toml`. `file.canonical` is `{pip, pipOptions}` like that of a
 * conda file. Errors: `CONFIGURATION_INVALID`.
 */
export async function loadRequirements(
  project: Project,
  path: string,
  bytes: Uint8Array,
  skip: readonly string[],
): Promise<{ readonly file: EnvironmentFile; readonly diagnostics: readonly Diagnostic[] }> {
  if (path.endsWith('.toml')) {
    const { loadPyproject } = await import('./pyproject.ts')
    return loadPyproject(project, path, bytes, skip)
  }
  const diagnostics = diagnosticList(path)
  const text = decodeText(bytes)
  const collected: Collected = { pip: [], options: [], local: [], included: new Set([path]) }
  await readLines(project, { path, text }, new Set(skip), collected, diagnostics)
  const localFiles = await readLocalPackages(project, collected.local, diagnostics)
  throwErrors(diagnostics.list)
  const canonical = {
    pip: [...new Set(collected.pip.map((item) => item.replaceAll(/\s+/g, ' ')))].toSorted(),
    pipOptions: collected.options.flatMap(([option, value]) => (value === undefined ? [option] : [option, value])),
  }
  return { file: { file: path, text: text ?? '', canonical, localFiles }, diagnostics: diagnostics.list }
}

async function readLines(
  project: Project,
  { path, text }: { readonly path: string; readonly text: string | undefined },
  skip: ReadonlySet<string>,
  collected: Collected,
  diagnostics: DiagnosticList,
): Promise<void> {
  if (text === undefined) diagnostics.error('NOT_UTF8', 'the file is not UTF-8 text', undefined, 'save it with the encoding UTF-8')
  const lines = (text ?? '').split(/\r\n|\r|\n/)
  for (let index = 0; index < lines.length; index++) {
    const position = { line: index + 1, column: 1 }
    let line = lines[index] ?? ''
    while (line.endsWith('\\') && index + 1 < lines.length) line = `${line.slice(0, -1)} ${lines[++index] ?? ''}`
    const item = line.replace(/(^|\s)#.*$/, '').trim()
    const other = /^(?:-r|--requirement)(?:\s+|=)?(?![-\w]*:\/\/)(\S+)$/.exec(item)?.[1]
    if (other !== undefined) await include(project, path, other, skip, collected, diagnostics, position.line)
    else if (item !== '') readPipItem(item, { position }, skip, collected, diagnostics)
  }
}

/** As with pip, the path is relative to the file that names it. */
async function include(
  project: Project,
  from: string,
  named: string,
  skip: ReadonlySet<string>,
  collected: Collected,
  diagnostics: DiagnosticList,
  line: number,
): Promise<void> {
  const path = insideProject(project, posix.join(posix.dirname(from), named.replaceAll('\\', '/')))
  const bytes = path === undefined ? undefined : await readIfPresent(project, path)
  if (path === undefined || bytes === undefined) {
    const why = path === undefined ? 'is outside the project' : 'does not exist'
    diagnostics.error('LOCAL_PATH', `${named} ${why}`, { line, column: 1 }, 'write a path relative to this file')
    return
  }
  if (collected.included.has(path)) return
  collected.included.add(path)
  const own = diagnosticList(path)
  await readLines(project, { path, text: decodeText(bytes) }, skip, collected, own)
  diagnostics.list.push(...own.list)
}
