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
    append(stream, events, after)
    after = last.cursor
    for (const event of events) await show(event, emit)
  }

  const events = stream.handle.events({ ...callOptions(signal), ...(after === undefined ? {} : { cursor: after }) })[Symbol.asyncIterator]()
  let next = events.next()
  try {
    for (;;) {
      if (batch.length > 0 && !(await isReady(next))) await store()
      if (until !== 'end' && stored < caughtUp.bytes && performance.now() - began > caughtUp.time) break
      const patience = redaction.holds() ? longestHold : until === 'end' ? undefined : until.quiet
      const step = await (patience === undefined ? next : orQuiet(next, patience))
      if (step === 'quiet' ? !redaction.holds() : step.done) break
      const ready = step === 'quiet' ? redaction.letGo() : redaction.push(step.value)
      if (step !== 'quiet') next = events.next()
      batch.push(...ready)
      size += ready.reduce((sum, event) => sum + (event.type === 'log' ? event.data.length : 100), 0)
      const last = ready.at(-1)
      if (last?.type === 'status' && isFinal(last.status)) final = last.status
      if (size >= batchBytes) await store()
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
    let after = start
    let batch: RunEvent[] = []
    let size = 0
    const store = (): boolean => {
      const last = batch.at(-1)
      const outcome = last === undefined ? 'stored' : append(stream, batch, after)
      after = last?.cursor ?? after
      batch = []
      size = 0
      return outcome === 'stored'
    }
    let undisturbed = true
    for await (const event of handle.events({ ...callOptions(signal), ...(start === undefined ? {} : { cursor: start }) })) {
      batch.push(...redaction.push(event))
      size += event.type === 'log' ? event.data.length : 100
      if (size < batchBytes) continue
      undisturbed = store()
      if (!undisturbed) break
    }
    undisturbed &&= store()
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

interface EventRedaction {
  /** The events that may be stored now, secrets replaced: none while the end of the output could be the beginning of a secret. */
  push(event: RunEvent): readonly RunEvent[]
  holds(): boolean
  /** What is held, as it is: it became no secret for so long that the rest of the run must not wait for it. */
  letGo(): readonly RunEvent[]
}

const streams = ['stdout', 'stderr', 'control'] as const
/** Bytes that may wait behind a beginning of a secret. */
const mostHeld = 1024 * 1024

/**
 * An event is let go only when no byte of it or before it is held back: so a stored cursor never stands in the midst of a secret, and who
 * goes on from it later, with another redactor, misses nothing. Bytes that wait too long, or keep too much waiting, are let go as they are:
 * a secret variable that was written whole has been replaced at the place already.
 */
function createEventRedaction(values: ReadonlySet<string>): EventRedaction {
  const redactor = createRedactor(() => [...values])
  let held: RunEvent[] = []
  let size = 0
  const release = (): readonly RunEvent[] => {
    const ready = held
    held = []
    size = 0
    return ready
  }
  const letGo = (): readonly RunEvent[] => {
    const last = held.at(-1)
    if (last !== undefined) held.splice(-1, 0, ...rest(redactor, last))
    return release()
  }
  return {
    push(event) {
      held.push(event.type === 'log' ? { ...event, data: redactor.push(event.stream, event.data) } : redactEvent(event, redactor))
      size += event.type === 'log' ? event.data.length : 100
      if ((event.type === 'status' && isFinal(event.status)) || (redactor.holds() && size > mostHeld)) return letGo()
      return redactor.holds() ? [] : release()
    },
    holds: () => held.length > 0,
    letGo,
  }
}

/** What the streams still hold, as events of their own just before the last. */
function rest(redactor: Redactor, last: RunEvent): RunEvent[] {
  return streams.flatMap((stream) => {
    const data = redactor.flush(stream)
    return data.length === 0 ? [] : [{ type: 'log', cursor: `${last.cursor} ${stream}`, at: last.at, stream, data } as const]
  })
}

function redactEvent(event: Exclude<RunEvent, { type: 'log' }>, redactor: Redactor): RunEvent {
  switch (event.type) {
    case 'metric':
      return { ...event, name: redactor.redactText(event.name), value: redactor.redactJson(event.value) }
    case 'tag':
    case 'property':
      return {
        ...event,
        name: redactor.redactText(event.name),
        ...(event.value === undefined ? {} : { value: redactor.redactText(event.value) }),
      }
    case 'status':
      return { ...event, status: redactStatus(event.status, redactor) }
    default:
      return event
  }
}

/** A status may quote what the script said. */
export function redactStatus(status: RunStatus, redactor: Pick<Redactor, 'redactText'>): RunStatus {
  return 'reason' in status ? { ...status, reason: redactor.redactText(status.reason) } : status
}
