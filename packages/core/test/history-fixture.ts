import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewRun } from '../src/history/index.ts'
import { encodeLogRecord, isoTime, logMagic } from '../src/log-record.ts'
import type { RunEvent } from '../src/target.ts'

/** A project folder of its own, taken away at the end of the scope. */
export function temporaryProject(): { readonly directory: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'errand-history-'))
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) }
}

export const irisRun: NewRun = {
  kind: 'run',
  name: 'iris',
  script: 'train.py',
  arguments: ['0.01'],
  runConfiguration: 'local',
  target: { name: 'local', type: 'local', config: {} },
  user: 'ada',
}

const firstTime = 1_700_000_000_123_456

/** Event n of a stream that every process makes alike: seven of eight are log chunks of changing length, one is a metric. */
export function streamEvent(n: number): RunEvent {
  const cursor = `after-${n}`
  const at = isoTime(firstTime + n * 37)
  if (n % 8 === 5) return { cursor, at, type: 'metric', kind: 'value', name: 'step', value: n }
  return { cursor, at, type: 'log', stream: n % 3 === 0 ? 'stderr' : 'stdout', data: streamData(n) }
}

function streamData(n: number): Uint8Array {
  return Buffer.alloc((n * 131) % 3000, `${n} `)
}

/** The bytes that the local log must have after `count` events of that stream. */
export function streamLog(count: number): Buffer {
  const records: Buffer[] = [logMagic]
  for (let n = 0; n < count; n += 1) {
    const event = streamEvent(n)
    if (event.type === 'log') records.push(encodeLogRecord({ stream: event.stream, time: firstTime + n * 37, data: event.data }))
  }
  return Buffer.concat(records)
}

/** The cursor that a follower has when its next event is number `n`. */
export function cursorBefore(n: number): string | undefined {
  return n === 0 ? undefined : `after-${n - 1}`
}
