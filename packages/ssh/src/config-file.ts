import { globSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { LineType, parse as parseLines } from 'ssh-config'
import { ErrandError, errorCode, errorMessage } from '@errand/core'

/** A line of an ssh_config: what it sets, and the block in which it stands. */
export interface ConfigLine {
  /** Lower case. */
  readonly keyword: string
  readonly values: readonly string[]
  /** The conditions of the blocks around it: all must hold. */
  readonly conditions: readonly Condition[]
}

export interface Condition {
  readonly kind: 'host' | 'match'
  readonly values: readonly string[]
}

type ParsedLine = ReturnType<typeof parseLines>[number]

const deepestInclude = 16

/**
 * The lines of a configuration file in the order in which they count, with its `Include`s in their places; none when there is no such file.
 * The npm parser reads the lines; it knows no `Include`, and its own evaluation is not used.
 * Error: `SSH_CONFIG_INVALID`.
 */
export function readConfigFile(path: string, home: string, depth = 0, conditions: readonly Condition[] = []): readonly ConfigLine[] {
  if (depth > deepestInclude) throw new ErrandError('SSH_CONFIG_INVALID', `${path} is included by itself.`, { hint: `Edit ${path}` })
  const text = readIfPresent(path)
  return text === undefined ? [] : parse(text, path).flatMap((line) => expand(line, { path, home, depth }, conditions))
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(cause) ?? '')) return undefined
    throw new ErrandError('SSH_CONFIG_INVALID', `${path} can't be read: ${errorMessage(cause)}.`, { cause })
  }
}

function parse(text: string, path: string): readonly ParsedLine[] {
  try {
    return [...parseLines(text)]
  } catch (cause) {
    throw new ErrandError('SSH_CONFIG_INVALID', `${path} can't be understood: ${errorMessage(cause)}.`, {
      hint: `See what ssh says of it: ssh -G -F ${path} localhost`,
      cause,
    })
  }
}

interface Reading {
  readonly path: string
  readonly home: string
  readonly depth: number
}

function expand(line: ParsedLine, reading: Reading, conditions: readonly Condition[]): readonly ConfigLine[] {
  if (line.type !== LineType.DIRECTIVE) return []
  const keyword = line.param.toLowerCase()
  const values = typeof line.value === 'string' ? [line.value] : line.value.map(({ val }) => val)
  if ((keyword === 'host' || keyword === 'match') && 'config' in line) {
    // Outside of an include the blocks of a file stand side by side: the parser has them so.
    const inside = [...conditions, { kind: keyword, values } as const]
    return [...line.config].flatMap((inner) => expand(inner, reading, inside))
  }
  if (keyword === 'include') return values.flatMap((pattern) => include(pattern, reading, conditions))
  return [{ keyword, values, conditions }]
}

function include(pattern: string, { path, home, depth }: Reading, conditions: readonly Condition[]): readonly ConfigLine[] {
  const expanded = pattern.replace(/^~(?=\/|$)/, home)
  const base = path.startsWith('/etc/') ? '/etc/ssh' : join(home, '.ssh')
  const full = isAbsolute(expanded) ? expanded : join(base, expanded)
  return globSync(full)
    .toSorted()
    .flatMap((file) => readConfigFile(file, home, depth + 1, conditions))
}
