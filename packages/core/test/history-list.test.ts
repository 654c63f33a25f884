import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import {
  type DamagedRun,
  listRowFor,
  type NewRun,
  openHistory,
  type RunFilter,
  type RunRecord,
  type RunState,
} from '../src/history/index.ts'
import { migrations } from '../src/history/schema.ts'
import type { MetricValue } from '../src/target.ts'
import { irisRun, temporaryProject } from './history-fixture.ts'

const databaseFile = (project: { readonly directory: string }) => join(project.directory, '.errand/history.db')

describe('a list', () => {
  it('is filtered by target, script, time, tag and parent', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const gpu = { name: 'gpu', type: 'local', config: {} }
    const sweep = history.create({ ...irisRun, kind: 'sweep' })
    const first = history.create({ ...irisRun, parent: sweep.id, tags: { stage: 'final' } })
    const second = history.create({ ...irisRun, target: gpu, script: 'src/train.py' })
    const { script: _script, ...withoutScript } = irisRun
    history.create({ ...withoutScript, kind: 'prepare' })
    const ids = (filter: RunFilter) => history.list({ kind: 'run', ...filter }).map(({ id }) => id)
    expect(ids({ targets: ['gpu'] })).toEqual([second.id])
    expect(ids({ scripts: ['train.py'] })).toEqual([second.id, first.id])
    expect(ids({ scripts: [String.raw`.\src\train.py`] })).toEqual([second.id])
    expect(ids({ scripts: ['./train'] })).toEqual([])
    expect(ids({ tags: [{ name: 'stage' }] })).toEqual([first.id])
    expect(ids({ tags: [{ name: 'stage', value: 'draft' }] })).toEqual([])
    expect(ids({ parent: sweep.id })).toEqual([first.id])
    expect(ids({ since: '2999-01-01T00:00:00.000Z' })).toEqual([])
    expect(ids({ since: second.createdAt, scripts: ['train.py'], targets: ['gpu', 'local'] })).toContain(second.id)
  })

  it('says of each run its arguments, tags, note and git facts, and of one that goes on what its place last said', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create({ ...irisRun, properties: { CommitId: 'abc', Dirty: 'true' } })
    history.setLabels(id, { tags: { stage: 'draft', gone: 'x' }, properties: { CommitId: 'later' } })
    history.setLabels(id, { tags: { stage: 'final', gone: null } })
    history.update(id, { note: 'the good one', state: 'running', status: { state: 'running', detail: 'step 3 of 10' } })
    expect(history.list()[0]).toMatchObject({
      arguments: ['0.01'],
      tags: { stage: 'final' },
      properties: { CommitId: 'abc', Dirty: 'true' },
      note: 'the good one',
      detail: 'step 3 of 10',
    })
    expect(history.list()[0]?.tags).not.toHaveProperty('gone')
    history.update(id, { note: null, state: 'completed' })
    expect(history.list()[0]).not.toHaveProperty('note')
    expect(history.list()[0]).not.toHaveProperty('detail')
  })
})

describe('the lines of a list', () => {
  it('are its rows, whatever is in them, in pages of a thousand', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const target = { name: '\u{10FFFF}"\\', type: 'local', config: {} }
    const { script: _script, ...withoutScript } = irisRun
    const odd: readonly NewRun[] = [
      irisRun,
      withoutScript,
      { ...irisRun, script: 'tr"ä\\in\u{1F600}\n.py' },
      { ...irisRun, script: 'half \uD800.py' },
      { ...irisRun, target },
    ]
    const metric = (name: string, value: MetricValue) =>
      ({ type: 'metric', kind: 'value', name, value, at: '2026-03-01T10:00:00Z' }) as const
    const end = ({ id }: RunRecord, state: RunState, ...metrics: ReturnType<typeof metric>[]) => {
      const events = metrics.map((event, index) => Object.assign(event, { cursor: String(index) }))
      history.appendEvents(id, events, undefined)
      history.update(id, { state, status: { state: 'running', startedAt: '2026-03-01T10:00:00.000001Z' } })
    }
    for (const run of odd) history.create(run)
    for (const run of odd) end(history.create(run), 'completed', metric('Loss', 0.5), metric('ä"\\', 'text'))
    for (const state of ['failed', 'cancelled', 'lost'] as const) end(history.create(irisRun), state)
    end(history.create(irisRun), 'running', metric('Loss', 1))
    end(history.create(irisRun), 'completed', metric('status', 1), metric('Loss', { $number: 'NaN' }))
    history.update(history.create(irisRun).id, { state: 'cancelled' })
    for (let index = 0; index < 2000; index += 1) history.create(irisRun)
    const now = new Date()
    const rows = history.list().map((run) => listRowFor(run, now))
    const pages = [...history.lines({}, undefined, now)]
    expect(pages.map((page) => page.length)).toEqual([1000, 1000, 16])
    expect(pages.flat().map((line) => JSON.parse(line) as unknown)).toEqual(rows)
    expect([...history.lines({ limit: 1005 }, undefined, now)].flat()).toEqual(pages.flat().slice(0, 1005))
    expect([...history.lines({ states: ['failed', 'lost'] }, undefined, now)].flat()).toHaveLength(2)
  })
})

describe('a record that cannot be read', () => {
  it.each([
    ['a state that there is not', "UPDATE runs SET state = 'melted' WHERE number = 2"],
    ['metrics that are no JSON', `UPDATE runs SET metrics = '{"Accuracy": 0.' WHERE number = 2`],
    ['arguments that are no JSON', "UPDATE runs SET arguments = '[' WHERE number = 2"],
  ])('because of %s is named, and the others are shown', (_, damage) => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const [first, second, third] = [1, 2, 3].map(() => history.create(irisRun).id)
    {
      using database = new DatabaseSync(databaseFile(project))
      database.exec(damage)
    }
    const damaged: DamagedRun[] = []
    expect(history.list({}, (run) => damaged.push(run)).map(({ id }) => id)).toEqual([third, first])
    expect(damaged).toEqual([{ number: 2, id: second, reason: expect.any(String) }])
    expect(() => history.list()).toThrow(
      expect.objectContaining({ code: 'HISTORY_CORRUPT', message: expect.stringContaining(String(second)) }),
    )
  })

  it('because a part of the file was overwritten is named, with those that stand beside it', () => {
    using project = temporaryProject()
    const ids = withRuns(project, 3000)
    const victim = ids[1500] ?? ''
    const bytes = readFileSync(databaseFile(project))
    // The row itself, which has the script behind the id; the id alone stands in the index too.
    const at = bytes.indexOf(`${victim}runirismarked-${victim}`)
    expect(at).toBeGreaterThan(0)
    bytes.fill(0xa5, at - (at % 4096), at - (at % 4096) + 4096)
    writeFileSync(databaseFile(project), bytes)
    using history = openHistory(project.directory)
    const damaged: DamagedRun[] = []
    const found = history.list({}, (run) => damaged.push(run)).map(({ id }) => id)
    expect(damaged.map(({ id }) => id)).toContain(victim)
    expect(damaged.length).toBeLessThan(100)
    expect(new Set([...found, ...damaged.map(({ id }) => id)])).toEqual(new Set(ids))
    expect(found).toEqual(found.toSorted().toReversed())
    expect(history.list({ limit: 5 }, () => undefined)).toHaveLength(5)
    expect(() => history.list()).toThrow(expect.objectContaining({ code: 'HISTORY_CORRUPT' }))
  })
})

/** Ids oldest first; everything is in the file itself when this returns. */
function withRuns(project: { readonly directory: string }, count: number): string[] {
  using history = openHistory(project.directory)
  const ids = Array.from({ length: count }, () => history.create(irisRun).id)
  using database = new DatabaseSync(databaseFile(project))
  database.exec("UPDATE runs SET script = 'marked-' || id; PRAGMA wal_checkpoint(TRUNCATE)")
  return ids
}

it('of the first version of the history is brought over with arguments, tags and properties', () => {
  using project = temporaryProject()
  openHistory(project.directory)[Symbol.dispose]()
  {
    // As the first version left it.
    using database = new DatabaseSync(databaseFile(project))
    database.exec(`DROP TABLE project; DROP TABLE runs; DROP TABLE run_details; DROP TABLE metrics; DROP TABLE tags; DROP TABLE artifacts`)
    migrations[0]?.(database)
    database.exec(`
      INSERT INTO runs (id, kind, name, script, run_configuration, target_name, target_type, state, created_at)
        VALUES ('iris_1', 'run', 'iris', 'train.py', 'local', 'local', 'local', 'completed', '2026-01-01T00:00:00.000Z');
      INSERT INTO runs (id, kind, name, run_configuration, target_name, target_type, state, created_at)
        VALUES ('damaged_2', 'run', 'iris', 'local', 'local', 'local', 'completed', '2026-01-01T00:00:00.000Z');
      INSERT INTO run_details (number, user, notes, arguments, target_config) VALUES (1, 'ada', '[]', '["0.01"]', '{}');
      INSERT INTO tags VALUES (1, 'tag', 'stage', 'final'), (1, 'property', 'CommitId', 'abc');
      PRAGMA user_version = 1`)
  }
  using history = openHistory(project.directory)
  expect(history.list().find(({ id }) => id === 'iris_1')).toMatchObject({
    arguments: ['0.01'],
    tags: { stage: 'final' },
    properties: { CommitId: 'abc' },
  })
  expect(history.get('iris_1')).toMatchObject({ arguments: ['0.01'] })
  expect(history.create(irisRun).number).toBe(3)
})
