import { type RunRecord, clientAlive, finalStates, thisClient } from '../history/index.ts'

/** Whether the history knows all there is to know, so that no connection is needed. */
export function isSettled(run: RunRecord): boolean {
  return finalStates.has(run.state) && (run.collected || run.reference === undefined)
}

/** Whether another living process drives this run: it collects, we only look. */
export function isDriven(run: RunRecord): boolean {
  if (run.client === undefined) return false
  const self = thisClient()
  return !(run.client.pid === self.pid && run.client.host === self.host) && clientAlive(run.client) !== false
}
