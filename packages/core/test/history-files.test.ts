import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../src/history/database.ts'
import { openHistory, openHistoryIfPresent } from '../src/history/index.ts'
import { migrations } from '../src/history/schema.ts'
import { irisRun, streamEvent, temporaryProject } from './history-fixture.ts'

function file(project: { readonly directory: string }): string {
  return join(project.directory, '.errand', 'history.db')
}

/** Bytes and modification times of everything in `.errand` and of the folder itself. */
function contents(project: { readonly directory: string }): Record<string, unknown> {
  const directory = join(project.directory, '.errand')
  const names = readdirSync(directory, { recursive: true }).map(String).toSorted()
  const facts = names.map((name) => {
    const stat = statSync(join(directory, name), { bigint: true })
    return [name, [stat.mtimeNs, stat.isFile() ? readFileSync(join(directory, name)).toString('base64') : '']]
  })
  return { '.': statSync(directory, { bigint: true }).mtimeNs, ...Object.fromEntries(facts) }
}

function setVersion(project: { readonly directory: string }, version: number): void {
  const database = new DatabaseSync(file(project))
  database.exec(`PRAGMA user_version = ${version}`)
  database.close()
}

describe('the files of a history', () => {
  it('are not made by looking at a project that has none', () => {
    using project = temporaryProject()
    expect(openHistoryIfPresent(project.directory)).toBeUndefined()
    expect(readdirSync(project.directory)).toEqual([])
  })

  it('ignore themselves in git, leave an ignore file that is there, and keep one project id', () => {
    using project = temporaryProject()
    const ids = [0, 1].map(() => {
      using history = openHistory(project.directory)
      return history.projectId
    })
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/u)
    expect(ids[1]).toBe(ids[0])
    const ignore = join(project.directory, '.errand', '.gitignore')
    expect(readFileSync(ignore, 'utf8')).toBe('*\n')
    writeFileSync(ignore, '*\n!objects\n')
    openHistoryIfPresent(project.directory)?.[Symbol.dispose]()
    expect(readFileSync(ignore, 'utf8')).toBe('*\n!objects\n')
  })

  it('of a newer version are refused with both versions, and nothing is touched', () => {
    using project = temporaryProject()
    openHistory(project.directory)[Symbol.dispose]()
    setVersion(project, 7)
    utimesSync(file(project), 1000, 1000)
    const before = contents(project)
    const refused = expect.objectContaining({ code: 'HISTORY_TOO_NEW', message: expect.stringMatching(/version 7 .* up to 2\./u) })
    expect(() => openHistory(project.directory)).toThrow(refused)
    expect(() => openHistoryIfPresent(project.directory)).toThrow(refused)
    expect(contents(project)).toEqual(before)
  })

  it('of a newer version are left alone also when its writer was killed before the version came into the file itself', () => {
    using project = temporaryProject()
    openHistory(project.directory)[Symbol.dispose]()
    const die = `const { DatabaseSync } = require('node:sqlite')
      new DatabaseSync(process.argv[1]).exec('PRAGMA journal_mode = WAL; PRAGMA user_version = 9')
      process.kill(process.pid, 'SIGKILL')`
    spawnSync(process.execPath, ['-e', die, file(project)])
    const files = [file(project), `${file(project)}-wal`]
    const before = files.map((path) => readFileSync(path))
    expect(before[1]?.length).toBeGreaterThan(0)
    expect(() => openHistory(project.directory)).toThrow(expect.objectContaining({ code: 'HISTORY_TOO_NEW' }))
    expect(files.map((path) => readFileSync(path))).toEqual(before)
  })

  it('that were moved away while they are open are not written any more, and nothing is made where they were', () => {
    using project = temporaryProject()
    using other = temporaryProject()
    using history = openHistory(project.directory)
    const { id } = history.create(irisRun)
    renameSync(join(project.directory, '.errand'), join(other.directory, '.errand'))
    const moved = expect.objectContaining({ code: 'HISTORY_MOVED' })
    const batch = [1, 2, 3].map(streamEvent)
    expect(() => history.appendEvents(id, batch, undefined)).toThrow(moved)
    expect(() => history.update(id, { state: 'running' })).toThrow(moved)
    expect(readdirSync(project.directory)).toEqual([])
    using there = openHistory(other.directory)
    expect(there.appendEvents(id, batch, undefined)).toMatchObject({ outcome: 'stored', stored: 3 })
    expect([...there.readLog(id)]).not.toEqual([])
  })

  it('that a newer errand takes over while they are open are not written any more', () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    history.create(irisRun)
    setVersion(project, 9)
    expect(() => history.create(irisRun)).toThrow(expect.objectContaining({ code: 'HISTORY_TOO_NEW' }))
    expect(history.list()).toHaveLength(1)
  })

  it.each([
    ['no database', (path: string) => writeFileSync(path, 'this is no database '.repeat(500))],
    ['a damaged page', (path: string) => writeFileSync(path, damagedBehindHeader(readFileSync(path)))],
    ['cut in half', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 9000))],
  ])('that are %s are named and not deleted', (_, damage) => {
    using project = temporaryProject()
    {
      using history = openHistory(project.directory)
      history.create(irisRun)
    }
    damage(file(project))
    const before = readFileSync(file(project))
    const use = () => {
      using history = openHistory(project.directory)
      history.list()
      history.create(irisRun)
    }
    expect(use).toThrow(expect.objectContaining({ code: 'HISTORY_CORRUPT', message: expect.stringContaining(file(project)) }))
    expect(readFileSync(file(project)).equals(before)).toBe(true)
  })

  it('that a process left empty when it was killed at the very first open are simply made', () => {
    using project = temporaryProject()
    mkdirSync(join(project.directory, '.errand'))
    writeFileSync(file(project), '')
    using history = openHistory(project.directory)
    expect(history.create(irisRun).number).toBe(1)
  })

  it('that cannot be made say where', () => {
    using project = temporaryProject()
    writeFileSync(join(project.directory, '.errand'), 'a file in the place of the folder')
    expect(() => openHistory(project.directory)).toThrow(
      expect.objectContaining({ code: 'HISTORY_NOT_WRITABLE', message: expect.stringContaining('.errand') }),
    )
  })
})

describe('migrations', () => {
  const steps = [
    ...migrations,
    (database: DatabaseSync) => database.exec('ALTER TABLE runs ADD COLUMN colour TEXT'),
    (database: DatabaseSync) => database.exec("UPDATE runs SET colour = 'blue'"),
  ]

  it('bring an older history to the newest version once and keep its runs', () => {
    using project = temporaryProject()
    {
      using history = openHistory(project.directory)
      history.create(irisRun)
    }
    for (const _ of [1, 2]) {
      const database = openDatabase(file(project), steps)
      expect(database.statement('PRAGMA user_version').get()?.['user_version']).toBe(4)
      const row = database.statement('SELECT count(*) AS runs, name, colour FROM runs').get()
      expect({ ...row }).toEqual({ runs: 1, name: 'iris', colour: 'blue' })
      database.close()
    }
    expect(() => openHistory(project.directory)).toThrow(expect.objectContaining({ code: 'HISTORY_TOO_NEW' }))
  })

  it('that fail change nothing', () => {
    using project = temporaryProject()
    openHistory(project.directory)[Symbol.dispose]()
    const failing = [...steps, (database: DatabaseSync) => database.exec('SELECT * FROM no_such_table')]
    expect(() => openDatabase(file(project), failing)).toThrow(/no_such_table/u)
    using history = openHistory(project.directory)
    expect(history.create(irisRun).number).toBe(1)
  })
})

/** Garbage over everything but the first page. */
function damagedBehindHeader(bytes: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0xa5)])
}
