import type { Target, TargetContext } from '@errand/core'
import type { RemoteConfig } from './target.ts'

export function createTarget(_context: TargetContext<RemoteConfig>): Target {
  throw new Error('not here yet')
}
