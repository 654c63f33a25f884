import { type RunRecord, finalStates } from '../history/index.ts'

/** Whether the history knows all there is to know, so that no connection is needed. */
export function isSettled(run: RunRecord): boolean {
  return finalStates.has(run.state) && (run.collected || run.reference === undefined)
}
