import type { CallOptions } from '@errand/core'
import { unlessAborted } from './repeated-call.ts'

/** Something that is opened by the first call that needs it and shared by all of them. */
export interface OpenedOnce<Opened, Options extends CallOptions = CallOptions> extends AsyncDisposable {
  get(options: Options): Promise<Opened>
}

/**
 * Opens at the first call. An abort gives up one call's waiting, not the opening, which others may wait for: only closing ends that.
 * A failed opening is not kept: the next call tries again. What else stands in the options counts for the call that opens.
 */
export function openOnce<Opened extends AsyncDisposable, Options extends CallOptions = CallOptions>(
  open: (options: Options) => Promise<Opened>,
): OpenedOnce<Opened, Options> {
  const closing = new AbortController()
  let opened: Promise<Opened> | undefined
  return {
    async get(options) {
      const { signal } = options
      signal.throwIfAborted()
      opened ??= open({ ...options, signal: closing.signal }).catch((error: unknown) => {
        opened = undefined
        throw error
      })
      return unlessAborted(opened, signal)
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      const running = await opened?.catch(() => undefined)
      await running?.[Symbol.asyncDispose]()
    },
  }
}
