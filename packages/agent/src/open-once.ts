import type { CallOptions } from '@errand/core'
import { unlessAborted } from './repeated-call.ts'

/** Something that is opened by the first call that needs it and shared by all of them. */
export interface OpenedOnce<Opened> extends AsyncDisposable {
  get(options: CallOptions): Promise<Opened>
}

/**
 * Opens at the first call. An abort gives up one call's waiting, not the opening, which others may wait for: only closing ends that.
 * A failed opening is not kept: the next call tries again.
 */
export function openOnce<Opened extends AsyncDisposable>(open: (options: CallOptions) => Promise<Opened>): OpenedOnce<Opened> {
  const closing = new AbortController()
  let opened: Promise<Opened> | undefined
  return {
    async get({ signal, report }) {
      signal.throwIfAborted()
      opened ??= open({ signal: closing.signal, report }).catch((error: unknown) => {
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
