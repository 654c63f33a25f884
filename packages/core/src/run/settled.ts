import { type RunRecord, clientAlive, thisClient } from '../history/index.ts'
import type { RunStatus } from '../target.ts'

export { isSettled } from '../history/index.ts'

/** Whether another living process drives this run: it collects, we only look. */
export function isDriven(run: RunRecord): boolean {
  if (run.client === undefined) return false
  const self = thisClient()
  return !(run.client.pid === self.pid && run.client.host === self.host) && clientAlive(run.client) !== false
}

export function isFinal(status: RunStatus): boolean {
  return status.state !== 'queued' && status.state !== 'running'
}
