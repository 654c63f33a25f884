import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type EnvironmentFile, type EnvironmentLock, ErrandError, localHost } from '@errand/core'
import { type Drift, drifted, lockDigest } from '@errand/conda'
import { readImageFile } from './brief-container.ts'
import type { Engine } from './engine.ts'
import type { EnvironmentLabel } from './environment-image.ts'

/** The packages of an environment's image, read once: an image never changes. */
export async function imageLock(
  engine: Engine,
  image: string,
  { provider, packagesFile }: EnvironmentLabel,
  { directory, signal }: { readonly directory: string; readonly signal: AbortSignal },
): Promise<EnvironmentLock> {
  const file = join(directory, 'images', `${image.replace(/^sha256:/, '')}.packages.json`)
  const known = await readFile(file, 'utf8').then(packagesIn, () => undefined)
  if (known !== undefined) return { provider, packages: known.map(withProjectPath) }
  const text = (await readImageFile(engine, image, packagesFile, signal))?.toString('utf8')
  if (text === undefined)
    throw new ErrandError('IMAGE_DAMAGED', `The image ${image} has no list of its packages.`, {
      hint: 'Call errand experiment clean --all -t TARGET, and prepare again.',
    })
  const packages = JSON.parse(text) as EnvironmentLock['packages']
  await localHost().writeFile(file, text)
  return { provider, packages: packages.map(withProjectPath) }

  /** A wheel of the project is known by its digest, wherever the image has it. */
  function withProjectPath(item: EnvironmentLock['packages'][number]): EnvironmentLock['packages'][number] {
    const [, digest, name] = /\/build\/files\/([0-9a-f]{64})\/(.+)$/.exec(item.url ?? '') ?? []
    return digest === undefined || name === undefined ? item : { ...item, url: `./${decodeURI(name)}`, hash: `sha256:${digest}` }
  }
}

/** Undefined for what a killed writer has left. */
function packagesIn(text: string): EnvironmentLock['packages'] | undefined {
  try {
    return JSON.parse(text) as EnvironmentLock['packages']
  } catch {
    return undefined
  }
}

/** Error: `ENVIRONMENT_DRIFTED`, which names the packages that are not those of the lock. */
export function requireLock({ file }: EnvironmentFile, lock: EnvironmentLock, found: EnvironmentLock): void {
  if (isLock(lock, found)) return
  const text = ({ version, build = '', hash = '' }: EnvironmentLock['packages'][number]) => [version, build, hash].filter(Boolean).join(' ')
  const [locked, now] = [lock, found].map(({ packages }) => new Map(packages.map((item) => [item.name, text(item)]))) as [
    Map<string, string>,
    Map<string, string>,
  ]
  const names = [...new Set([...locked.keys(), ...now.keys()])].toSorted().filter((name) => locked.get(name) !== now.get(name))
  const differences: Drift[] = names.map((name) => ({ name, locked: locked.get(name) ?? null, found: now.get(name) ?? null }))
  throw drifted(differences, file)
}

export const isLock = (lock: EnvironmentLock, found: EnvironmentLock): boolean => lockDigest(lock) === lockDigest(found)
