import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exportArchive, importArchive, planUnneeded, removeUnneeded } from '../src/archive/index.ts'
import { exportLines } from '../src/archive/export-lines.ts'
import { type History, isSettled, openHistory } from '../src/history/index.ts'
import { objectPath } from '../src/snapshot/index.ts'
import { irisRun, temporaryProject } from './history-fixture.ts'

const quiet = { onMissing: () => {}, report: () => {} }

function importInto(history: History, directory: string) {
  return importArchive(history, { directory, signal: new AbortController().signal, ...quiet })
}

/** An export of one completed run, its line changed; before it the same run of another id as it was. */
function changedExport(directory: string, change: object): void {
  using project = temporaryProject()
  using history = openHistory(project.directory)
  const made = history.create({ ...irisRun, tags: { stage: 'final' } })
  history.update(made.id, { state: 'completed', collected: true, removed: true })
  const [first, run] = [...exportLines(history, [made.id])]
  const lines = [first, { ...(run as object), id: 'before_1' }, { ...(run as object), ...change }]
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'history.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

describe('an import', () => {
  it('leaves a live run to the history that it comes from', async () => {
    using project = temporaryProject()
    using source = openHistory(project.directory)
    const client = { host: 'here', pid: 1, started: '1' }
    const { id } = source.create({ ...irisRun, client })
    const reference = { externalId: '4711' }
    const at = '2026-03-01T10:00:00.000000Z'
    source.update(id, { state: 'running', status: { state: 'running', startedAt: at }, reference })
    const directory = join(project.directory, 'export')
    await exportArchive(source, { directory, ids: [id], signal: new AbortController().signal, ...quiet })
    using other = temporaryProject()
    using history = openHistory(other.directory)
    expect(await importInto(history, directory)).toEqual({ left: [], imported: [id], skipped: [] })
    const run = history.get(id)
    expect(run).toMatchObject({ state: 'lost', reason: 'had not ended when it was exported', collected: true, removed: true })
    expect(run).toMatchObject({ status: { state: 'lost' }, startedAt: at, endedAt: expect.stringMatching(/^20/) })
    expect([run?.reference, run?.client]).toEqual([undefined, undefined])
    expect(run && isSettled(run)).toBe(true)
    expect(source.get(id)).toMatchObject({ state: 'running', reference })
  })

  it('does not take over where a foreign file says that an ended run is', async () => {
    using project = temporaryProject()
    changedExport(project.directory, { collected: false, removed: false, reference: { externalId: '1' }, client: { host: 'x', pid: 1 } })
    using history = openHistory(project.directory)
    const { imported } = await importInto(history, project.directory)
    for (const id of imported) {
      expect(history.get(id)).toMatchObject({ state: 'completed', collected: true, removed: true })
      expect([history.get(id)?.reference, history.get(id)?.client]).toEqual([undefined, undefined])
    }
    expect(imported).toHaveLength(2)
  })

  it('takes the place of what an import left that was killed before its commit', async () => {
    using project = temporaryProject()
    changedExport(join(project.directory, 'export'), { id: 'after_1' })
    using history = openHistory(project.directory)
    mkdirSync(history.runDirectory('after_1'), { recursive: true })
    writeFileSync(join(history.runDirectory('after_1'), 'left'), '')
    expect(await importInto(history, join(project.directory, 'export'))).toEqual({
      left: [],
      imported: ['before_1', 'after_1'],
      skipped: [],
    })
    expect(existsSync(join(history.runDirectory('after_1'), 'left'))).toBe(false)
  })

  it.each([
    [{ number: Number.MAX_SAFE_INTEGER }, 'has no number from 1 to 1000000000'],
    [{ tags: [{ type: 'weird' }] }, 'has tags that are none'],
    [{ tags: [{ type: 'tag', name: 'a', value: 1 }] }, 'has tags that are none'],
    [{ metrics: [{ name: 'a', kind: 'odd', value: 1, at: '2026-03-01T10:00:00.000000Z' }] }, 'has metrics that are none'],
    [{ metrics: [{ name: 'a', kind: 'value', value: 1, at: 'zzz' }] }, 'has metrics that are none'],
    [{ artifacts: [{ path: 'a', size: 1.5 }] }, 'has artifacts that are none'],
    [{ startedAt: 'zzz', endedAt: '1960-01-01T00:00:00Z' }, 'has a startedAt that is no time; it has a endedAt that is no time'],
    [{ target: { name: 'local', type: 'local' } }, 'has no target'],
    [{ id: 'before_1' }, 'before_1 is there twice'],
  ])('refuses %j before anything is imported', async (change, problem) => {
    using project = temporaryProject()
    changedExport(project.directory, change)
    using history = openHistory(project.directory)
    await expect(importInto(history, project.directory)).rejects.toMatchObject({
      code: 'ARCHIVE_INVALID',
      message: expect.stringContaining(problem),
    })
    expect(history.list()).toEqual([])
    expect(history.create(irisRun).number).toBe(1)
  })
})

describe('a clearing while an import is at work', () => {
  it('leaves contents alone, for a day when the import was killed', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const content = objectPath(history.directory, `sha256:${'a'.repeat(64)}`)
    mkdirSync(join(content, '..'), { recursive: true })
    writeFileSync(content, 'just stored')
    const folder = join(history.directory, 'import-1')
    mkdirSync(folder)
    expect(removeUnneeded(history)).toEqual({ items: [], kept: 'an import is at work: try again when it is done' })
    expect(existsSync(content)).toBe(true)
    const old = new Date(Date.now() - 25 * 60 * 60 * 1000)
    utimesSync(folder, old, old)
    expect(planUnneeded(history).items.map(({ kind }) => kind)).toEqual(['contents', 'unfinished copies'])
    rmSync(folder, { recursive: true })
  })

  it('is told of it before the import looks for its first content', async () => {
    using project = temporaryProject()
    using source = openHistory(project.directory)
    const { id } = source.create(irisRun)
    const directory = join(project.directory, 'export')
    await exportArchive(source, { directory, ids: [id], signal: new AbortController().signal, ...quiet })
    using other = temporaryProject()
    using history = openHistory(other.directory)
    const seen: (string | undefined)[] = []
    const watched: History = Object.assign(Object.create(history) as History, {
      exclusively: <Result>(work: () => Result): Result => {
        const result = history.exclusively(work)
        seen.push(planUnneeded(history).kept)
        return result
      },
    })
    await importInto(watched, directory)
    expect(seen).toEqual(['an import is at work: try again when it is done'])
    expect(planUnneeded(history)).toEqual({ items: [] })
  })
})
