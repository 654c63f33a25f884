import { createHash } from 'node:crypto'
import { chmod, mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Snapshot } from '@errand/core'

/** One file of a small project: text, bytes, or one of the things that are more than content. */
export type ProjectEntry = string | Uint8Array | { readonly executable: string } | { readonly link: string } | { readonly directory: true }

/** A small project by path, with forward slashes. */
export type ProjectFiles = Readonly<Record<string, ProjectEntry>>

type SnapshotEntry = Snapshot['entries'][number]

/** Writes a project as its user has it: into a folder. */
export async function writeProject(directory: string, files: ProjectFiles): Promise<void> {
  for (const [path, entry] of Object.entries(files)) {
    const place = join(directory, path)
    await mkdir(dirname(place), { recursive: true })
    const content = contentOf(entry)
    if (content !== undefined) await writeFile(place, content)
    if (isKind(entry, 'executable')) await chmod(place, 0o755)
    if (isKind(entry, 'link')) await symlink(entry.link, place)
    if (isKind(entry, 'directory')) await mkdir(place, { recursive: true })
  }
}

/**
 * Makes the snapshot of a project as core does: contents by digest below `objectsDirectory` (`<aa>/<64 hex>`, read-only), entries sorted
 * by path, and one digest over all of it.
 */
export async function takeProjectSnapshot(objectsDirectory: string, files: ProjectFiles): Promise<Snapshot> {
  const paths = Object.keys(files).toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
  const entries: SnapshotEntry[] = []
  for (const path of paths) {
    const entry = files[path]
    if (entry !== undefined) entries.push(await snapshotEntry(objectsDirectory, path, entry))
  }
  return { digest: digestOf(JSON.stringify(entries)), entries }
}

async function snapshotEntry(objectsDirectory: string, path: string, entry: ProjectEntry): Promise<SnapshotEntry> {
  if (isKind(entry, 'link')) return { kind: 'link', path, to: entry.link }
  const content = contentOf(entry)
  if (content === undefined) return { kind: 'directory', path }
  const digest = digestOf(content)
  await storeObject(objectPath(objectsDirectory, digest), content)
  return { kind: 'file', path, size: content.length, executable: isKind(entry, 'executable'), digest }
}

/** Where the content of a digest is. */
export function objectPath(objectsDirectory: string, digest: string): string {
  const hex = digest.slice('sha256:'.length)
  return join(objectsDirectory, hex.slice(0, 2), hex)
}

async function storeObject(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${Math.random().toString(36).slice(2)}`
  await writeFile(temporary, content, { mode: 0o444 })
  await rename(temporary, path)
}

/** `sha256:<hex>`. */
export function digestOf(content: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

function contentOf(entry: ProjectEntry): Buffer | undefined {
  if (typeof entry === 'string' || entry instanceof Uint8Array) return Buffer.from(entry)
  return 'executable' in entry ? Buffer.from(entry.executable) : undefined
}

type KindOf<Kind extends string> = Extract<Exclude<ProjectEntry, string | Uint8Array>, Readonly<Record<Kind, unknown>>>

function isKind<Kind extends string>(entry: ProjectEntry, kind: Kind): entry is KindOf<Kind> {
  return typeof entry === 'object' && !(entry instanceof Uint8Array) && kind in entry
}
