import { type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs'
import { errorCode } from '../errors.ts'
import { extendRules, hidingLine, ignoreFileNames, type IgnoreRules, readIgnoreFile, rootRules } from './ignore-rules.ts'
import { environmentWith, leftOutFolder, leftOutName } from './left-out.ts'
import { readLink } from './links.ts'
import { clashingNames, looksUndecoded, undecodedNames } from './names.ts'
import type { NeededPaths } from './needed-paths.ts'
import type { Pace } from './pace.ts'

export interface WalkOptions {
  readonly directory: string
  /** Left out wherever it lies. */
  readonly state: string
  readonly needed: NeededPaths
  readonly pace: Pace
  /** What is known from the last time. Absent: every path is matched against the ignore files. */
  readonly earlier?: EarlierWalk
  /** Each file of the snapshot, in no promised order. */
  onFile(path: string, stat: Stats): void
}

/** Saves matching: a file that passed the ignore files the last time passes them now if none of those above it has changed. */
export interface EarlierWalk {
  /** Whether the path was a file of the last snapshot. */
  had(path: string): boolean
  /** Whether it was one and nothing has touched it since. */
  keeps(path: string, stat: Stats): boolean
}

export interface WalkResult {
  readonly ignoreFile: IgnoreRules['fileName'] | undefined
  readonly links: readonly { readonly path: string; readonly to: string }[]
  /** Folders with nothing of the snapshot in them. */
  readonly emptyFolders: readonly string[]
  readonly leavingLinks: readonly { readonly path: string; readonly to: string }[]
  /** Sockets, pipes and devices. */
  readonly special: readonly string[]
  readonly clashes: readonly (readonly [string, string])[]
  /** Paths with their bad bytes escaped. */
  readonly undecoded: readonly string[]
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[]
  /** Needed ones that an ignore file hides. */
  readonly forced: readonly { readonly path: string; readonly line: string }[]
  /** What ignore files keep out: the line (`.gitignore:3`) of each file, and of each folder, which is not entered. */
  readonly ignored: readonly { readonly line: string; readonly isFolder: boolean }[]
  /** What the project folder itself is, when it is an environment. */
  readonly rootIsEnvironment: string | undefined
  /** The ignore files that were followed. */
  readonly ignoreFiles: readonly string[]
}

interface Folder {
  readonly path: string
  readonly above: Folder | undefined
  readonly rules: IgnoreRules
  /** Hidden by an ignore file and walked only for the needed paths below it. */
  readonly hidden: boolean
  /** Hidden by an ignore file and needed, with all that is in it. */
  readonly forced: boolean
  /** The ignore files of the folders above are those of the last time. */
  readonly sameRules: boolean
  occupied: boolean
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] extends readonly (infer Item)[] ? Item[] : Value[Key] }

/**
 * Goes through the project once, with one `lstat` for each file and no promise: on a warm cache that is the fastest way Node has.
 * Folders that an ignore file hides are not entered, as in git; a file below one can't be brought back.
 */
export async function walkProject(options: WalkOptions): Promise<WalkResult> {
  const result: Mutable<WalkResult> = {
    ignoreFile: undefined,
    links: [],
    emptyFolders: [],
    leavingLinks: [],
    special: [],
    clashes: [],
    undecoded: [],
    unreadable: [],
    forced: [],
    ignored: [],
    rootIsEnvironment: undefined,
    ignoreFiles: [],
  }
  const folders: Folder[] = [
    {
      path: '',
      above: undefined,
      rules: rootRules(options.directory),
      hidden: false,
      forced: false,
      sameRules: options.earlier !== undefined,
      occupied: false,
    },
  ]
  const waiting = [...folders]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const found = enterFolder(folder, options, result)
    folders.push(...found)
    waiting.push(...found)
    if (options.pace.due()) await options.pace.rest()
  }
  // The deepest first: a folder with an empty one in it is not empty.
  for (const folder of folders.toReversed()) {
    if (folder.occupied || folder.hidden || folder.path === '') continue
    result.emptyFolders.push(folder.path)
    occupy(folder)
  }
  return result
}

function enterFolder(folder: Folder, options: WalkOptions, result: Mutable<WalkResult>): readonly Folder[] {
  const listing = list(folder, options, result)
  if (listing === undefined) return []
  const rules = rulesInside(folder, listing, options, result)
  const sameRules = folder.sameRules && keepsIgnoreFiles(folder, listing, options)
  const undecoded = listing.some((entry) => looksUndecoded(entry.name)) ? undecodedNames(absolute(options, folder.path)) : undefined
  const folders: Folder[] = []
  const kept: string[] = []
  for (const entry of listing) {
    const path = within(folder, entry.name)
    if (leftOutName(entry.name, folder.path) !== undefined || absolute(options, path) === options.state) continue
    const isFolder = entry.isDirectory()
    const line = sameRules && entry.isFile() && options.earlier?.had(path) === true ? undefined : hidingLine(rules, path, isFolder)
    const covered = line !== undefined && options.needed.covers(path)
    if (covered && !folder.forced) result.forced.push({ path, line })
    if (line !== undefined && !covered && !(isFolder && options.needed.leadsTo(path))) {
      result.ignored.push({ line, isFolder })
      continue
    }
    const bad = undecoded?.get(entry.name)
    if (bad !== undefined) {
      result.undecoded.push(within(folder, bad))
      continue
    }
    kept.push(entry.name)
    const passed = line === undefined
    if (isFolder) {
      folders.push({
        path,
        above: folder,
        rules,
        hidden: !passed && !covered,
        forced: covered,
        sameRules: sameRules && passed,
        occupied: false,
      })
    } else if (addEntry(path, entry, options, result)) occupy(folder)
  }
  result.clashes.push(...clashingNames(kept).map(([one, other]) => [within(folder, one), within(folder, other)] as const))
  return folders
}

/** The entries of a folder, or undefined for one that is left out, gone or unreadable. */
function list(folder: Folder, options: WalkOptions, result: Mutable<WalkResult>): readonly Dirent[] | undefined {
  try {
    const listing = readdirSync(absolute(options, folder.path), { withFileTypes: true })
    const names = listing.map((entry) => entry.name)
    if (folder.path === '') result.rootIsEnvironment = environmentWith(names)
    else if (leftOutFolder(names) !== undefined) {
      leave(folder)
      return undefined
    }
    return listing
  } catch (error) {
    leave(folder)
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '') || folder.path === '') {
      result.unreadable.push({ path: `${folder.path}/`, reason: errorCode(error) ?? String(error) })
    }
    return undefined
  }
}

function rulesInside(folder: Folder, listing: readonly Dirent[], options: WalkOptions, result: Mutable<WalkResult>): IgnoreRules {
  const { fileName } = folder.rules
  if (!listing.some((entry) => entry.name === fileName)) return folder.rules
  try {
    const text = readIgnoreFile(absolute(options, folder.path), fileName)
    if (text === undefined) return folder.rules
    result.ignoreFile = fileName
    result.ignoreFiles.push(within(folder, fileName))
    return extendRules(folder.rules, folder.path, text)
  } catch (error) {
    result.unreadable.push({ path: within(folder, fileName), reason: errorCode(error) ?? String(error) })
    return folder.rules
  }
}

function keepsIgnoreFiles(folder: Folder, listing: readonly Dirent[], options: WalkOptions): boolean {
  return ignoreFileNames.every((name) => {
    const path = within(folder, name)
    if (!listing.some((entry) => entry.name === name)) return options.earlier?.had(path) === false
    const stat = lstatSync(absolute(options, path), { throwIfNoEntry: false })
    return stat !== undefined && options.earlier?.keeps(path, stat) === true
  })
}

/** False when nothing of it goes into the snapshot. */
function addEntry(path: string, entry: Dirent, options: WalkOptions, result: Mutable<WalkResult>): boolean {
  if (entry.isSymbolicLink()) return addLink(path, options, result)
  if (!entry.isFile()) {
    result.special.push(path)
    return false
  }
  const stat = lstatSync(absolute(options, path), { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile()) return false
  options.onFile(path, stat)
  return true
}

function addLink(path: string, options: WalkOptions, result: Mutable<WalkResult>): boolean {
  const link = readLink(options.directory, path)
  if (link === undefined) return false
  const links = link.stays ? result.links : result.leavingLinks
  links.push({ path, to: link.to })
  return link.stays
}

function occupy(folder: Folder): void {
  for (let above: Folder | undefined = folder; above !== undefined && !above.occupied; above = above.above) above.occupied = true
}

// A folder that is left out is no empty folder of the snapshot; the one around it may be.
function leave(folder: Folder): void {
  folder.occupied = true
}

function within(folder: Folder, name: string): string {
  return folder.path === '' ? name : `${folder.path}/${name}`
}

function absolute(options: WalkOptions, path: string): string {
  return path === '' ? options.directory : `${options.directory}/${path}`
}
