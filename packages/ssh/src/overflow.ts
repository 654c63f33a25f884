import { addAbortListener } from 'node:events'
import { errorCode } from '@errand/core'
import type { ProcessPlace } from './remote-process.ts'

/** A connection over which programs are started. */
export interface OpenedLine extends ProcessPlace {
  readonly connection: { close(): void }
}

/** More connections to one machine, for programs that find no free session: what holds the sessions may wait for just these programs. */
export interface Overflow {
  /** Starts over the first line that has a free session within seconds, over a new one when none has. `signal` ends the wait for that. */
  start<Value>(first: OpenedLine, work: (place: ProcessPlace) => Promise<Value>, signal?: AbortSignal): Promise<Value>
  close(): void
}

/** Milliseconds: programs mostly end, and another login takes longer than many of them. */
const moment = 2000
/** Servers end too many logins of one client. */
const mostLines = 8

export function createOverflow(open: () => Promise<OpenedLine>): Overflow {
  let lines: readonly OpenedLine[] = []
  let opening: Promise<OpenedLine | undefined> | undefined
  let closed = false

  /** One attempt for all that wait for it; undefined when there may be no more, or the server lets nobody in. */
  function another(): Promise<OpenedLine | undefined> {
    if (lines.length >= mostLines) return Promise.resolve(undefined)
    opening ??= open()
      .then(
        (line) => {
          lines = [...lines, line]
          if (closed) line.connection.close()
          return line
        },
        () => undefined,
      )
      .finally(() => (opening = undefined))
    return opening
  }

  return {
    async start(first, work, signal) {
      const tried = new Set<OpenedLine>()
      for (;;) {
        lines = lines.filter(({ lost }) => !lost.aborted)
        const known = [first, ...lines].filter((line) => !tried.has(line))
        const line = known.find(({ pool }) => !pool.isFull()) ?? known[0] ?? (await unlessAborted(another(), signal))
        if (line === undefined || first.lost.aborted) return work(first)
        tried.add(line)
        try {
          return await work({ ...line, patience: moment })
        } catch (error) {
          if (errorCode(error) !== 'SESSIONS_EXHAUSTED') throw error
        }
      }
    },
    close() {
      closed = true
      for (const { connection } of lines) connection.close()
    },
  }
}

/** Rejects with the signal's reason when that comes first: what was begun goes on for others. */
async function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work
  const aborted = Promise.withResolvers<never>()
  using _ = addAbortListener(signal, () => aborted.reject(signal.reason))
  return await Promise.race([work, aborted.promise])
}
