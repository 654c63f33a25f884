import { type CallOptions, type Finding, type TargetContext, errorMessage } from '@errand/core'
import type { OpenedEngine } from './docker-target.ts'

/** Looks at the engine, changing nothing. */
export async function* check(
  _context: TargetContext<unknown>,
  opened: (options: CallOptions) => Promise<OpenedEngine>,
  options: CallOptions,
): AsyncGenerator<Finding> {
  try {
    const { engine } = await opened(options)
    const { platform, name, version } = engine
    yield { name: 'engine', outcome: 'ok', detail: `${name} ${version} for ${platform.os}/${platform.architecture} on ${engine.host.name}` }
  } catch (error) {
    options.signal.throwIfAborted()
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
    yield { name: 'engine', outcome: 'failed', detail: errorMessage(error), ...hint }
  }
}
