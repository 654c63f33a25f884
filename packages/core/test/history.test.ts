import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exportLines } from '../src/archive/index.ts'
import { type History, openHistory, readArtifact, type RunPatch } from '../src/history/index.ts'
import type { JsonValue } from '../src/json.ts'
import type { RunEvent, RunStatus } from '../src/target.ts'
import { irisRun, temporaryProject } from './history-fixture.ts'

/** Not in the type of an event: as `Omit` on each of its forms. */
type EventBody<Event = RunEvent> = Event extends RunEvent ? Omit<Event, 'cursor' | 'at'> : never

/** Appends events behind those that are stored. */
function append(history: History, id: string, ...bodies: readonly EventBody[]): void {
  const after = history.get(id)?.log.cursor
  const events = bodies.map((body, index) => ({ cursor: `${after ?? ''}.${index}`, at: '2026-03-01T10:00:00.000000Z', ...body }))
  expect(history.appendEvents(id, events, after).stored).toBe(bodies.length)
}

/** The metrics of the newest run as a list has them. */
function listed(history: History): Record<string, unknown> {
  const { inline, clashing } = history.list()[0]?.metrics ?? {}
  return { inline: JSON.parse(inline ?? '{}'), ...(clashing === undefined ? {} : { clashing: JSON.parse(clashing) }) }
}

type MetricBody = Extract<EventBody, { type: 'metric' }>

function metricOf(name: string, kind: MetricBody['kind'], value: MetricBody['value']): MetricBody {
  return { type: 'metric', kind, name, value }
}

function logged(name: string, value: MetricBody['value']): MetricBody {
  return metricOf(name, Array.isArray(value) ? 'list' : 'value', value)
}

const completed: RunStatus = { state: 'completed', startedAt: '2026-03-01T10:00:00.000001Z', endedAt: '2026-03-01T10:00:04.892390Z' }

describe('a run', () => {
  it('gets the next number and an id of the cleaned project name and the time', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const before = Date.now()
    const runs = ['iris', 'Déjà vu: 2!', 'проект', `-_x${'y'.repeat(400)}`, 'iris'].map((name) => history.create({ ...irisRun, name }))
    expect(runs.map((run) => run.number)).toEqual([1, 2, 3, 4, 5])
    expect(runs.map((run) => run.id.replace(/_\d+$/u, ''))).toEqual(['iris', 'Deja_vu__2_', 'project', `x${'y'.repeat(182)}`, 'iris'])
    for (const run of runs) {
      expect(run.id).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/u)
      expect(Number(/\d+$/u.exec(run.id)?.[0])).toBeGreaterThanOrEqual(before)
    }
    expect(new Set(runs.map((run) => run.id)).size).toBe(5)
  })

  it('comes back as it was made, also from another process, with names that are no proper text', () => {
    using project = temporaryProject()
    const odd = 'a\0b \ud800 \u{10FFFF}d800 \udcff "\n'
    const made = (() => {
      using history = openHistory(project.directory)
      return history.create({
        ...irisRun,
        name: odd,
        script: odd,
        arguments: [odd, ''],
        user: odd,
        notes: [odd],
        target: { name: odd, type: 'local', config: { a: [odd] } },
        request: { x: odd },
        client: { host: odd, pid: 1, started: odd },
      })
    })()
    expect(made).toMatchObject({ name: odd, script: odd, arguments: [odd, ''], user: odd, state: 'created', log: { size: 0 } })
    using history = openHistory(project.directory)
    expect(history.get(made.id)).toEqual(made)
    expect(history.list()[0]).toMatchObject({ name: odd, script: odd, target: { name: odd } })
    expect(history.get('nobody_1')).toBeUndefined()
  })

  it('is found by id, by the beginning of an id and by its age', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    expect(() => history.resolve('last')).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
    const [first, second, third] = ['iris', 'churn', 'iris'].map((name) => history.create({ ...irisRun, name }).id)
    const fourth = history.create({ ...irisRun, kind: 'prepare', name: 'iris' }).id
    expect(history.resolve(first ?? '').id).toBe(first)
    expect(history.resolve('churn').id).toBe(second)
    expect(history.resolve('last').id).toBe(third)
    expect(history.resolve('last', { kind: 'prepare' }).id).toBe(fourth)
    expect(history.resolve('last~2').id).toBe(first)
    expect(() => history.resolve('last~3')).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
    expect(() => history.resolve('ir%')).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
    expect(() => history.resolve('iris_')).toThrow(
      expect.objectContaining({ code: 'RUN_AMBIGUOUS', message: `3 runs begin with iris_: ${[fourth, third, first].join(', ')}.` }),
    )
  })

  it('of another project is said to be one, by the name in its id', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    history.create(irisRun)
    const other = expect.objectContaining({ code: 'RUN_OF_OTHER_PROJECT', message: expect.stringContaining('a project called churn;') })
    expect(() => history.resolve('churn_1521077190506')).toThrow(other)
    const unknown = expect.objectContaining({ code: 'RUN_NOT_FOUND' })
    expect(() => history.resolve('iris_1521077190506')).toThrow(unknown)
    expect(() => history.resolve('churn')).toThrow(unknown)
    expect(() => history.resolve(`${basename(project.directory)}_1521077190506`)).toThrow(unknown)
  })

  it('takes patches field by field, adds notes once and lets a condition decide inside the transaction', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    using other = openHistory(project.directory)
    const { id } = history.create({ ...irisRun, notes: ['one'] })
    const patch: RunPatch = {
      state: 'starting',
      prepared: { environmentKey: 'k' },
      reference: { externalId: 'host:17', data: { run: id } },
      client: { host: 'h', pid: 1, started: 's' },
      addNotes: ['two', 'one'],
    }
    const updated = history.update(id, patch)
    expect(updated).toMatchObject({ state: 'starting', prepared: patch.prepared, reference: patch.reference, notes: ['one', 'two'] })
    expect(other.get(id)).toEqual(updated)
    const mine = { host: 'h', pid: 2, started: 's' }
    expect(other.update(id, { client: mine }, (run) => run.client === undefined).client).toEqual(patch.client)
    expect(other.update(id, { client: null }).client).toBeUndefined()
    expect(history.update(id, { client: mine }, (run) => run.client === undefined).client).toEqual(mine)
    expect(() => history.update('nobody_1', {})).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
  })

  it('keeps its end: a late answer is refused by code, an interrupted one goes on', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    history.update(id, { state: 'interrupted', reason: 'The client was killed.' })
    expect(history.update(id, { state: 'starting', reason: null }).reason).toBeUndefined()
    history.update(id, { state: 'finalizing', status: completed })
    const ended = expect.objectContaining({ code: 'RUN_ENDED' })
    expect(() => history.update(id, { status: { state: 'running' } })).toThrow(ended)
    const record = history.update(id, { state: 'completed', collected: true })
    expect(record).toMatchObject({ state: 'completed', startedAt: completed.startedAt, endedAt: completed.endedAt, collected: true })
    expect(() => history.update(id, { state: 'running' })).toThrow(ended)
    expect(() => history.update(id, { state: 'failed' })).toThrow(ended)
    expect(history.update(id, { state: 'completed', removed: true })).toEqual({ ...record, removed: true })
  })

  it('that ends without a word from its place ends now', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const run = history.create(irisRun)
    const { endedAt } = history.update(run.id, { state: 'failed', reason: 'The environment could not be built.' })
    expect(Date.parse(endedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(run.createdAt))
  })

  it('follows the status events of its place, and its end waits for the outputs', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    const states = (status: RunStatus) => {
      append(history, id, { type: 'status', status })
      return history.get(id)?.state
    }
    expect(states({ state: 'queued' })).toBe('queued')
    expect(states({ state: 'running', startedAt: '2026-03-01T10:00:00Z' })).toBe('running')
    expect(states({ state: 'queued' })).toBe('queued')
    history.update(id, { state: 'cancelling' })
    expect(states({ state: 'running' })).toBe('cancelling')
    expect(states({ state: 'failed', cause: 'exit', exitCode: 3, reason: 'It ended with 3.' })).toBe('finalizing')
    expect(states({ state: 'running' })).toBe('finalizing')
    expect(history.get(id)).toMatchObject({
      reason: 'It ended with 3.',
      status: { state: 'failed', exitCode: 3 },
      startedAt: '2026-03-01T10:00:00Z',
    })
  })

  it('is deleted with its rows, its log and its files, and others stay', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const kept = history.create(irisRun).id
    const { id } = history.create(irisRun)
    append(history, id, logged('m', 1), { type: 'log', stream: 'stdout', data: Buffer.from('x') })
    history.delete(id)
    expect(history.list().map((run) => run.id)).toEqual([kept])
    expect(existsSync(history.runDirectory(id))).toBe(false)
    expect(() => history.metrics(id)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }))
  })
})

describe('a list', () => {
  it('is newest first, filtered by state, kind and id, and cut', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const ids = Array.from({ length: 5 }, () => history.create(irisRun).id)
    const [first = '', second = '', third = ''] = ids
    history.update(first, { state: 'failed' })
    history.update(second, { state: 'lost' })
    history.create({ ...irisRun, kind: 'prepare' })
    const found = (filter: Parameters<History['list']>[0]) => history.list(filter).map((run) => run.number)
    expect(found({})).toEqual([6, 5, 4, 3, 2, 1])
    expect(found({ states: ['failed', 'lost'] })).toEqual([2, 1])
    expect(found({ states: [] })).toEqual([])
    expect(found({ kind: 'prepare' })).toEqual([6])
    expect(found({ ids: [third, first, 'nobody_1'] })).toEqual([3, 1])
    expect(found({ kind: 'run', limit: 2 })).toEqual([5, 4])
  })
})

describe('metrics', () => {
  it('come back as they were logged, with the numbers that JSON lacks and any name', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    const values = [
      0.1,
      -0,
      5e-324,
      2 ** 53 - 1,
      true,
      null,
      'x\ud800',
      { $number: 'NaN' },
      [{ $number: '-Infinity' }, 1],
      { a: { $number: 'Infinity' } },
    ] as const
    const names = ['Best model accuracy', '', '__proto__', '\ud800', '\ud801', 'a\0b', 'x'.repeat(100_000), 'status', '1', 'toString']
    append(
      history,
      id,
      ...names.map((name, n) => ({ type: 'metric', kind: 'value', name, value: values[n] ?? null, step: n / 2 }) as const),
    )
    const metrics = history.metrics(id)
    expect(metrics.map((metric) => metric.name)).toEqual(names)
    expect(metrics.map((metric) => metric.value)).toEqual(values.map((value) => (Object.is(value, -0) ? 0 : value)))
    expect(metrics.map((metric) => metric.step)).toEqual(names.map((_, n) => n / 2))
    expect(Object.keys(listed(history)['inline'] ?? {}).toSorted()).toEqual(names.filter((name) => name !== 'status').toSorted())
  })

  it('are the same in a list while the run goes on and after its end, also when they come late', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    append(history, id, logged('loss', 3), logged('loss', [2, 1]), logged('Accuracy', 0.9), logged('status', 7), logged('one', [5]))
    const inlined = { inline: { loss: [3, 2, 1], Accuracy: 0.9, one: [5] }, clashing: { status: 7 } }
    expect(listed(history)).toEqual(inlined)
    history.update(id, { state: 'completed' })
    expect(listed(history)).toEqual(inlined)
    append(history, id, logged('late', 1))
    expect(listed(history)).toEqual({ ...inlined, inline: { ...inlined.inline, late: 1 } })
  })

  it('of rows and tables grow into one table, other mixtures into one list', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    append(
      history,
      id,
      metricOf('single', 'row', { x: 1, y: { $number: 'NaN' } }),
      metricOf('rows', 'row', { x: 1 }),
      metricOf('rows', 'row', { x: 2, y: 'b' }),
      metricOf('rows', 'table', { y: ['c', 'd'], z: [true] }),
      metricOf('mixed', 'row', { x: 1 }),
      metricOf('mixed', 'value', 'text'),
      metricOf('roc', 'image', 'roc.png'),
    )
    expect(listed(history)['inline']).toEqual({
      single: { x: 1, y: 'NaN' },
      rows: { x: [1, 2, null, null], y: [null, 'b', 'c', 'd'], z: [null, null, true, null] },
      mixed: [{ x: 1 }, 'text'],
      roc: 'roc.png',
    })
  })
})

describe('tags, properties and artifacts', () => {
  it('change as their kind says: tags do, properties are written once', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create({ ...irisRun, properties: { CommitId: 'abc' } })
    append(
      history,
      id,
      ...(
        [
          ['tag', 'stage', 'a'],
          ['tag', 'stage', 'b'],
          ['property', 'CommitId', 'other'],
          ['property', 'p', 'q'],
        ] as const
      ).map(([type, name, value]) => ({ type, name, value })),
      { type: 'tag', name: 'bare' },
    )
    expect(history.tags(id)).toEqual([
      { type: 'property', name: 'CommitId', value: 'abc' },
      { type: 'property', name: 'p', value: 'q' },
      { type: 'tag', name: 'bare' },
      { type: 'tag', name: 'stage', value: 'b' },
    ])
  })

  it('give their content by name: files, logs under both generations of names, the process', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    const content = (name: string) => Buffer.concat([...readArtifact(history, history.resolve(id), name)]).toString()
    const notFound = expect.objectContaining({ code: 'ARTIFACT_NOT_FOUND' })
    append(
      history,
      id,
      { type: 'log', stream: 'stdout', data: Buffer.from('out ') },
      { type: 'log', stream: 'control', data: Buffer.from('started\n') },
      { type: 'log', stream: 'stderr', data: Buffer.from('error\n') },
      { type: 'artifact', path: 'outputs/model.pkl' },
    )
    expect(() => content('pid.txt')).toThrow(notFound)
    expect(() => content('outputs/model.pkl')).toThrow(notFound)
    const model = join(history.outputsDirectory(id), 'outputs/model.pkl')
    mkdirSync(dirname(model), { recursive: true })
    writeFileSync(model, 'pickled')
    writeFileSync(join(history.outputsDirectory(id), 'outputs/unlisted'), '')
    history.setArtifacts(id, [{ path: 'outputs/model.pkl', size: 7 }])
    history.update(id, { reference: { externalId: 'myhost:4711' } })
    expect(history.artifacts(id)).toEqual([{ path: 'outputs/model.pkl', size: 7 }])
    expect(content('outputs/model.pkl')).toBe('pickled')
    for (const name of ['driver_log', 'azureml-logs/80_driver_log.txt']) expect(content(name)).toBe('out error\n')
    for (const name of ['control_log', 'azureml-logs/60_control_log.txt']) expect(content(name)).toBe('started\n')
    expect(content('pid.txt')).toBe('4711\n')
    for (const name of ['outputs/unlisted', '../log', 'log', '', 'toString']) expect(() => content(name)).toThrow(notFound)
  })
})

describe('an export', () => {
  it('holds everything, also bytes that are no text', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    append(
      history,
      id,
      { type: 'log', stream: 'stdout', data: Buffer.from('é') },
      { type: 'log', stream: 'stderr', data: Buffer.from([255]) },
    )
    append(history, id, { type: 'metric', kind: 'value', name: 'a', value: { $number: 'NaN' } })
    const lines: JsonValue[] = []
    for (const line of exportLines(history, [id])) lines.push(line)
    expect(lines).toMatchObject([
      { type: 'project', version: 1, id: history.projectId },
      { type: 'run', id, number: 1, metrics: [{ name: 'a', value: { $number: 'NaN' } }], tags: [], artifacts: [] },
      { type: 'log', run: id, stream: 'stdout', at: '2026-03-01T10:00:00.000000Z', text: 'é' },
      { type: 'log', stream: 'stderr', base64: '/w==' },
    ])
    expect(lines.map((line) => JSON.parse(JSON.stringify(line)) as unknown)).toEqual(lines)
  })
})
