import type { Stats } from 'node:fs'
import type { SnapshotFile } from '../request.ts'
import { excludedBy } from './excluded-by.ts'
import { neededPaths } from './needed-paths.ts'
import type { Pace } from './pace.ts'
import { neededLeftOut, undecodedFiles, unreadableFiles } from './refusals.ts'
import type { StatCache } from './stat-cache.ts'
import { type EarlierWalk, type WalkResult, walkProject } from './walk.ts'

export interface FoundFile {
  readonly path: string
  readonly size: number
  readonly executable: boolean
}

export interface Found {
  readonly walked: WalkResult
  readonly unchanged: readonly SnapshotFile[]
  readonly toRead: readonly FoundFile[]
}

export interface FindingOptions {
  readonly directory: string
  readonly state: string
  readonly needed: readonly string[] | undefined
  readonly breaks: Pace
  readonly cache: StatCache | undefined
  /** Whether the content of a file that the cache knows is still stored. */
  kept(file: SnapshotFile): boolean
}

/** Goes through the project; what the cache knows needs no reading. */
export async function findFiles({ directory, state, needed: wanted, breaks, cache, kept }: FindingOptions): Promise<Found> {
  const needed = neededPaths(wanted ?? [])
  const unchanged: SnapshotFile[] = []
  const toRead: FoundFile[] = []
  const absent = new Set(needed.paths)
  const onFile = (path: string, stat: Stats): void => {
    absent.delete(path)
    const executable = isExecutable(stat)
    const file = cache?.unchanged(path, stat, executable)
    if (file === undefined || !kept(file)) toRead.push({ path, size: stat.size, executable })
    else unchanged.push(file)
  }
  const earlier = cache?.facts.followedRules === true ? earlierWalk(cache) : undefined
  const walked = await walkProject({ directory, state, needed, pace: breaks, onFile, ...(earlier && { earlier }) })
  if (walked.undecoded.length > 0) throw undecodedFiles(walked.undecoded)
  if (walked.unreadable.length > 0) throw unreadableFiles(walked.unreadable)
  await refuseAbsent(directory, absent, [...unchanged, ...toRead, ...walked.links, ...walked.emptyFolders.map((path) => ({ path }))])
  return { walked, unchanged, toRead }
}

function earlierWalk(cache: StatCache): EarlierWalk {
  return { had: cache.had, keeps: (path, stat) => cache.unchanged(path, stat, isExecutable(stat)) !== undefined }
}

// Windows has no such bit: there every file is plain.
export function isExecutable(stat: Stats): boolean {
  return process.platform !== 'win32' && (stat.mode & 0o100) !== 0
}

async function refuseAbsent(directory: string, absent: ReadonlySet<string>, present: readonly { readonly path: string }[]): Promise<void> {
  for (const path of absent) {
    const there = present.some((entry) => entry.path === path || entry.path.startsWith(`${path}/`))
    if (!there) throw neededLeftOut(path, await excludedBy(directory, path))
  }
}
