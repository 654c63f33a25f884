import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { appendEvents } from './append-events.ts'
import { type HistoryDatabase, historyError, openDatabase } from './database.ts'
import { importRun } from './import-run.ts'
import { labelsOf, setLabels } from './labels.ts'
import { linesOfRuns } from './list-lines.ts'
import { listRuns, pagesOfRuns } from './list-runs.ts'
import { readLogFile } from './log-file.ts'
import { metricsOf } from './metrics.ts'
import { resolveRunId, runNotFound } from './run-id.ts'
import type { History, ReadLogOptions, StoredLogRecord } from './history.ts'
import type { Artifact, NewRun, RunRecord } from './run-record.ts'
import { insertRun, runById, runByNumber, updateRun } from './run-rows.ts'
import { migrations } from './schema.ts'
import { sharedUntil } from './shared-until.ts'
import { fromSqlText, toSqlText } from './sql-text.ts'

/** Opens the history of a project, made on first use. */
export function openHistory(projectDirectory: string): History {
  const directory = resolve(projectDirectory, '.errand')
  const file = databaseFile(projectDirectory)
  const explained = explaining(file)
  return explained(() => historyOf(directory, openDatabase(file, migrations), explained))()
}

/** The history of a project if it has one: looking at a fresh project makes no files. */
export function openHistoryIfPresent(projectDirectory: string): History | undefined {
  return statSync(databaseFile(projectDirectory), { throwIfNoEntry: false }) === undefined ? undefined : openHistory(projectDirectory)
}

function databaseFile(projectDirectory: string): string {
  return resolve(projectDirectory, '.errand', 'history.db')
}

type Explain = <Values extends unknown[], Result>(work: (...values: Values) => Result) => (...values: Values) => Result

/** The same function, with errors of SQLite and of the disk in words. */
function explaining(file: string): Explain {
  return (work) =>
    (...values) => {
      try {
        return work(...values)
      } catch (error) {
        throw historyError(error, file)
      }
    }
}

function* eachExplained<Item>(explained: Explain, items: Iterator<Item>): Generator<Item> {
  const next = explained(() => items.next())
  for (let item = next(); item.done !== true; item = next()) yield item.value
}

function historyOf(directory: string, database: HistoryDatabase, explained: Explain): History {
  const runDirectory = (id: string) => join(directory, 'runs', id)
  const logPath = (id: string) => join(runDirectory(id), 'log')
  const place = (id: string) => ({ id, logPath: logPath(id) })
  const shared = sharedUntil(database)
  return {
    directory,
    projectId: String(database.statement("SELECT value FROM project WHERE key = 'id'").get()?.['value']),
    create: explained((run) => database.write(() => createRun(database, run))),
    isShared: ({ createdAt }) => shared !== undefined && createdAt <= shared,
    get: explained((id) => runById(database, id)),
    resolve: explained((name, filter) => knownRun(database, resolveRunId(database, name, filter?.kind))),
    resolveId: explained((name) => resolveRunId(database, name)),
    list: explained((filter, onDamaged) => listRuns(database, filter, onDamaged)),
    pages: (filter, onDamaged) => eachExplained(explained, pagesOfRuns(database, filter, onDamaged)),
    lines: (filter, onDamaged, now) => eachExplained(explained, linesOfRuns(database, filter, onDamaged, now)),
    update: explained((id, patch, condition) => updateRun(database, place(id), patch, condition)),
    appendEvents: explained((id, events, after) => appendEvents(database, place(id), events, after)),
    metrics: explained((id) => metricsOf(database, knownRun(database, id).number)),
    tags: explained((id) => labelsOf(database, knownRun(database, id).number)),
    setLabels: explained((id, labels) => database.write(() => setLabels(database, knownRun(database, id).number, labels))),
    artifacts: explained((id) => artifactsOf(database, knownRun(database, id).number)),
    setArtifacts: explained((id, artifacts) => database.write(() => replaceArtifacts(database, knownRun(database, id).number, artifacts))),
    delete: explained((id) => {
      database.write(() => deleteRun(database, numberOf(database, id)))
      rmSync(runDirectory(id), { recursive: true, force: true })
    }),
    readLog: (id, options) => readStoredLog(() => explained(() => knownRun(database, id))(), logPath(id), options),
    import: explained((run, folder) => {
      mkdirSync(join(directory, 'runs'), { recursive: true })
      return database.write(() => {
        const number = importRun(database, run)
        putAside(database, run.id, runDirectory(run.id))
        renameSync(folder, runDirectory(run.id))
        return runByNumber(database, number)
      })
    }),
    exclusively: (work) => explained(() => database.write(work))(),
    runDirectory,
    logPath,
    outputsDirectory: (id) => join(runDirectory(id), 'files'),
    [Symbol.dispose]: () => database.close(),
  }
}

/**
 * A folder that no run has: an import has left it that was killed, or found the disk full, before its commit. Under another name it is what
 * `gc` may remove. Some file systems know no case.
 */
function putAside(database: HistoryDatabase, id: string, folder: string): void {
  const row = database.statement('SELECT count(*) AS runs FROM runs WHERE id = ? COLLATE NOCASE').get(id)
  if (row?.['runs'] === 1 && existsSync(folder)) renameSync(folder, `${folder}.${randomBytes(6).toString('hex')}`)
}

function createRun(database: HistoryDatabase, run: NewRun): RunRecord {
  const number = insertRun(database, run)
  setLabels(database, number, { tags: run.tags ?? {}, properties: run.properties ?? {} })
  return runByNumber(database, number)
}

function deleteRun(database: HistoryDatabase, run: number): void {
  for (const table of ['metrics', 'tags', 'artifacts']) database.statement(`DELETE FROM ${table} WHERE run = ?`).run(run)
  for (const table of ['run_details', 'runs']) database.statement(`DELETE FROM ${table} WHERE number = ?`).run(run)
}

/** Also of a record that can't be read. */
function numberOf(database: HistoryDatabase, id: string): number {
  const row = database.statement('SELECT number FROM runs WHERE id = ?').get(id)
  if (row === undefined) throw runNotFound(id)
  return Number(row['number'])
}

function knownRun(database: HistoryDatabase, id: string): RunRecord {
  const run = runById(database, id)
  if (run === undefined) throw runNotFound(id)
  return run
}

function* readStoredLog(run: () => RunRecord, path: string, options?: ReadLogOptions): Generator<StoredLogRecord> {
  const { size } = run().log
  yield* readLogFile(path, Math.min(size, options?.to ?? size), options)
}

function artifactsOf(database: HistoryDatabase, run: number): Artifact[] {
  const rows = database.statement('SELECT path, size FROM artifacts WHERE run = ? ORDER BY path').all(run)
  return rows.map((row) => {
    const artifact = { path: fromSqlText(String(row['path'])) }
    return row['size'] === null ? artifact : Object.assign(artifact, { size: Number(row['size']) })
  })
}

function replaceArtifacts(database: HistoryDatabase, run: number, artifacts: readonly Artifact[]): void {
  database.statement('DELETE FROM artifacts WHERE run = ?').run(run)
  const insert = database.statement('INSERT OR REPLACE INTO artifacts (run, path, size) VALUES (?, ?, ?)')
  for (const { path, size } of artifacts) insert.run(run, toSqlText(path), size ?? null)
}
