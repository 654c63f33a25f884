import { findRun } from '@errand/agent'
import type { CallOptions } from '@errand/core'
import type { KnownRun, OpenedEngine } from './docker-target.ts'
import { removeRunContainer } from './docker-run.ts'
import { lookAtRunContainer } from './run-container-state.ts'

/** Milliseconds. */
const patience = 15_000

/**
 * After a submit that failed or was given up: takes away its container unless the run has started in it, or nobody can tell within some seconds.
 * A container that stays ends by itself.
 */
export async function removeUnclaimed({ engine, agents }: OpenedEngine, run: KnownRun, projectId: string): Promise<void> {
  const options: CallOptions = { signal: AbortSignal.timeout(patience), report: () => {} }
  try {
    // What is still on its way there goes with the connection.
    await agents.forget(run)
    if ((await lookAtRunContainer(engine, run.runId)).state === 'missing') return
    if ((await findRun(await agents.get(run, options), run.runId, projectId, options)) !== undefined) return
    await agents.forget(run)
    await removeRunContainer(engine, run.runId)
  } catch {
    // The failure of the submit is what counts.
  }
}
