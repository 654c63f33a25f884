import type { RunStatus } from '@errand/core'

/** The contract's status without what the agent keeps beside it (process ids). */
export function toStatus(answer: object): RunStatus {
  const { processes: _processes, hostname: _hostname, python: _python, ...status } = answer as RunStatus & Record<string, unknown>
  return status
}
