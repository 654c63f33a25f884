import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ErrandError, errorCode, errorMessage } from '../errors.ts'
import { isObject } from '../json-object.ts'

/** A package that says it has targets and can't be used. */
export interface BrokenTarget {
  readonly package: string
  readonly reason: string
}

/** What a package.json says of targets. */
export interface PackageFile {
  readonly directory: string
  readonly name: string
  readonly version: string
  readonly dependencies: readonly string[]
  readonly linked: readonly string[]
  readonly targets: Readonly<Record<string, unknown>> | undefined
  readonly contract: unknown
}

/** The packages of a `node_modules` folder, scopes included. */
export function packageFolders(directory: string): string[] {
  const names = (folder: string): string[] => {
    try {
      return readdirSync(folder).filter((name) => !name.startsWith('.'))
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return []
      throw new ErrandError('TARGETS_UNREADABLE', `The folder of plugins ${folder} can't be read: ${errorMessage(error)}.`, {
        cause: error,
      })
    }
  }
  return names(directory)
    .flatMap((name) => (name.startsWith('@') ? names(join(directory, name)).map((inner) => join(name, inner)) : [name]))
    .map((name) => join(directory, name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
}

/** Node's own search: `node_modules` of the folder and of every folder above it. */
export function resolvePackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) return undefined
  }
}

/** Undefined, and a broken package more, where there is none that can be read. */
export function readPackage(folder: string, brokenPackages: BrokenTarget[]): PackageFile | undefined {
  try {
    const directory = realpathSync(folder)
    return parsePackage(directory, JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')))
  } catch (error) {
    brokenPackages.push({ package: folder, reason: `its package.json can't be read: ${errorMessage(error)}` })
    return undefined
  }
}

function parsePackage(directory: string, json: unknown): PackageFile {
  if (!isObject(json)) throw new Error('it holds no object')
  const errand = isObject(json['errand']) ? json['errand'] : {}
  const oclif = isObject(json['oclif']) ? json['oclif'] : {}
  const plugins = Array.isArray(oclif['plugins']) ? oclif['plugins'].filter(isObject) : []
  return {
    directory,
    name: textOr(json['name'], directory),
    version: textOr(json['version'], '0.0.0'),
    dependencies: [...namesOf(json['dependencies']), ...namesOf(json['devDependencies'])],
    linked: plugins.flatMap(({ type, root }) => (type === 'link' && typeof root === 'string' ? [root] : [])),
    targets: isObject(errand['targets']) ? errand['targets'] : undefined,
    contract: errand['contract'],
  }
}

function namesOf(value: unknown): string[] {
  return isObject(value) ? Object.keys(value) : []
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback
}
