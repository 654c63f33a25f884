import { setImmediate, setTimeout } from 'node:timers/promises'
import { errorCode } from '../errors.ts'
import type { AppendResult, History, RunRecord } from '../history/index.ts'
import type { LogStream } from '../log-record.ts'
import type { CallOptions, Progress, RunEvent, RunHandle, RunStatus } from '../target.ts'
import { callOptions } from './context.ts'
import { createEventRedaction, sizeOf } from './event-redaction.ts'
import { isFinal, isSettled } from './settled.ts'
import type { Emit } from './updates.ts'
import type { RunUpdate } from './update.ts'

/** How far a stream is followed: to the end of the run, or until its place has told nothing for so many milliseconds. */
export type Until = 'end' | { readonly quiet: number }

/** A run at its place and in the history. */
export interface RecordedRun {
  readonly history: History
  readonly runId: string
  readonly handle: RunHandle
  /** Secrets that must be neither shown nor stored. */
  readonly secretValues: ReadonlySet<string>
  readonly signal: AbortSignal
}

export interface EventStream extends RecordedRun {
  /** Where to go on: the log of the record whose output was shown already. */
  readonly from: RunRecord['log']
  readonly until: Until
  readonly emit: Emit<RunUpdate>
}

/** Bytes of output that are stored in one transaction, at most. */
const batchBytes = 1024 * 1024
/** Output that may be the beginning of a secret is let go after so many milliseconds without a word more. */
const longestHold = 1000
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
  const { emit, until } = stream
  const stop = new AbortController()
  const signal = AbortSignal.any([stream.signal, stop.signal])
  const redaction = createEventRedaction(stream.secretValues)
  const batch = openBatch(stream, stream.from.cursor)
  let final: RunStatus | undefined
  let stored = batchBytes
  const began = performance.now()

  async function store(): Promise<void> {
    if (batch.isEmpty()) return
    stored = batch.size()
    for (const event of batch.store().events) await show(event, emit)
  }

  const report = (progress: Progress): void => void emit({ type: 'progress', progress })
  const events = eventsBehind(stream.handle, stream.from.cursor, callOptions(signal, report))[Symbol.asyncIterator]()
  let next = events.next()
  try {
    for (;;) {
      if (!batch.isEmpty() && !(await isReady(next))) await store()
      if (until !== 'end' && stored < caughtUp.bytes && performance.now() - began > caughtUp.time) break
      const patience = redaction.holds() ? longestHold : until === 'end' ? undefined : until.quiet
      const step = await (patience === undefined ? next : orQuiet(next, patience))
      if (step === 'quiet' ? !redaction.holds() : step.done) break
      const ready = step === 'quiet' ? redaction.letGo() : redaction.push(step.value)
      if (step !== 'quiet') next = events.next()
      batch.add(ready)
      const last = ready.at(-1)
      if (last?.type === 'status' && isFinal(last.status)) final = last.status
      if (batch.size() >= batchBytes) await store()
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

interface Batch {
  add(events: readonly RunEvent[]): void
  isEmpty(): boolean
  /** Bytes. */
  size(): number
  /** Puts what was added into the history, behind what was stored before, and begins anew. */
  store(): { readonly events: readonly RunEvent[]; readonly outcome: AppendResult['outcome'] }
}

/** Events that go into the history in one transaction; `after` is the cursor that they follow. */
function openBatch(run: RecordedRun, after: string | undefined): Batch {
  let events: RunEvent[] = []
  let size = 0
  return {
    add(more) {
      events.push(...more)
      for (const event of more) size += sizeOf(event)
    },
    isEmpty: () => events.length === 0,
    size: () => size,
    store() {
      const batch = events
      const last = batch.at(-1)
      if (last === undefined) return { events: batch, outcome: 'stored' }
      events = []
      size = 0
      const outcome = append(run, batch, after)
      after = last.cursor
      return { events: batch, outcome }
    },
  }
}

function eventsBehind(handle: RunHandle, cursor: string | undefined, options: CallOptions): AsyncIterable<RunEvent> {
  return handle.events({ ...options, ...(cursor === undefined ? {} : { cursor }) })
}

/** An untracked run is forgotten with its end by the process that drives it: whoever follows it still shows it, and stores nothing. */
function append({ history, runId }: RecordedRun, events: readonly RunEvent[], after: string | undefined): AppendResult['outcome'] {
  try {
    return history.appendEvents(runId, events, after).outcome
  } catch (error) {
    if (errorCode(error) === 'RUN_NOT_FOUND') return 'elsewhere'
    throw error
  }
}

/**
 * Makes the record complete, from its own cursor on and without showing anything: this has to be done before a run is removed from its
 * place. A follower stores only what continues the record; when the one that was ahead of it has died, the rest is still to be stored.
 */
export async function completeRecord(stream: RecordedRun): Promise<void> {
  const { history, runId, handle, signal } = stream
  for (;;) {
    const run = history.get(runId)
    if (run === undefined || isSettled(run)) return
    const start = run.log.cursor
    const redaction = createEventRedaction(stream.secretValues)
    const batch = openBatch(stream, start)
    let undisturbed = true
    for await (const event of eventsBehind(handle, start, callOptions(signal))) {
      batch.add(redaction.push(event))
      if (batch.size() < batchBytes) continue
      undisturbed = batch.store().outcome === 'stored'
      if (!undisturbed) break
    }
    undisturbed &&= batch.store().outcome === 'stored'
    // Somebody else stored meanwhile: from where the record is now. No event behind its cursor: it is complete.
    if (undisturbed) return
  }
}

/** Whether the next event is there already, so that it can go into the same transaction. */
function isReady(next: Promise<unknown>): Promise<boolean> {
  return Promise.race([next.then(() => true), setImmediate(false)])
}

async function orQuiet(next: Promise<IteratorResult<RunEvent>>, patience: number): Promise<IteratorResult<RunEvent> | 'quiet'> {
  const timer = new AbortController()
  try {
    return await Promise.race([next, setTimeout(patience, 'quiet' as const, { signal: timer.signal })])
  } finally {
    timer.abort()
  }
}
