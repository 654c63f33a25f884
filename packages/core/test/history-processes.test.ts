import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { clientAlive, openHistory, thisClient } from '../src/history/index.ts'
import { cursorBefore, irisRun, streamEvent, streamLog, temporaryProject } from './history-fixture.ts'

const total = 12_000
const patience = 120_000

function start(script: string, ...parameters: readonly (string | number)[]): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, script), ...parameters.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; signal: string | null; output: string }> {
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  return { code: child.exitCode, signal: child.signalCode, output }
}

function batch(from: number, to: number) {
  return Array.from({ length: to - from }, (_, index) => streamEvent(from + index))
}

describe('many processes', () => {
  it(
    'make 200 records at once on a project without a history: none is lost and the numbers are 1 to 200',
    { timeout: patience },
    async () => {
      using project = temporaryProject()
      const ends = await Promise.all(Array.from({ length: 8 }, () => outcome(start('history-creator.ts', project.directory, 25))))
      expect(ends.map((end) => end.code)).toEqual(Array.from({ length: 8 }, () => 0))
      const printed = ends.flatMap((end) => end.output.trim().split('\n'))
      using history = openHistory(project.directory)
      const runs = history.list()
      expect(runs.map((run) => run.number)).toEqual(Array.from({ length: 200 }, (_, index) => 200 - index))
      expect(new Set(printed).size).toBe(200)
      expect(printed.toSorted()).toEqual(runs.map((run) => run.id).toSorted())
    },
  )

  it('follow one run at once, some killed in the middle: the log and the metrics are the truth', { timeout: patience }, async () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    const whole = streamLog(total).length
    const stored = () => history.get(id)?.log.size ?? 0
    const killAt = async (child: ChildProcess, size: number) => {
      while (stored() < size) await delay(2)
      child.kill('SIGKILL')
      expect((await outcome(child)).signal).toBe('SIGKILL')
    }
    const slow = start('history-follower.ts', project.directory, id, 0, total, 3)
    await killAt(start('history-follower.ts', project.directory, id, 0, total, 7, 'stays'), whole / 5)
    const from = Number((history.get(id)?.log.cursor ?? 'after--1').slice('after-'.length)) + 1
    await killAt(start('history-follower.ts', project.directory, id, from, total, 11, 'stays'), (whole * 2) / 5)
    const end = await outcome(slow)
    expect(end).toEqual({ code: 0, signal: null, output: `after-${total - 1}\n` })
    expect(readFileSync(history.logPath(id)).equals(streamLog(total))).toBe(true)
    const metrics = batch(0, total).flatMap((event) => (event.type === 'metric' ? [event.value] : []))
    expect(history.metrics(id).map((metric) => metric.value)).toEqual(metrics)
  })

  it('one that dies between its write and its commit leaves nothing that counts', { timeout: patience }, async () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    history.appendEvents(id, batch(0, 40), undefined)
    const before = history.get(id)
    const end = await outcome(start('history-dies-while-storing.ts', project.directory, id, 40, 500))
    expect(end.signal).toBe('SIGKILL')
    expect(statSync(history.logPath(id)).size).toBeGreaterThan(before?.log.size ?? 0)
    expect(history.get(id)).toEqual(before)
    expect(history.metrics(id)).toHaveLength(5)
    expect([...history.readLog(id)].at(-1)?.end).toBe(before?.log.size)
    expect(history.appendEvents(id, batch(40, 60), cursorBefore(40))).toEqual({ outcome: 'stored', stored: 20, cursor: 'after-59' })
    expect(readFileSync(history.logPath(id)).equals(streamLog(60))).toBe(true)
  })

  it('know of each other whether they live', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const client = thisClient()
    expect(clientAlive(client)).toBe(true)
    expect(clientAlive({ ...client, started: 'at another time' })).toBe(false)
    expect(clientAlive({ ...client, host: 'another machine', started: 'another-boot 123' })).toBeUndefined()
    expect(clientAlive({ ...client, host: 'the same machine under its old name' })).toBe(process.platform === 'linux' ? true : undefined)
    expect(clientAlive({ ...client, pid: child.pid ?? 0 })).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(clientAlive({ ...client, pid: child.pid ?? 0 })).toBe(false)
  })
})

describe.runIf(process.platform === 'linux')('on Linux', () => {
  it('a client that ended and that its parent has not taken note of is no living one', { timeout: patience }, async () => {
    const parent = spawn('sh', ['-c', 'sleep 0.01 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const [line] = await once(parent.stdout, 'data')
      const pid = Number(String(line))
      const fields = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')
      while (fields()[2] !== 'Z') await delay(5)
      const started = thisClient().started.replace(/\d+$/u, fields()[21] ?? '')
      expect(clientAlive({ ...thisClient(), pid, started })).toBe(false)
      const sleeping = { ...thisClient(), pid: parent.pid ?? 0 }
      const stat = readFileSync(`/proc/${parent.pid}/stat`, 'latin1').split(' ')
      expect(clientAlive({ ...sleeping, started: sleeping.started.replace(/\d+$/u, stat[21] ?? '') })).toBe(true)
    } finally {
      parent.kill('SIGKILL')
    }
  })
})

describe('a batch of events', () => {
  it('is stored from where the stored ones end, and only once', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    expect(history.appendEvents(id, batch(0, 10), undefined)).toEqual({ outcome: 'stored', stored: 10, cursor: 'after-9' })
    expect(history.appendEvents(id, batch(0, 10), undefined)).toEqual({ outcome: 'stored', stored: 0, cursor: 'after-9' })
    expect(history.appendEvents(id, batch(4, 16), cursorBefore(4))).toEqual({ outcome: 'stored', stored: 6, cursor: 'after-15' })
    expect(history.appendEvents(id, batch(0, 5), undefined)).toEqual({ outcome: 'elsewhere', stored: 0, cursor: 'after-15' })
    expect(history.appendEvents(id, batch(30, 35), cursorBefore(30))).toEqual({ outcome: 'elsewhere', stored: 0, cursor: 'after-15' })
    expect(history.appendEvents(id, [], cursorBefore(16))).toEqual({ outcome: 'stored', stored: 0, cursor: 'after-15' })
    expect(readFileSync(history.logPath(id)).equals(streamLog(16))).toBe(true)
    expect(history.metrics(id).map((metric) => metric.value)).toEqual([5, 13])
  })

  it('of a follower that begins in the middle is not stored before the beginning is', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    expect(history.appendEvents(id, batch(5, 10), cursorBefore(5))).toEqual({ outcome: 'elsewhere', stored: 0 })
    expect(history.get(id)?.log).toEqual({ size: 0 })
  })

  it('of an unknown run is refused by code', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    expect(() => history.appendEvents('nobody_1', batch(0, 1), undefined)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
  })

  it('cuts off what a killed client left behind the stored bytes, also when it writes less', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    history.appendEvents(id, batch(0, 3), undefined)
    appendFileSync(history.logPath(id), Buffer.alloc(100_000, 'x'))
    history.appendEvents(id, batch(3, 4), cursorBefore(3))
    expect(readFileSync(history.logPath(id)).equals(streamLog(4))).toBe(true)
  })

  it('starts the copy again when the log has lost bytes, and never when the place has forgotten the run', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    history.appendEvents(id, batch(0, 30), undefined)
    truncateSync(history.logPath(id), 100)
    expect(() => [...history.readLog(id)]).toThrow(expect.objectContaining({ code: 'HISTORY_LOG_DAMAGED' }))
    expect(history.appendEvents(id, batch(30, 31), cursorBefore(30))).toEqual({ outcome: 'rewound', stored: 0 })
    expect(history.metrics(id)).toEqual([])
    history.appendEvents(id, batch(0, 31), undefined)
    expect(readFileSync(history.logPath(id)).equals(streamLog(31))).toBe(true)
    expect(history.metrics(id)).toHaveLength(4)
    history.update(id, { removed: true })
    truncateSync(history.logPath(id), 100)
    expect(() => history.appendEvents(id, batch(31, 32), cursorBefore(31))).toThrow(
      expect.objectContaining({ code: 'HISTORY_LOG_DAMAGED' }),
    )
    expect(history.metrics(id)).toHaveLength(4)
  })

  it('that another follower stores meanwhile is not read beyond the record that a reader goes by', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    history.appendEvents(id, batch(0, 20), undefined)
    const run = history.get(id)
    history.appendEvents(id, batch(20, 30), cursorBefore(20))
    expect(run?.log.cursor).toBe('after-19')
    expect([...history.readLog(id, { to: run?.log.size ?? 0 })].at(-1)?.end).toBe(streamLog(20).length)
    expect([...history.readLog(id)].at(-1)?.end).toBe(streamLog(30).length)
  })

  it('may hold data longer than a record, and a reader gets it whole and from any record on', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    const data = Buffer.alloc(5_000_001, 'no line end ')
    history.appendEvents(id, [{ cursor: 'a', at: '2026-01-01T00:00:00.000001Z', type: 'log', stream: 'stdout', data }], undefined)
    history.appendEvents(
      id,
      [{ cursor: 'b', at: '2026-01-01T00:00:01Z', type: 'log', stream: 'control', data: Buffer.from([0, 255]) }],
      'a',
    )
    const records = [...history.readLog(id)]
    expect(records.length).toBe(Math.ceil(data.length / 262_144) + 1)
    expect(Buffer.concat(records.slice(0, -1).map((record) => record.data)).equals(data)).toBe(true)
    expect(records[0]?.time).toBe(1_767_225_600_000_001)
    const middle = records[7]
    expect([...history.readLog(id, { from: middle?.end ?? 0 })].map((record) => record.end)).toEqual(
      records.slice(8).map((record) => record.end),
    )
    expect([...history.readLog(id, { streams: ['control'] })].map((record) => Array.from(record.data))).toEqual([[0, 255]])
  })
})
