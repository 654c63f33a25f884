import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TargetRoot } from '@errand/core/targets'

/**
 * Where types of targets come from: what the command line itself depends on, what the user has installed or linked (`dataDirectory` is
 * oclif's), and the folders that `ERRAND_TARGETS` names, which is for tests and for writing plugins.
 */
export function targetRoots(dataDirectory: string): readonly TargetRoot[] {
  const named = (process.env['ERRAND_TARGETS'] ?? '').split(delimiter).filter((directory) => directory !== '')
  return [
    { directory: fileURLToPath(new URL('..', import.meta.url)), origin: 'built-in' },
    { directory: dataDirectory, origin: 'installed' },
    ...named.map((directory) => ({ directory, origin: 'linked' as const })),
  ]
}
