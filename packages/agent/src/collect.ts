import { chmod, lstat, mkdir, open, rm, symlink, utimes } from 'node:fs/promises'
import { dirname, resolve, sep } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type CallOptions, ErrandError, errorCode } from '@errand/core'
import type { Agent } from './agent.ts'

/** A file that a run made. */
export interface CollectedFile {
  readonly path: string
  readonly size: number
  /** Nanoseconds since 1970, as digits: too large for a number. */
  readonly mtime_ns: string
  readonly executable: boolean
}

/** The agent's list of what a run made. Bytes of a name that are no UTF-8 are lone surrogates (U+DC80 to U+DCFF). */
export interface CollectedFiles<File extends CollectedFile = CollectedFile> {
  readonly files: readonly File[]
  readonly directories?: readonly string[]
  readonly links?: readonly { readonly path: string; readonly to: string }[]
  /** What the agent's user may not read, nor make readable. */
  readonly unreadable?: readonly string[]
  /** What lies too deep there to have a path. */
  readonly tooLong?: readonly string[]
}

/**
 * Brings the run's files into a folder, whole or not at all: `FILES_UNREADABLE` before the first when the place can't read one of them,
 * `FILE_INCOMPLETE` when fewer or more bytes arrived than it has; but `PATHS_TOO_LONG` when all is here except what has a longer path than
 * there, or here, may be. A place may be hostile or broken: nothing is written outside the folder,
 * and a link that could lead out of it is left out. Returns the paths as they were written, relative to the folder.
 */
export async function collect(
  agent: Agent,
  run: string,
  directory: string,
  { include, signal, report }: CallOptions & { readonly include: readonly string[] },
): Promise<readonly string[]> {
  const { files, directories = [], links = [], unreadable = [], tooLong = [] } = await listingOf(agent, run, include, signal)
  if (unreadable.length > 0) throw filesUnreadable(agent.host.name, unreadable)
  const names = localNames([...files.map(({ path }) => path), ...directories, ...links.map(({ path }) => path)])
  const nameOf = (path: string) => names.get(path) ?? path
  const root = resolve(directory)
  await mkdir(root, { recursive: true })
  const folders = new Set([root])
  const left = new Set(tooLong)
  const unlessTooLong = async (path: string, bring: (to: string) => Promise<void>): Promise<void> => {
    const to = inside(root, nameOf(path))
    await bring(to).catch((error: unknown) => {
      if (errorCode(error) !== 'ENAMETOOLONG') throw error
      left.add(path)
    })
  }
  for (const path of directories) await unlessTooLong(path, (to) => makeFolder(to, folders))
  const total = files.reduce((sum, file) => sum + file.size, 0)
  let done = 0
  for (const file of files) {
    await unlessTooLong(file.path, async (to) => {
      await makeFolder(dirname(to), folders)
      await fetchFile(agent, run, file, to, signal, (bytes) => {
        done += bytes
        report({ message: `bringing back ${nameOf(file.path)}`, done, total, unit: 'bytes' })
      })
    })
  }
  const kept = links.filter(linkStaysInside)
  for (const { path, to } of kept) await unlessTooLong(path, (link) => makeLink(escapeBytes(to), link, root))
  if (left.size > 0) throw pathsTooLong(agent.host.name, [...left])
  return [...files, ...kept].map(({ path }) => nameOf(path))
}

/** The list that came with the end of the run, when it is that of the same files, else one that is asked for. Either is used once. */
async function listingOf(agent: Agent, run: string, include: readonly string[], signal: AbortSignal): Promise<CollectedFiles> {
  const ahead = agent.ahead?.get(run)
  agent.ahead?.delete(run)
  if (ahead?.listing !== undefined && isDeepStrictEqual(ahead.include, include)) return ahead.listing as CollectedFiles
  const { result } = await agent.call('collect', { run, include }, { signal })
  return result as unknown as CollectedFiles
}

const mostNamed = 5

function named(paths: readonly string[]): string {
  const names = paths.slice(0, mostNamed).map((path) => shortened(escapeBytes(path)) || '.')
  return `${names.join(', ')}${paths.length > mostNamed ? `, and ${paths.length - mostNamed} more` : ''}`
}

const longestShown = 160

const shortened = (path: string): string =>
  path.length > longestShown ? `${path.slice(0, longestShown / 2)}…${path.slice(-longestShown / 2)} (${path.length} characters)` : path

function pathsTooLong(place: string, paths: readonly string[]): ErrandError {
  return new ErrandError(
    'PATHS_TOO_LONG',
    `These files of the run have a path that is too long for ${place} or for here: ${named(paths)}.`,
    {
      hint: 'All others are here. Those are still where the script ran, for as long as that folder is kept (`errand clean` removes it). Let the script write to shorter paths.',
    },
  )
}

function filesUnreadable(place: string, paths: readonly string[]): ErrandError {
  return new ErrandError('FILES_UNREADABLE', `These files of the run can't be read on ${place}: ${named(paths)}.`, {
    hint: 'They belong to another user there: let their owner make them readable (chmod), then ask for the run again.',
  })
}

/** A name that is no UTF-8 can't be told from another such name once Node has written it: each of its odd bytes becomes `\xfe` or the like. */
const escapeBytes = (path: string): string =>
  path.replace(/[\udc80-\udcff]/gu, (byte) => `\\x${(byte.charCodeAt(0) - 0xdc00).toString(16)}`)

/** What each of the paths is called here. No two of them get one name, and a name that is text keeps it. */
function localNames(paths: readonly string[]): ReadonlyMap<string, string> {
  const isText = (path: string) => escapeBytes(path) === path
  const taken = new Set(paths.filter(isText))
  return new Map(
    paths.map((path) => {
      let name = escapeBytes(path)
      if (!isText(path)) while (taken.has(name)) name += '~'
      taken.add(name)
      return [path, name]
    }),
  )
}

function inside(root: string, path: string): string {
  const full = resolve(root, path)
  if (!full.startsWith(root + sep)) throw outside(path)
  return full
}

function outside(path: string): ErrandError {
  return new ErrandError('PATH_OUTSIDE', `The target names a file outside the run's folder: ${path}.`)
}

/** Makes a folder and what is missing above it. `known` are folders that are there already; none is entered through a link. */
async function makeFolder(folder: string, known: Set<string>): Promise<void> {
  if (known.has(folder)) return
  await makeFolder(dirname(folder), known)
  await mkdir(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error
  })
  if (!(await lstat(folder)).isDirectory()) throw outside(folder)
  known.add(folder)
}

/** Bytes. */
const pieceLimit = 4 * 1024 * 1024

async function fetchFile(
  agent: Agent,
  run: string,
  file: CollectedFile,
  to: string,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<void> {
  await rm(to, { force: true, recursive: true })
  await using target = await open(to, 'wx')
  for (let offset = 0; ;) {
    const { result, body } = await agent.call('fetch', { run, path: file.path, offset, limit: pieceLimit }, { signal })
    // Unlike `write`, which may write a part of it, goes on until all is written behind what was written before.
    await target.writeFile(body)
    offset += body.length
    progress(body.length)
    if (result['end'] !== true && body.length > 0) continue
    if (offset !== file.size || offset !== result['size']) throw fileIncomplete(agent.host.name, file, offset)
    break
  }
  if (file.executable) await chmod(to, 0o755)
  await utimes(to, new Date(), new Date(Number(file.mtime_ns) / 1e6))
}

function fileIncomplete(place: string, { path, size }: CollectedFile, arrived: number): ErrandError {
  return new ErrandError(
    'FILE_INCOMPLETE',
    `Of the ${size} bytes of ${escapeBytes(path)} on ${place}, ${arrived} arrived: it was changed on the way.`,
    { hint: 'The file is still there. Ask for the run again: errand status last' },
  )
}

/**
 * Whether a link leads nowhere outside the folder, whatever its target's name goes through: from the real folder that holds it, `..` leads
 * up at most to the root; behind that come names only, of which each is a real file or folder or a link of this kind.
 */
function linkStaysInside({ path, to }: { readonly path: string; readonly to: string }): boolean {
  const parts = to.split('/').filter((part) => part !== '' && part !== '.')
  const down = parts.findIndex((part) => part !== '..')
  const up = down === -1 ? parts.length : down
  return !to.startsWith('/') && up < path.split('/').length && !parts.slice(up).includes('..')
}

async function makeLink(to: string, path: string, root: string): Promise<void> {
  // Links came before this one: each folder is looked at anew.
  await makeFolder(dirname(path), new Set([root]))
  await rm(path, { force: true, recursive: true })
  await symlink(to, path)
}
