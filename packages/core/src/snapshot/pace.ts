import { setImmediate } from 'node:timers/promises'

/** Lets synchronous work of a long loop give way now and then, so that the spinner turns and Ctrl-C is heard. */
export interface Pace {
  /** True when the event loop has waited long enough; then await {@link rest}. */
  due(): boolean
  /** Gives way once. Rejects with the signal's reason when it was aborted. */
  rest(): Promise<void>
}

/** @param longestStretch Milliseconds. */
export function pace(signal: AbortSignal, longestStretch = 40): Pace {
  let since = performance.now()
  return {
    due: () => performance.now() - since > longestStretch,
    rest: async () => {
      await setImmediate()
      signal.throwIfAborted()
      since = performance.now()
    },
  }
}
