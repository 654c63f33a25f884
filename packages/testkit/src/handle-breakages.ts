import type { RunEvent, RunHandle, RunStatus } from '@errand/core'
import type { BrokenHandle, HandleChange } from './break-target.ts'
import { isFinal, readEvents } from './run-events.ts'
import { unaborted } from './target-breakages.ts'

type EventOptions = Parameters<RunHandle['events']>[0]

/** Tells other events than there are: none, one or several in place of each. */
const telling =
  (change: (event: RunEvent, broken: BrokenHandle, before: readonly RunEvent[]) => readonly RunEvent[]): HandleChange =>
  (broken) => ({
    async *events(options) {
      const before: RunEvent[] = []
      for await (const event of broken.inner.events(options)) {
        yield* change(event, broken, before)
        before.push(event)
      }
    },
  })

/** Tells another status, asked or unasked. */
const judging =
  (change: (status: RunStatus, broken: BrokenHandle) => RunStatus): HandleChange =>
  (broken) => ({
    status: async (options) => change(await broken.inner.status(options), broken),
    async *events(options) {
      for await (const event of broken.inner.events(options))
        yield event.type === 'status' ? { ...event, status: change(event.status, broken) } : event
    },
  })

const printing = (change: (data: Buffer, stream: string, before: readonly RunEvent[]) => Uint8Array): HandleChange =>
  telling((event, _broken, before) => [
    event.type === 'log' ? { ...event, data: change(Buffer.from(event.data), event.stream, before) } : event,
  ])

/** Faults of what a handle tells and does. */
export const handleBreakages = {
  'skips an event after a cursor': ({ inner }) => ({
    async *events(options) {
      let skipped = options.cursor === undefined
      for await (const event of inner.events(options)) {
        if (skipped || event.type !== 'log') yield event
        else skipped = true
      }
    },
  }),
  'repeats the event of a cursor': ({ inner, memory, key }) => ({
    async *events(options) {
      const seen = memory.events.get(`${key} ${options.cursor}`)
      if (seen?.type === 'log') yield seen
      for await (const event of inner.events(options)) {
        memory.events.set(`${key} ${event.cursor}`, event)
        yield event
      }
    },
  }),
  'tells bytes as text': printing((data) => Buffer.from(data.toString('utf8'))),
  'cuts long output': printing((data, stream, before) => {
    const printed = before.reduce((sum, event) => sum + (event.type === 'log' && event.stream === stream ? event.data.length : 0), 0)
    return data.subarray(0, Math.max(0, 4_000_000 - printed))
  }),
  'shows frames of its own': printing((data) =>
    Buffer.from(data.toString('latin1').replace('  File "', '  File "runner.py", line 1, in run\n  File "'), 'latin1'),
  ),
  'tells the streams one after the other': ({ inner }) => ({
    async *events(options) {
      const late: RunEvent[] = []
      for await (const event of inner.events(options)) {
        if (event.type === 'log' && event.stream === 'stderr') late.push(event)
        else if (event.type === 'status' && isFinal(event.status)) yield* [...late, event]
        else yield event
      }
    },
  }),
  'drops metrics': telling((event) => (event.type === 'metric' ? [] : [event])),
  'ends twice': telling((event) => (event.type === 'status' && isFinal(event.status) ? [event, event] : [event])),
  'loses exit codes': judging((status) => {
    if (status.state !== 'failed') return status
    const { exitCode: _lost, ...rest } = status
    return rest
  }),
  'calls a signal an exit': judging((status) =>
    status.state === 'failed' && status.cause === 'signal' ? { ...status, cause: 'exit' } : status,
  ),
  'gives no reasons': judging((status) => (status.state === 'failed' ? { ...status, reason: 'It failed.' } : status)),
  'says failed for lost': judging((status) =>
    status.state === 'lost' ? { state: 'failed', cause: 'machine', reason: status.reason } : status,
  ),
  'says cancelled at once': ({ inner, memory, key }) => ({
    status: async (options) => (memory.cancelled.has(key) ? { state: 'cancelled' } : inner.status(options)),
    events: (options) => (memory.cancelled.has(key) ? cancelledAtOnce() : inner.events(options)),
    cancel: async () => void memory.cancelled.add(key),
    async remove(options) {
      await inner.cancel(options)
      await readEvents(inner, options)
      await inner.remove(options)
    },
  }),
  'cancels what has ended': ({ inner, memory, key }) => ({
    async cancel(options) {
      memory.cancelled.add(key)
      await inner.cancel(options)
    },
    status: async (options) => (memory.cancelled.has(key) ? { state: 'cancelled' } : inner.status(options)),
  }),
  'cancels once': ({ inner, memory, key }) => ({
    async cancel(options) {
      onlyOnce(memory.cancelled, key, 'It has been cancelled.')
      await inner.cancel(options)
    },
  }),
  'cancels what was read alone': ({ inner, memory, key }) => ({
    async cancel(options) {
      if (memory.read.has(key)) await inner.cancel(options)
    },
    events(options) {
      memory.read.add(key)
      return inner.events(options)
    },
  }),
  'stops with its reader': ({ inner }) => ({ events: (options) => cancelledByLeaving(inner, options) }),
  'collects after success alone': ({ inner }) => ({
    collect: async (directory, options) => ((await inner.status(options)).state === 'completed' ? inner.collect(directory, options) : []),
  }),
  'collects everything': ({ inner }) => ({ collect: (directory, options) => inner.collect(directory, { ...options, include: ['**'] }) }),
  'refuses to collect nothing': ({ inner }) => ({
    async collect(directory, options) {
      const paths = await inner.collect(directory, options)
      if (paths.length === 0) throw new Error('There is nothing to collect.')
      return paths
    },
  }),
  'keeps what it removes': () => ({ remove: async () => {} }),
  'removes once': ({ inner, memory, key }) => ({
    async remove(options) {
      onlyOnce(memory.removed, key, 'It has been removed.')
      await inner.remove(options)
    },
  }),
  'ignores aborts': ({ inner }) => ({
    status: (options) => inner.status(unaborted(options)),
    events: (options) => inner.events(unaborted(options)),
    cancel: (options) => inner.cancel(unaborted(options)),
  }),
} satisfies Record<string, HandleChange>

function onlyOnce(done: Set<string>, key: string, message: string): void {
  if (done.has(key)) throw new Error(message)
  done.add(key)
}

async function* cancelledAtOnce(): AsyncGenerator<RunEvent> {
  yield { cursor: 'cancelled', at: new Date().toISOString(), type: 'status', status: { state: 'cancelled' } }
}

async function* cancelledByLeaving(inner: RunHandle, options: EventOptions): AsyncGenerator<RunEvent> {
  let ended = false
  try {
    for await (const event of inner.events(options)) {
      ended ||= event.type === 'status' && isFinal(event.status)
      yield event
    }
  } finally {
    if (!ended) await inner.cancel(options)
  }
}
