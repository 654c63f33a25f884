import assert from 'node:assert/strict'
import type { RunEvent, RunReference } from '@errand/core'
import { assertSameBytes, bytesOf, finalStatus, isFinal, readEvents } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

const lines = 100_000

const talkativeScript = `
import sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
for number in range(${lines}):
    stream = sys.stderr if number % 3 == 0 else sys.stdout
    stream.write('line %d of a long log\\n' % number)
    if number % 10000 == 0:
        logger.log('line', number)
`

/** Goes on when what it wrote last was taken, as far as the system tells: two pipes have no order among them. */
const alternatingScript = `
import fcntl, os, struct, termios, time

def waiting(descriptor):
    try:
        return struct.unpack('i', fcntl.ioctl(descriptor, termios.FIONREAD, struct.pack('i', 0)))[0]
    except OSError:
        return 0

for number in range(10):
    descriptor = 1 + number % 2
    os.write(descriptor, str(number).encode('ascii'))
    while waiting(descriptor) > 0:
        time.sleep(0.01)
    time.sleep(0.05)
`

const linesWhere = (keep: (number: number) => boolean): Buffer =>
  Buffer.from(
    Array.from({ length: lines }, (_, number) => number)
      .filter(keep)
      .map((number) => `line ${number} of a long log\n`)
      .join(''),
  )

/** What a script prints is read whole and once, from wherever a reader goes on. */
export function logChecks(): Check[] {
  return [
    {
      name: `${lines.toLocaleString('en')} lines on two streams are read from any saved cursor without a gap or a repeat`,
      body: readsFromAnyCursor,
    },
    {
      name: 'bytes that are no UTF-8 arrive as they are, and characters that were written in pieces are whole',
      async body(trial) {
        const text = 'Grüße 漢字 🚀\n'
        const every = Buffer.from(Uint8Array.from({ length: 4096 }, (_, index) => index % 256))
        const script = [
          'import os, sys',
          `for byte in ${JSON.stringify([...Buffer.from(text)])}:`,
          '    os.write(1, bytes(bytearray([byte])))',
          'every = bytes(bytearray(range(256))) * 16',
          'sys.stdout.buffer.write(every)',
          'sys.stderr.buffer.write(every)',
        ].join('\n')
        const events = await endedEvents(trial, script)
        assertSameBytes(bytesOf(events, 'stdout'), Buffer.concat([Buffer.from(text), every]), 'stdout')
        assertSameBytes(bytesOf(events, 'stderr'), every, 'stderr')
      },
    },
    {
      name: '5 MB in one line arrive whole',
      async body(trial) {
        const events = await endedEvents(trial, "import sys\nsys.stdout.write('0123456789' * 500000)\n")
        assertSameBytes(bytesOf(events, 'stdout'), Buffer.from('0123456789'.repeat(500_000)), 'stdout')
      },
    },
    {
      name: 'what is written to the two streams by turns is told in that order',
      async body(trial) {
        const events = await endedEvents(trial, alternatingScript)
        const told = events.flatMap((event) =>
          event.type === 'log' && event.stream !== 'control'
            ? Array.from(Buffer.from(event.data).toString(), (sign) => [event.stream, sign])
            : [],
        )
        const signs = Array.from('0123456789', (sign) => [Number(sign) % 2 === 0 ? 'stdout' : 'stderr', sign])
        assert.deepEqual(told, signs)
      },
    },
    {
      name: 'leaving the loop of events leaves the run alone',
      async body(trial) {
        const script = "import time\nprint('first')\ntime.sleep(1)\nprint('second')\n"
        const reference = await trial.start({ 'main.py': script })
        const read = await trial.events(reference, ({ type }) => type === 'log')
        assert.ok(
          read.some(({ type }) => type === 'log'),
          'the loop was left at an event',
        )
        const events = await trial.events(reference)
        assert.equal(finalStatus(events).state, 'completed')
        assert.equal(bytesOf(events, 'stdout').toString(), 'first\nsecond\n')
      },
    },
  ]
}

async function endedEvents(trial: Trial, script: string): Promise<RunEvent[]> {
  const events = await trial.events(await trial.start({ 'main.py': script }))
  assert.equal(finalStatus(events).state, 'completed')
  return events
}

/** While the script writes, readers come, take a few events and go; afterwards others start from cursors that were saved on the way. */
async function readsFromAnyCursor(trial: Trial): Promise<void> {
  const reference = await trial.start({ 'main.py': talkativeScript })
  const events: RunEvent[] = []
  for (const wanted of [1, 2, 5, 30, Infinity]) {
    events.push(...(await readAfter(trial, reference, events.at(-1)?.cursor, wanted)))
  }
  assert.equal(finalStatus(events).state, 'completed')
  assertSameBytes(
    bytesOf(events, 'stdout'),
    linesWhere((number) => number % 3 !== 0),
    'stdout',
  )
  assertSameBytes(
    bytesOf(events, 'stderr'),
    linesWhere((number) => number % 3 === 0),
    'stderr',
  )
  const metrics = events.flatMap((event) => (event.type === 'metric' ? [event.value] : []))
  assert.deepEqual(
    metrics,
    Array.from({ length: lines / 10_000 }, (_, index) => index * 10_000),
  )
  assert.equal(new Set(events.map(({ cursor }) => cursor)).size, events.length, 'every event has a cursor of its own')

  assertSameEvents(await readAfter(trial, reference, undefined, Infinity), events, 'from the beginning')
  const last = events.length - 1
  const places = new Set([0, 1, Math.floor(last / 10), Math.floor(last / 3), Math.floor(last / 2), last - 2, last - 1, last])
  for (const place of places) {
    const cursor = events[place]?.cursor
    assertSameEvents(await readAfter(trial, reference, cursor, Infinity), events.slice(place + 1), `after event ${place} of ${last}`)
  }
}

function readAfter(trial: Trial, reference: RunReference, cursor: string | undefined, wanted: number): Promise<RunEvent[]> {
  const after = cursor === undefined ? {} : { cursor }
  return trial.onRun(reference, (handle, options) => readEvents(handle, { ...options, ...after }, (_, index) => index + 1 >= wanted))
}

/** The same bytes, metrics and end. How the log is cut into events may differ, and a state that has passed need not be told again. */
function assertSameEvents(actual: readonly RunEvent[], expected: readonly RunEvent[], what: string): void {
  for (const stream of ['stdout', 'stderr', 'control'] as const)
    assertSameBytes(bytesOf(actual, stream), bytesOf(expected, stream), `${stream} ${what}`)
  const others = (events: readonly RunEvent[]) =>
    events
      .filter((event) => (event.type === 'status' ? isFinal(event.status) : event.type !== 'log'))
      .map(({ cursor: _cursor, ...event }) => event)
  assert.deepEqual(others(actual), others(expected), what)
}
