import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ErrandError } from '../errors.ts'
import type { SnapshotFile } from '../request.ts'
import { objectPath } from './object-store.ts'
import { objectWriter } from './object-writer.ts'
import { pace } from './pace.ts'

/**
 * Stores the content of files of the project that an environment is made from, unless it is stored. What is stored is what was planned with:
 * a file that has another content by now is the error `FILE_CHANGED`.
 */
export async function storeLocalFiles(
  { directory, state, signal }: { readonly directory: string; readonly state: string; readonly signal: AbortSignal },
  files: readonly SnapshotFile[],
): Promise<void> {
  const missing = files.filter(({ digest, size }) => statSync(objectPath(state, digest), { throwIfNoEntry: false })?.size !== size)
  if (missing.length === 0) return
  mkdirSync(join(state, 'objects'), { recursive: true, mode: 0o700 })
  const writer = objectWriter({ state, pace: pace(signal), onRead: () => {} })
  for (const { path, digest } of missing) {
    const outcome = await writer.store(join(directory, path))
    if (outcome.kind === 'stored' && outcome.digest === digest) continue
    const what = outcome.kind === 'stored' || outcome.kind === 'changing' ? 'has changed since' : 'can not be read any more since'
    throw new ErrandError('FILE_CHANGED', `${path} ${what} the dependency file was read.`, { hint: 'Call the same command again.' })
  }
}
