import type { EnvironmentLock } from '@errand/core'
import type { Making } from './step.ts'

const providerNames = ['micromamba', 'mamba', 'conda', 'rattler', 'uv'] as const
export type ProviderName = (typeof providerNames)[number]

/** What makes an environment with Python and the conda part in it. */
export interface Provider {
  readonly name: ProviderName
  readonly version: string
  /** `3.11`, of a provider that uses a Python of the place. */
  readonly python?: string
  create(wanted: Wanted): Making
}

export interface Wanted {
  /** Absolute; does not exist yet. */
  readonly prefix: string
  /** Folder that the returned files are written to. */
  readonly folder: string
  /** As conda names it. */
  readonly platform: string
  readonly channels: readonly string[]
  readonly specs: readonly string[]
  /** Exactly these packages. */
  readonly lock?: EnvironmentLock
}

/** The conda packages of a lock: those with a build. */
export const lockedConda = (lock: EnvironmentLock): EnvironmentLock['packages'] => lock.packages.filter(({ build }) => build !== undefined)
