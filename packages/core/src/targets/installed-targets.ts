import { existsSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'
import { contract, contractReason } from './contract.ts'
import { type BrokenTarget, type PackageFile, packageFolders, readPackage, resolvePackage } from './package-file.ts'

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

/** A type of target that can be used. */
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

/** What was found in the folders of plugins. */
export interface InstalledTargets {
  /** Sorted by type. */
  readonly targets: readonly InstalledTarget[]
  readonly broken: readonly BrokenTarget[]
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
