import type { StoredLogRecord } from '@errand/core/history'
import { expect, it } from 'vitest'
import { lastLines } from '../src/last-lines.ts'

/** A log of two streams cut into records at random places. */
function recordsOf(text: string, random: () => number): StoredLogRecord[] {
  const bytes = Buffer.from(text)
  const records: StoredLogRecord[] = []
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + 1 + Math.floor(random() * 12))
    records.push({ stream: random() < 0.5 ? 'stdout' : 'stderr', time: 0, data: bytes.subarray(start, end), end: 8 + end })
    start = end
  }
  return records
}

function truth(text: string, lines: number): string {
  const all = text.split(/(?<=\n)/)
  return lines === 0 ? '' : all.slice(-lines).join('')
}

it('shows the last lines of any log, wherever its records begin', () => {
  let seed = 7
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
  for (let round = 0; round < 500; round += 1) {
    const text = Array.from({ length: Math.floor(random() * 60) }, () => (random() < 0.2 ? '\n' : 'x')).join('')
    const records = recordsOf(text, random)
    const count = Math.floor(random() * 6)
    const { pieces, end } = lastLines(records, count, () => true)
    expect(Buffer.concat(pieces.map(({ data }) => data)).toString(), JSON.stringify({ text, count })).toBe(truth(text, count))
    expect(end).toBe(records.at(-1)?.end)
  }
})

it('leaves out the streams that do not count', () => {
  const record = (stream: StoredLogRecord['stream'], text: string, end: number): StoredLogRecord => ({
    stream,
    time: 0,
    data: Buffer.from(text),
    end,
  })
  const records = [
    record('stdout', 'a\n', 10),
    record('control', 'building\nbuilt\n', 30),
    record('stdout', 'b\n', 40),
    record('control', 'done\n', 50),
  ]
  const { pieces, end } = lastLines(records, 2, ({ stream }) => stream !== 'control')
  expect(Buffer.concat(pieces.map(({ data }) => data)).toString()).toBe('a\nb\n')
  expect(end).toBe(50)
})
