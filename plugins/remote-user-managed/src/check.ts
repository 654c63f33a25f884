import { type CallOptions, type Finding, type Target, type TargetContext, errorMessage, formatBytes } from '@errand/core'
import { type OpenedOnce, spaceWarning } from '@errand/process-engine'
import { checkMachine } from '@errand/ssh'
import { type Machine, lookAt } from './machine.ts'
import type { Reached } from './reach.ts'
import type { RemoteConfig } from './target.ts'

/** Looks at every hop, changing nothing there but to send the agent. A hop that is not passed ends the look. */
export async function* checkRemote(
  context: TargetContext<RemoteConfig>,
  reached: OpenedOnce<Reached>,
  target: Target,
  options: CallOptions,
): AsyncGenerator<Finding> {
  const host = yield* checkMachine(context, async () => (await reached.get(options)).host, options.signal)
  if (host === undefined) return
  const { home } = await reached.get(options)
  yield* machineFindings(await lookAt(host, home, options))
  yield* target.check(options)
  yield await sparkFinding(context, target, options)
}

const clockTolerance = 60_000

function* machineFindings({ folder, writable, free, clock }: Machine): Generator<Finding> {
  yield writable
    ? { name: 'writable', outcome: 'ok', detail: folder }
    : {
        name: 'writable',
        outcome: 'failed',
        detail: `${folder} can't be written.`,
        hint: 'Make it writable, or set ERRAND_HOME for that user (in ~/.ssh/environment or by SetEnv of the server) to a folder that is.',
      }
  const warning = spaceWarning(folder, free ?? null)
  if (warning !== undefined)
    yield {
      name: 'disk space',
      outcome: 'warning',
      detail: warning,
      hint: 'errand experiment clean --all -t TARGET frees what errand keeps.',
    }
  else if (free !== undefined) yield { name: 'disk space', outcome: 'ok', detail: `${formatBytes(free)} free` }
  if (Math.abs(clock) <= clockTolerance) return
  const minutes = Math.round(Math.abs(clock) / 60_000)
  yield {
    name: 'clock',
    outcome: 'warning',
    detail: `It is ${minutes} minutes ${clock > 0 ? 'ahead of' : 'behind'} this machine's.`,
    hint: 'Times of runs are those of that machine; durations are right.',
  }
}

/** A machine without Spark is a good machine for all other runs. */
async function sparkFinding({ project }: TargetContext<RemoteConfig>, target: Target, options: CallOptions): Promise<Finding> {
  const request = { project: project.name, projectId: project.id, framework: 'pyspark', environment: { kind: 'user-managed' } } as const
  try {
    const { data } = await target.prepare(request, { ...options, build: false })
    const found = typeof data === 'object' && data !== null && 'sparkSubmit' in data ? data['sparkSubmit'] : ''
    return { name: 'spark-submit', outcome: 'ok', detail: typeof found === 'string' ? found : '' }
  } catch (error) {
    options.signal.throwIfAborted()
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? `\n${error.hint}` : ''
    return {
      name: 'spark-submit',
      outcome: 'warning',
      detail: errorMessage(error),
      hint: `Only runs with Framework: PySpark need it.${hint}`,
    }
  }
}
