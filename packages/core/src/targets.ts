import type { TargetDefinition } from './target.ts'
import { type InstalledTargets, installedTargets, type TargetRoot } from './targets/installed-targets.ts'
import { loadDefinition } from './targets/load-definition.ts'

export type { BrokenTarget } from './targets/package-file.ts'
export {
  type InstalledTarget,
  type InstalledTargets,
  installedTargets,
  type TargetOrigin,
  type TargetRoot,
} from './targets/installed-targets.ts'
export { loadDefinition } from './targets/load-definition.ts'

/** What a run asks for the type of its target. */
export interface TargetCatalogue {
  installed(): Promise<InstalledTargets>
  /** @throws ErrandError as {@link loadDefinition} */
  definition(type: string): Promise<TargetDefinition>
}

/** The installed types, read once when first asked for. */
export function openTargetCatalogue(roots: readonly TargetRoot[]): TargetCatalogue {
  let read: Promise<InstalledTargets> | undefined
  const installed = (): Promise<InstalledTargets> => (read ??= installedTargets(roots))
  return { installed, definition: async (type) => loadDefinition(type, await installed()) }
}
