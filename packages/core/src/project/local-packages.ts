import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { SnapshotFile } from '../request.ts'
import type { DiagnosticList, Position } from './diagnostic.ts'
import { insideProject } from './files.ts'
import type { Project } from './model.ts'

/** A path in a dependency file, and where it stands. */
export interface LocalPackage {
  readonly path: string
  readonly position: Position
}

/** Whether an item of a pip list is a path on some machine and not a name or a URL. */
export function isLocalPath(item: string): boolean {
  if (/^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(item) || / @ /.test(item)) return /^file:/i.test(item)
  return /^([A-Za-z]:[\\/]|\\\\|[/~]|\.{1,2}([\\/]|$))/.test(item) || /\.(whl|tar\.gz|tar\.bz2|zip)$/i.test(item)
}

/** The files of the project that a dependency file names, with their digests. Paths of other machines are said. */
export async function readLocalPackages(
  project: Project,
  packages: readonly LocalPackage[],
  diagnostics: DiagnosticList,
): Promise<readonly SnapshotFile[]> {
  const files = new Map<string, SnapshotFile>()
  for (const { path, position } of packages) {
    const file = await readLocalPackage(project, path, position, diagnostics)
    if (file !== undefined) files.set(file.path, file)
  }
  return [...files.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

async function readLocalPackage(
  project: Project,
  path: string,
  position: Position,
  diagnostics: DiagnosticList,
): Promise<SnapshotFile | undefined> {
  const hint = 'put the file into the project and write its path, like `./wheels/x.whl`'
  if (/^([A-Za-z]:[\\/]|\\\\|file:)/i.test(path)) {
    diagnostics.error('LOCAL_PATH', 'a path of one machine, which other machines do not have', position, hint)
    return undefined
  }
  const inside = insideProject(project, path)
  if (inside === undefined && /^[/~]/.test(path)) {
    diagnostics.note('PATH_AT_TARGET', 'this path must exist where the environment is built', position)
    return undefined
  }
  const found = inside === undefined ? undefined : await stat(join(project.directory, inside)).catch(() => undefined)
  if (inside === undefined || found?.isFile() !== true) {
    const what =
      inside === undefined ? 'is outside the project' : found === undefined ? 'does not exist' : 'is a folder, not a package file'
    diagnostics.error('LOCAL_PATH', `${path} ${what}`, position, hint)
    return undefined
  }
  const content = await readFile(join(project.directory, inside))
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  return { kind: 'file', path: inside, size: content.length, executable: (found.mode & 0o100) !== 0, digest }
}
