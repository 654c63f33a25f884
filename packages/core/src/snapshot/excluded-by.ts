import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { extendRules, hidingLine, readIgnoreFile, rootRules } from './ignore-rules.ts'
import { leftOutFolder, leftOutName } from './left-out.ts'

/**
 * What keeps a path of the project out of snapshots, for sentences such as "train.py is hidden by …": the line of an ignore file
 * (`.gitignore:3`, `data/.gitignore:1`) or `errand's own list (…)`. Undefined when it is copied; the path need not exist.
 */
export async function excludedBy(directory: string, path: string): Promise<string | undefined> {
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  let rules = rootRules(directory)
  let folder = ''
  for (const [index, name] of names.entries()) {
    const text = readIgnoreFile(join(directory, folder), rules.fileName)
    if (text !== undefined) rules = extendRules(rules, folder, text)
    const inside = folder === '' ? name : `${folder}/${name}`
    const isFolder = index < names.length - 1 || isDirectory(join(directory, inside))
    const own = leftOutName(name, folder) ?? (isFolder ? leftOutFolder(namesIn(join(directory, inside))) : undefined)
    if (own !== undefined) return `errand's own list (${inside}: ${own})`
    const line = hidingLine(rules, inside, isFolder)
    if (line !== undefined) return line
    folder = inside
  }
  return undefined
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function namesIn(path: string): readonly string[] {
  return isDirectory(path) ? readdirSync(path) : []
}
