import { replaceCredentials } from '@errand/core'
import type { EnvironmentContent } from './content.ts'
import { compareVersions } from './python-version.ts'
import type { Tool } from './step.ts'

/** How uv is called at the place, and the tool to be made before, unless the place has its own. */
export interface Uv {
  readonly command: readonly string[]
  readonly version: string
  readonly tool?: Tool
}

/** Python versions that uv still installs for. */
export const oldestForUv = [3, 8] as const
/** Certificates of the system count, as they do for pip. */
export function uvEnvironment(version: string): Readonly<Record<string, string>> {
  const certificates = compareVersions(version, '0.11') < 0 ? 'UV_NATIVE_TLS' : 'UV_SYSTEM_CERTS'
  return { UV_PYTHON_DOWNLOADS: 'never', UV_NO_PROGRESS: '1', [certificates]: 'true' }
}

/** What uv and pip keep for a next time, which users of the place have in common with everything else of theirs, would have the address as it is. */
export const cacheless = ({ pip, pipOptions }: EnvironmentContent): Readonly<Record<string, string>> =>
  [...pip, ...pipOptions.map(({ value = '' }) => value)].some(holdsQuery) ? { UV_NO_CACHE: '1', PIP_NO_CACHE_DIR: '1' } : {}

function holdsQuery(text: string): boolean {
  const kinds = new Set<string>()
  replaceCredentials(text, ({ kind }) => (kinds.add(kind), ''))
  return kinds.has('query')
}
