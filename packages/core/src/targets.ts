import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ErrandError, errorCode, errorMessage } from './errors.ts'
import type { TargetDefinition } from './target.ts'

/** Contract major that this core speaks. */
const contract = 1

/** Where a package of targets was found. A later one of this list hides the same package of an earlier one. */
const origins = ['built-in', 'installed', 'linked'] as const
export type TargetOrigin = (typeof origins)[number]

/**
 * A folder to look in: a package that declares targets itself, a folder with a package.json whose dependencies may declare them, or a
 * plain folder of packages (`node_modules`). A folder that does not exist holds nothing.
 */
export interface TargetRoot {
  readonly directory: string
  readonly origin: TargetOrigin
}

export interface InstalledTarget {
  /** The word after `type:` in a `.compute` file. */
  readonly type: string
  readonly package: string
  readonly version: string
  /** The contract major that its package.json names; 1 where it names none. */
  readonly contract: number
  /** Absolute path of the module whose default export is the definition. */
  readonly module: string
  readonly origin: TargetOrigin
}

/** A package that says it has targets and can't be used. */
export interface BrokenTarget {
  readonly package: string
  readonly reason: string
}

export interface InstalledTargets {
  /** Sorted by type. */
  readonly targets: readonly InstalledTarget[]
  readonly broken: readonly BrokenTarget[]
}

/** What a run asks for the type of its target. */
export interface TargetCatalogue {
  installed(): Promise<InstalledTargets>
  /** @throws ErrandError as {@link loadDefinition} */
  definition(type: string): Promise<TargetDefinition>
}

interface PackageFile {
  readonly directory: string
  readonly name: string
  readonly version: string
  readonly dependencies: readonly string[]
  readonly linked: readonly string[]
  readonly targets: Readonly<Record<string, unknown>> | undefined
  readonly contract: unknown
}

interface Candidate extends PackageFile {
  readonly origin: TargetOrigin
}

/** Reads `package.json` metadata only: no code of a plugin runs, and one broken package hides no other. */
export async function installedTargets(roots: readonly TargetRoot[]): Promise<InstalledTargets> {
  const broken: BrokenTarget[] = []
  const candidates = new Map<string, Candidate>()
  for (const root of roots) {
    for (const candidate of candidatesOf(root, broken)) {
      const known = candidates.get(candidate.name)
      if (known === undefined || origins.indexOf(candidate.origin) >= origins.indexOf(known.origin))
        candidates.set(candidate.name, candidate)
    }
  }
  const found = [...candidates.values()].flatMap((candidate) => targetsOf(candidate, broken))
  const targets = withoutDoubles(found, broken).toSorted((a, b) => a.type.localeCompare(b.type))
  return { targets, broken }
}

/**
 * Imports the definition of one type; its implementation stays unloaded.
 * @throws ErrandError TARGET_TYPE_NOT_INSTALLED, TARGET_TYPE_UNKNOWN, TARGET_PACKAGE_BROKEN, TARGET_PACKAGE_TOO_NEW
 */
export async function loadDefinition(type: string, installed: InstalledTargets): Promise<TargetDefinition> {
  const target = installed.targets.find((candidate) => candidate.type === type)
  if (target === undefined) throw await missing(type, installed)
  const definition = await importDefinition(target)
  if (!isRecord(definition)) throw unusable(target, 'its module has no default export that describes a target')
  if (definition['contract'] !== contract) throw tooNew(target, definition['contract'])
  if (!isDefinition(definition)) throw unusable(target, 'its definition lacks `type`, `config`, `capabilities` or `load`')
  return definition
}

/** The installed types, read once when first asked for. */
export function openTargetCatalogue(roots: readonly TargetRoot[]): TargetCatalogue {
  let read: Promise<InstalledTargets> | undefined
  const installed = (): Promise<InstalledTargets> => (read ??= installedTargets(roots))
  return { installed, definition: async (type) => loadDefinition(type, await installed()) }
}

function candidatesOf({ directory, origin }: TargetRoot, brokenPackages: BrokenTarget[]): Candidate[] {
  const read = (folder: string, as: TargetOrigin): Candidate[] => {
    const file = readPackage(folder, brokenPackages)
    return file?.targets === undefined ? [] : [{ ...file, origin: as }]
  }
  if (!existsSync(join(directory, 'package.json'))) return packageFolders(directory).flatMap((folder) => read(folder, origin))
  const own = readPackage(directory, brokenPackages)
  if (own === undefined) return []
  if (own.targets !== undefined) return [{ ...own, origin }]
  const dependencies = own.dependencies.flatMap((name) => {
    const folder = resolvePackage(name, directory)
    return folder === undefined ? [] : read(folder, origin)
  })
  return [...dependencies, ...own.linked.flatMap((folder) => read(folder, 'linked'))]
}

/** The packages of a `node_modules` folder, scopes included. */
function packageFolders(directory: string): string[] {
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
function resolvePackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) return undefined
  }
}

function readPackage(folder: string, brokenPackages: BrokenTarget[]): PackageFile | undefined {
  try {
    const directory = realpathSync(folder)
    return parsePackage(directory, JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')))
  } catch (error) {
    brokenPackages.push({ package: folder, reason: `its package.json can't be read: ${errorMessage(error)}` })
    return undefined
  }
}

function parsePackage(directory: string, json: unknown): PackageFile {
  if (!isRecord(json)) throw new Error('it holds no object')
  const errand = isRecord(json['errand']) ? json['errand'] : {}
  const oclif = isRecord(json['oclif']) ? json['oclif'] : {}
  const plugins = Array.isArray(oclif['plugins']) ? oclif['plugins'].filter(isRecord) : []
  return {
    directory,
    name: textOr(json['name'], directory),
    version: textOr(json['version'], '0.0.0'),
    dependencies: [...namesOf(json['dependencies']), ...namesOf(json['devDependencies'])],
    linked: plugins.flatMap(({ type, root }) => (type === 'link' && typeof root === 'string' ? [root] : [])),
    targets: isRecord(errand['targets']) ? errand['targets'] : undefined,
    contract: errand['contract'],
  }
}

function targetsOf(candidate: Candidate, brokenPackages: BrokenTarget[]): InstalledTarget[] {
  if (candidate.contract !== undefined && candidate.contract !== contract) {
    brokenPackages.push({ package: candidate.name, reason: contractReason(candidate.contract) })
    return []
  }
  return Object.entries(candidate.targets ?? {}).flatMap(([type, path]) => {
    const module = typeof path === 'string' ? join(candidate.directory, path) : ''
    const reason = problemOf(type, path, candidate.directory, module)
    if (reason !== undefined) {
      brokenPackages.push({ package: candidate.name, reason })
      return []
    }
    return [{ type, package: candidate.name, version: candidate.version, contract, module, origin: candidate.origin }]
  })
}

function problemOf(type: string, path: unknown, directory: string, module: string): string | undefined {
  const declared = `"errand": {"targets": {"${type}": …}} in its package.json`
  if (typeof path !== 'string') return `${declared} is no path`
  const inside = relative(directory, module)
  if (inside.startsWith(`..${sep}`) || isAbsolute(inside)) return `${declared} leads out of the package: ${path}`
  return existsSync(module) ? undefined : `${declared} names ${path}, which is not there`
}

function withoutDoubles(targets: readonly InstalledTarget[], brokenPackages: BrokenTarget[]): InstalledTarget[] {
  return [...Map.groupBy(targets, (target) => target.type)].flatMap(([type, claims]) => {
    if (claims.length === 1) return claims
    for (const { package: name } of claims) brokenPackages.push({ package: name, reason: doubleReason(type, claims) })
    return []
  })
}

function doubleReason(type: string, claims: readonly InstalledTarget[]): string {
  return `the type "${type}" is claimed by several packages: ${claims.map((claim) => claim.package).join(', ')}`
}

async function importDefinition(target: InstalledTarget): Promise<unknown> {
  try {
    const module: unknown = await import(pathToFileURL(target.module).href)
    return isRecord(module) ? module['default'] : undefined
  } catch (error) {
    throw unusable(target, errorMessage(error), error)
  }
}

async function missing(type: string, { targets, broken: brokenPackages }: InstalledTargets): Promise<ErrandError> {
  const { targetTypes } = await import('./project/index.ts')
  const known = targetTypes.find((candidate) => candidate.type === type || candidate.aliases.includes(type))
  const blamed = brokenPackages.find((candidate) => candidate.package === known?.package || candidate.reason.includes(`"${type}"`))
  if (blamed !== undefined) {
    return new ErrandError(
      'TARGET_PACKAGE_BROKEN',
      `The package ${blamed.package} of target type "${type}" can't be used: ${blamed.reason}.`,
      {
        hint: blamed.reason.includes('several packages')
          ? 'Uninstall all of these packages but one.'
          : `errand plugins install ${blamed.package}`,
      },
    )
  }
  if (known !== undefined) {
    return new ErrandError('TARGET_TYPE_NOT_INSTALLED', `The target type "${type}" is not installed.`, {
      hint: `errand plugins install ${known.package}`,
    })
  }
  const words = [...new Set([...targetTypes.map((candidate) => candidate.type), ...targets.map((target) => target.type)])]
  return new ErrandError('TARGET_TYPE_UNKNOWN', `There is no target type "${type}".`, { hint: `Known types: ${words.join(', ')}.` })
}

function unusable(target: InstalledTarget, reason: string, cause?: unknown): ErrandError {
  return new ErrandError(
    'TARGET_PACKAGE_BROKEN',
    `The package ${target.package} of target type "${target.type}" can't be used: ${reason}.`,
    {
      hint: `errand plugins install ${target.package}`,
      cause,
    },
  )
}

function tooNew(target: InstalledTarget, found: unknown): ErrandError {
  return new ErrandError(
    'TARGET_PACKAGE_TOO_NEW',
    `The package ${target.package} ${target.version} can't be used: ${contractReason(found)}.`,
    {
      hint: `Install the versions of errand and ${target.package} that belong together.`,
    },
  )
}

function contractReason(found: unknown): string {
  return `it is written for contract ${String(found)} of targets, and this errand speaks contract ${contract}`
}

function isDefinition(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, unknown>> & TargetDefinition {
  const capabilities = value['capabilities']
  return (
    typeof value['type'] === 'string' &&
    typeof value['load'] === 'function' &&
    (typeof value['config'] === 'object' || typeof value['config'] === 'function') &&
    value['config'] !== null &&
    (typeof capabilities === 'function' || isRecord(capabilities))
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function namesOf(value: unknown): string[] {
  return isRecord(value) ? Object.keys(value) : []
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback
}
