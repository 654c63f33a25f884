import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '@errand/core'
import type { CallSettings } from './connection.ts'

/** Calls that change nothing, or change the same thing once however often they arrive. */
const repeatable: ReadonlySet<string> = new Set(
  'read status find collect fetch leftovers missing stage put adopt start cancel remove storageLook'.split(' '),
)

/** What a place answers when the way to it broke, not when it could not do what it was asked. */
const lost: ReadonlySet<string> = new Set(['AGENT_CONNECTION_LOST', 'CONNECTION_LOST'])

export const isLost = (error: unknown): boolean => lost.has(errorCode(error) ?? '')

/** A body that is read from a stream is gone after the first time; parts of an answer that arrived would arrive twice. */
export function isRepeatable(name: string, { body, part }: CallSettings): boolean {
  return repeatable.has(name) && part === undefined && (body === undefined || Buffer.isBuffer(body))
}

const longestWait = 30_000
/**
 * Milliseconds of waiting after which a place is given up. The time of the calls themselves does not count: one may be long, or be slept
 * through, and the host waits for its network besides.
 */
const patience = 120_000

/** At once, then after 1, 2, 4 … seconds. `told` hears of each lost call that is made again. */
export async function repeatWhileLost<Value>(
  call: () => Promise<Value>,
  signal: AbortSignal,
  told?: (error: unknown) => void,
): Promise<Value> {
  let waited = 0
  for (let wait = 0; ; wait = Math.min(wait === 0 ? 1000 : 2 * wait, longestWait)) {
    try {
      return await call()
    } catch (error) {
      waited += wait
      if (!isLost(error) || waited > patience) throw error
      told?.(error)
      await sleep(wait, undefined, { signal })
    }
  }
}

/** An abort gives up the waiting, not what is waited for: its failure is then nobody's. */
export function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
  })
}
