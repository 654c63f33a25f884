import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RunStatus } from '../target.ts'

/**
 * A file that the script did not find although the project has it: what keeps it out of the copy, said where the file is missed.
 * `directory` is the project's.
 */
export async function missingFileNote(directory: string, status: RunStatus): Promise<readonly string[]> {
  const named = status.state === 'failed' ? missingPath(status.reason) : undefined
  if (named === undefined) return []
  const { excludedBy } = await import('../snapshot/index.ts')
  for (const path of possiblePaths(named)) {
    if (!existsSync(join(directory, path))) continue
    // A folder that may not be read explains nothing.
    const line = await excludedBy(directory, path).catch(() => undefined)
    if (line === undefined) continue
    const mend = line.includes('.gitignore:') ? ' A .amlignore in the project folder counts instead of every .gitignore.' : ''
    return [`${path} is in your project and was not copied: ${line} leaves it out.${mend}`]
  }
  return []
}

/** The path in the last sentence of a Python or Spark error. */
function missingPath(reason: string): string | undefined {
  return (
    /No such file or directory: (['"])(.+?)\1/.exec(reason)?.[2] ??
    /Path does not exist: (?:file:)?([^\s;]+)/.exec(reason)?.[1]?.replace(/\.$/, '')
  )
}

/** Paths in the project that are meant: an absolute one leads through the folder of the run, whose name is the place's. Longest first. */
function possiblePaths(named: string): readonly string[] {
  const parts = named.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return []
  return named.startsWith('/') ? parts.map((_, index) => parts.slice(index).join('/')) : [parts.join('/')]
}
