import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import ignore from 'ignore'
import { errorCode } from '../errors.ts'

export const ignoreFileNames = ['.amlignore', '.gitignore'] as const

export type IgnoreFileName = (typeof ignoreFileNames)[number]

/** The patterns that hold in one folder: those of its own ignore file after those of the folders above. */
export interface IgnoreRules {
  readonly fileName: IgnoreFileName
  readonly matcher: ignore.Ignore
}

/** A `.amlignore` in the project folder silences every `.gitignore`; otherwise those count. Never both. */
export function rootRules(directory: string): IgnoreRules {
  const amlignore = statSync(join(directory, '.amlignore'), { throwIfNoEntry: false })?.isFile() === true
  return { fileName: amlignore ? '.amlignore' : '.gitignore', matcher: ignore({ ignoreCase: false }) }
}

/** Text of an ignore file, or undefined where there is none. Any other failure is thrown as Node gives it. */
export function readIgnoreFile(folder: string, fileName: IgnoreFileName): string | undefined {
  try {
    return readFileSync(join(folder, fileName), 'utf8')
  } catch (error) {
    if (['ENOENT', 'EISDIR', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** The rules below `folder` (path in the project, `''` for the project itself) when its ignore file says `text`. */
export function extendRules(rules: IgnoreRules, folder: string, text: string): IgnoreRules {
  const file = folder === '' ? rules.fileName : `${folder}/${rules.fileName}`
  const patterns = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, index) => ({ pattern: patternFromProject(line.replace(/\r$/, ''), folder), mark: `${file}:${index + 1}` }))
    .filter(({ pattern }) => pattern !== '')
  // A new matcher: the library asks every folder above as well, so all patterns that hold here must be in one list.
  return { fileName: rules.fileName, matcher: ignore({ ignoreCase: false }).add(rules.matcher).add(patterns) }
}

/** File and line (`.gitignore:3`) of the pattern that hides the path, or undefined. Shapes: `data/a.csv`, no leading slash. */
export function hidingLine(rules: IgnoreRules, path: string, isFolder: boolean): string | undefined {
  return rules.matcher.test(isFolder ? `${path}/` : path).rule?.mark
}

/** Rewrites a line of a nested ignore file so that it says the same from the project folder. `''` for a line without a pattern. */
function patternFromProject(line: string, folder: string): string {
  if (line.startsWith('#')) return ''
  const negation = line.startsWith('!') ? '!' : ''
  const body = trimBlanks(line.slice(negation.length))
  if (body === '' || body === '/') return ''
  if (folder === '') return negation + body
  const inside = body.replace(/^\\([#!])/, '$1')
  const anchored = inside.slice(0, -1).includes('/')
  return `${negation}/${escapePattern(folder)}/${anchored ? inside.replace(/^\//, '') : `**/${inside}`}`
}

/** Git drops blanks at the end unless a backslash keeps them. */
function trimBlanks(text: string): string {
  const bare = text.replace(/ +$/, '')
  if (bare.length === text.length) return text
  const backslashes = /\\*$/.exec(bare)?.[0].length ?? 0
  return backslashes % 2 === 1 ? `${bare} ` : bare
}

function escapePattern(path: string): string {
  return path.replace(/[\\*?[\]]/g, '\\$&')
}
