import { type Target, type TargetContext, openCommandHost } from '@errand/core'
import { createProcessTarget } from '@errand/process-engine'
import type { MyTargetConfig } from './target.ts'

/**
 * A run as a supervised process of the place that the command leads to. The engine does the rest: it brings the files, starts, follows,
 * cancels, collects. Another way to reach a place is another `Host`; another way to run is an implementation of `Target` of its own.
 */
export function createTarget(context: TargetContext<MyTargetConfig>): Target {
  const { command, pythonLocation, errandHome } = context.config
  return createProcessTarget(context, async ({ signal }) => ({
    host: await openCommandHost(context.host, command, { signal, name: context.target.name }),
    pythons: [pythonLocation],
    ...(errandHome === undefined ? {} : { home: errandHome }),
  }))
}
