import { type Environment, ErrandError, type JsonValue, type SnapshotFile } from '@errand/core'
import { optional } from './optional.ts'

/** What a dependency file asks for: its `canonical`, read. */
export interface EnvironmentContent {
  readonly kind: 'conda' | 'requirements'
  readonly file: string
  readonly channels: readonly string[]
  /** Conda specs; one of them is Python's. Empty for a requirements file. */
  readonly conda: readonly string[]
  readonly pip: readonly string[]
  readonly pipOptions: readonly PipOption[]
  readonly localFiles: readonly SnapshotFile[]
  /** A `uv.lock` that says what is installed; then `pip` is only what it holds. */
  readonly uvLock?: UvLock
  /** To be set when a script runs in the environment. */
  readonly variables: Readonly<Record<string, string>>
}

export interface UvLock {
  /** Of the local file. */
  readonly path: string
  /** Of the project that it locks. */
  readonly name: string
  /** `>=3.10`; may be empty. */
  readonly requires: string
  /** Packages that are left out. */
  readonly without: readonly string[]
}

export interface PipOption {
  readonly name: string
  readonly value?: string
}

/** The Python of a conda file that asks for none. */
const defaultPython = '3.12'

/** Reads an environment's `canonical`. Errors: `ENVIRONMENT_USER_MANAGED`, `ENVIRONMENT_INVALID`. */
export function contentOf(environment: Environment): EnvironmentContent {
  if (environment.kind === 'user-managed')
    throw new ErrandError('ENVIRONMENT_USER_MANAGED', 'The environment is managed by its user: there is nothing to make.')
  const { canonical, file, localFiles, kind } = environment
  const fields = isObject(canonical) ? canonical : invalid(file)
  const pip = list(fields['pip'], file)
  const conda = list(fields['conda'], file)
  return {
    kind,
    file,
    channels: list(fields['channels'], file),
    conda: kind === 'conda' ? withPython(conda, pip.length > 0) : conda,
    pip,
    pipOptions: pipOptionsOf(list(fields['pipOptions'], file)),
    localFiles,
    ...optional('uvLock', uvLockOf(fields['uvLock'], file)),
    variables: textMap(fields['variables']),
  }
}

function uvLockOf(value: JsonValue | undefined, file: string): UvLock | undefined {
  if (value === undefined) return undefined
  if (!isObject(value)) return invalid(file)
  const { path, name, requires } = textMap(value)
  if (path === undefined || name === undefined || requires === undefined) return invalid(file)
  return { path, name, requires, without: list(value['without'], file) }
}

/** A script needs Python, and conda's tools add pip for a pip section. */
function withPython(conda: readonly string[], pip: boolean): readonly string[] {
  const names = new Set(conda.map(specName))
  return [...conda, ...(names.has('python') ? [] : [`python=${defaultPython}`]), ...(pip && !names.has('pip') ? ['pip'] : [])]
}

/** Package name of a conda spec, lower case. */
export function specName(spec: string): string {
  return (/^(?:[^\s:]+::)?([\w.-]+)/.exec(spec.trim())?.[1] ?? spec).toLowerCase()
}

/** Distribution name of a requirement as PyPI compares it; the whole text of an address or path. */
export function requirementName(requirement: string): string {
  if (isAddress(requirement) && !/ @ /.test(requirement)) return requirement
  const name = /^[A-Za-z0-9][\w.-]*/.exec(requirement.trim())?.[0] ?? requirement
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

/** Whether an item of a pip list is an address or a path. */
export const isAddress = (item: string): boolean =>
  item.includes('://') || /^[./~\\]|^[A-Za-z]:[\\/]/.test(item) || /\.(whl|tar\.gz|tar\.bz2|zip)$/i.test(item)

function pipOptionsOf(words: readonly string[]): readonly PipOption[] {
  const options: { name: string; value?: string }[] = []
  for (const word of words) {
    const last = options.at(-1)
    if (!word.startsWith('-') && last !== undefined && last.value === undefined) last.value = word
    else options.push({ name: word })
  }
  return options
}

const isObject = (value: JsonValue): value is Readonly<Record<string, JsonValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function list(value: JsonValue | undefined, file: string): readonly string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return invalid(file)
  return value.map((item) => (typeof item === 'string' ? item : invalid(file)))
}

function textMap(value: JsonValue | undefined): Readonly<Record<string, string>> {
  if (value === undefined || !isObject(value)) return {}
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, typeof item === 'string' ? item : JSON.stringify(item)]))
}

function invalid(file: string): never {
  throw new ErrandError('ENVIRONMENT_INVALID', `${file}: the stored environment is not one that this version reads.`, {
    hint: 'Submit again from the project, so that the file is read anew.',
  })
}
