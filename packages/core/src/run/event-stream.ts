import { setImmediate, setTimeout } from 'node:timers/promises'
import { errorCode } from '../errors.ts'
import type { AppendResult, History, RunRecord } from '../history/index.ts'
import { type Redactor, createRedactor } from '../redaction.ts'
import type { LogStream } from '../log-record.ts'
import type { RunEvent, RunHandle, RunStatus } from '../target.ts'
import { callOptions } from './context.ts'
import { isSettled } from './settled.ts'
import type { Emit } from './updates.ts'
import type { RunUpdate } from './update.ts'

/** How far a stream is followed: to the end of the run, or only until its place has nothing more to tell for the moment. */
export type Until = 'end' | 'quiet'

export interface EventStream {
  readonly history: History
  readonly runId: string
  readonly handle: RunHandle
  /** Where to go on: the log of the record whose output was shown already. */
  readonly from: RunRecord['log']
  readonly until: Until
  /** Secrets that must be neither shown nor stored. */
  readonly secretValues: ReadonlySet<string>
  readonly emit: Emit<RunUpdate>
  readonly signal: AbortSignal
}

/** Bytes of output that are stored in one transaction, at most. */
const batchBytes = 1024 * 1024
/** A place that says nothing for so long, in milliseconds, has told all that it knows now. */
const quietTime = 400
/** A run that never is quiet: after so many milliseconds, a batch of less than so many bytes means that its place has been caught up with. */
const caughtUp = { time: 1000, bytes: 64 * 1024 }

/**
 * Brings the events of a run into its history and shows them, in this order: what is on the screen is stored. Answers the final status,
 * or undefined when it stopped before. Several processes may do this for one run at once: when another one has brought everything here
 * and had the run removed from its place, the rest is shown from the history.
 */
export async function followEvents(stream: EventStream): Promise<RunStatus | undefined> {
  const shown = new Map<LogStream, number>()
  const emit: Emit<RunUpdate> = (update) => {
    if (update.type === 'log') shown.set(update.stream, (shown.get(update.stream) ?? 0) + update.data.length)
    return stream.emit(update)
  }
  try {
    const final = await followAtPlace({ ...stream, emit })
    if (final?.state !== 'lost') return final
    return endedElsewhere(stream) ? await showRest(stream, shown) : final
  } catch (error) {
    if (stream.signal.aborted || !endedElsewhere(stream)) throw error
    return showRest(stream, shown)
  }
}

function endedElsewhere({ history, runId }: EventStream): boolean {
  const run = history.get(runId)
  return run !== undefined && isSettled(run) && run.state !== 'lost'
}

async function showRest(
  { history, runId, from, emit }: EventStream,
  shown: ReadonlyMap<LogStream, number>,
): Promise<RunStatus | undefined> {
  const left = new Map(shown)
  for (const { stream, data } of history.readLog(runId, { from: from.size })) {
    const known = Math.min(left.get(stream) ?? 0, data.length)
    left.set(stream, (left.get(stream) ?? 0) - known)
    if (known < data.length) await emit({ type: 'log', stream, data: data.subarray(known) })
  }
  return history.get(runId)?.status
}

async function followAtPlace(stream: EventStream): Promise<RunStatus | undefined> {
  const { emit } = stream
  const stop = new AbortController()
  const signal = AbortSignal.any([stream.signal, stop.signal])
  const redaction = createEventRedaction(stream.secretValues)
  let after = stream.from.cursor
  let final: RunStatus | undefined
  let batch: RunEvent[] = []
  let size = 0
  let stored = batchBytes
  const began = performance.now()

  async function store(): Promise<void> {
    const last = batch.at(-1)
    if (last === undefined) return
    const events = batch
    batch = []
    stored = size
    size = 0
    // The machine had lost power and the copy with it: everything is read again from the place, and nothing shown twice.
    if (append(stream, events, after) === 'rewound') await restore(stream, redaction, last.cursor)
    after = last.cursor
    for (const event of events) await show(event, emit)
  }

  const events = stream.handle.events({ ...callOptions(signal), ...(after === undefined ? {} : { cursor: after }) })[Symbol.asyncIterator]()
  let next = events.next()
  try {
    for (;;) {
      if (batch.length > 0 && !(await isReady(next))) await store()
      if (stream.until === 'quiet' && stored < caughtUp.bytes && performance.now() - began > caughtUp.time) break
      const step = await (stream.until === 'quiet' ? orQuiet(next) : next)
      if (step === 'quiet' || step.done) break
      next = events.next()
      const ready = redaction.push(step.value)
      batch.push(...ready)
      size += ready.reduce((sum, event) => sum + (event.type === 'log' ? event.data.length : 100), 0)
      if (size >= batchBytes) await store()
      if (step.value.type === 'status' && isFinal(step.value.status)) final = step.value.status
    }
    await store()
  } finally {
    stop.abort()
    next.catch(() => {})
    await events.return?.().catch(() => {})
  }
  stream.signal.throwIfAborted()
  if (final !== undefined && final.state !== 'lost') await emit({ type: 'status', status: final })
  return final
}

async function show(event: RunEvent, emit: Emit<RunUpdate>): Promise<void> {
  if (event.type === 'log') {
    if (event.data.length > 0) await emit({ type: 'log', stream: event.stream, data: event.data })
  } else if (event.type === 'status' && !isFinal(event.status)) {
    await emit({ type: 'status', status: event.status })
  }
}

export function isFinal(status: RunStatus): boolean {
  return status.state !== 'queued' && status.state !== 'running'
}

/** An untracked run is forgotten with its end by the process that drives it: whoever follows it still shows it, and stores nothing. */
function append({ history, runId }: EventStream, events: readonly RunEvent[], after: string | undefined): AppendResult['outcome'] {
  try {
    return history.appendEvents(runId, events, after).outcome
  } catch (error) {
    if (errorCode(error) === 'RUN_NOT_FOUND') return 'elsewhere'
    throw error
  }
}

async function restore(stream: EventStream, redaction: EventRedaction, upTo: string): Promise<void> {
  let after: string | undefined
  redaction.reset()
  for await (const event of stream.handle.events(callOptions(stream.signal))) {
    const ready = redaction.push(event)
    if (ready.length > 0) stream.history.appendEvents(stream.runId, ready, after)
    after = ready.at(-1)?.cursor ?? after
    if (event.cursor === upTo) return
  }
}

/** Whether the next event is there already, so that it can go into the same transaction. */
function isReady(next: Promise<unknown>): Promise<boolean> {
  return Promise.race([next.then(() => true), setImmediate(false)])
}

async function orQuiet(next: Promise<IteratorResult<RunEvent>>): Promise<IteratorResult<RunEvent> | 'quiet'> {
  const timer = new AbortController()
  try {
    return await Promise.race([next, setTimeout(quietTime, 'quiet' as const, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}

interface EventRedaction {
  /** The events that may be stored now, secrets replaced: none while the end of the output could be the beginning of a secret. */
  push(event: RunEvent): readonly RunEvent[]
  reset(): void
}

const streams = ['stdout', 'stderr', 'control'] as const

/**
 * An event is let go only when no byte of it or before it is held back: so a stored cursor never stands in the midst of a secret, and who
 * goes on from it later, with another redactor, misses nothing.
 */
function createEventRedaction(values: ReadonlySet<string>): EventRedaction {
  let redactor: Redactor = createRedactor(() => [...values])
  let held: RunEvent[] = []
  return {
    push(event) {
      held.push(event.type === 'log' ? { ...event, data: redactor.push(event.stream, event.data) } : redactEvent(event, redactor))
      if (event.type === 'status' && isFinal(event.status)) held.splice(-1, 0, ...rest(redactor, event))
      else if (redactor.holds()) return []
      const ready = held
      held = []
      return ready
    },
    reset() {
      redactor = createRedactor(() => [...values])
      held = []
    },
  }
}

/** What the streams still held when the run ended, as events of their own just before its last. */
function rest(redactor: Redactor, last: RunEvent): RunEvent[] {
  return streams.flatMap((stream) => {
    const data = redactor.flush(stream)
    return data.length === 0 ? [] : [{ type: 'log', cursor: `${last.cursor} ${stream}`, at: last.at, stream, data } as const]
  })
}

function redactEvent(event: Exclude<RunEvent, { type: 'log' }>, redactor: Redactor): RunEvent {
  if (event.type === 'metric') return { ...event, name: redactor.redactText(event.name), value: redactor.redactJson(event.value) }
  if ((event.type === 'tag' || event.type === 'property') && event.value !== undefined)
    return { ...event, value: redactor.redactText(event.value) }
  if (event.type === 'status' && 'reason' in event.status)
    return { ...event, status: { ...event.status, reason: redactor.redactText(event.status.reason) } }
  return event
}
