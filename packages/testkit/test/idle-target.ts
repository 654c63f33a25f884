import type { RunEvent, RunHandle, RunStatus, Target } from '@errand/core'

export interface IdleTarget extends Target {
  /** What was asked of it, in order. */
  readonly calls: readonly string[]
}

/** Answers everything politely and does nothing: no check of a running target may be content with it. */
export function idleTarget(status: RunStatus = { state: 'lost', reason: 'Nothing was ever run here.' }): IdleTarget {
  const calls: string[] = []
  const note = (call: string) => void calls.push(call)
  const handle: RunHandle = {
    status: async () => status,
    async *events(): AsyncGenerator<RunEvent> {
      yield { cursor: '1', at: '2026-01-01T00:00:00Z', type: 'status', status }
    },
    cancel: async () => note('cancel'),
    collect: async () => [],
    remove: async () => note('remove'),
    [Symbol.asyncDispose]: async () => note('close handle'),
  }
  return {
    calls,
    async *check() {},
    plan: async () => ({ environment: { key: '', ready: true, changed: [] }, steps: [] }),
    prepare: async () => ({ environmentKey: '' }),
    async submit({ runId }) {
      note('submit')
      return { externalId: runId }
    },
    find: async () => undefined,
    attach: async () => handle,
    async *leftovers() {},
    removeLeftover: async () => note('remove leftover'),
    [Symbol.asyncDispose]: async () => note('close'),
  }
}
