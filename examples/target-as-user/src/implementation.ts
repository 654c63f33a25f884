import { type Target, type TargetContext, openCommandHost } from '@errand/core'
import { createProcessTarget } from '@errand/process-engine'
import type { AsUserConfig } from './target.ts'

/** Root becomes the user with `setpriv`; anybody else needs a rule of sudo that asks for no password. */
export function createTarget(context: TargetContext<AsUserConfig>): Target {
  const { user, pythonLocation } = context.config
  const command =
    process.getuid?.() === 0
      ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--reset-env', '--']
      : ['sudo', '-n', '-H', '-u', user, '--']
  return createProcessTarget(context, async ({ signal }) => ({
    host: await openCommandHost(context.host, command, { signal, name: `${user} on this machine` }),
    pythons: [pythonLocation],
  }))
}
