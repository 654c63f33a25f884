import assert from 'node:assert/strict'
import type { CallOptions, JsonValue, RunEvent, RunHandle, RunStatus } from '@errand/core'

/** What stands in front of a line by which a script of the suite tells what it saw, as JSON. */
export const reportMark = 'errand-testkit: '

/** Reads events after a cursor, to the end or up to and with the first that `last` accepts. */
export async function readEvents(
  handle: RunHandle,
  options: CallOptions & { readonly cursor?: string },
  last: (event: RunEvent, index: number) => boolean = () => false,
): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const event of handle.events(options)) {
    events.push(event)
    if (last(event, events.length - 1)) break
  }
  return events
}

/** Accepts the event with which the script has printed this text on stdout, in however many pieces. */
export function hasPrinted(text: string): (event: RunEvent) => boolean {
  const seen: RunEvent[] = []
  return (event) => {
    seen.push(event)
    return bytesOf(seen, 'stdout').includes(text)
  }
}

/** Accepts the event with which a whole report of the script is there. */
export function hasReported(): (event: RunEvent) => boolean {
  const seen: RunEvent[] = []
  return (event) => {
    seen.push(event)
    return findReport(seen) !== undefined
  }
}

/** Everything that went to one stream, in order. */
export function bytesOf(events: readonly RunEvent[], stream: 'stdout' | 'stderr' | 'control'): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.type === 'log' && event.stream === stream ? [event.data] : [])))
}

export function isFinal(status: RunStatus): boolean {
  return status.state !== 'queued' && status.state !== 'running'
}

/** The status that ends the events; fails when they do not end with a final one. */
export function finalStatus(events: readonly RunEvent[]): RunStatus {
  const last = events.at(-1)
  assert.ok(last?.type === 'status' && isFinal(last.status), `the events end with a final status, not with ${JSON.stringify(last?.type)}`)
  return last.status
}

/** What the script reported; undefined while it has not. */
export function findReport(events: readonly RunEvent[]): JsonValue | undefined {
  const stdout = bytesOf(events, 'stdout').toString('utf8')
  const start = stdout.indexOf(reportMark)
  const end = stdout.indexOf('\n', Math.max(0, start))
  if (start < 0 || end < 0) return undefined
  return JSON.parse(stdout.slice(start + reportMark.length, end)) as JsonValue
}

/** What the script reported; fails, showing what it printed instead, when it reported nothing. */
export function reportOf(events: readonly RunEvent[]): unknown {
  const report = findReport(events)
  if (report === undefined) {
    const printed = (['stdout', 'stderr', 'control'] as const).map(
      (stream) => `${stream}: ${bytesOf(events, stream).toString('utf8').slice(-2000)}`,
    )
    assert.fail(`the script told what it saw; instead:\n${printed.join('\n')}`)
  }
  return report
}

/** Compares long outputs; the message shows the surroundings of the first difference, not all of both. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return
  let at = 0
  while (at < actual.length && actual[at] === expected[at]) at += 1
  const around = (bytes: Uint8Array) => JSON.stringify(Buffer.from(bytes.subarray(Math.max(0, at - 30), at + 30)).toString('latin1'))
  assert.fail(
    `${what}: ${actual.length} bytes instead of ${expected.length}; at byte ${at} there is ${around(actual)} instead of ${around(expected)}`,
  )
}
