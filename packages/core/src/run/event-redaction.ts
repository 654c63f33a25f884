import { type Redactor, createRedactor } from '../redaction.ts'
import type { RunEvent, RunStatus } from '../target.ts'
import { isFinal } from './settled.ts'

/** About what an event takes, in bytes. */
export const sizeOf = (event: RunEvent): number => (event.type === 'log' ? event.data.length : 100)

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
export function createEventRedaction(values: ReadonlySet<string>): EventRedaction {
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
      size += sizeOf(event)
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
