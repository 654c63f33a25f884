import { basename, dirname } from 'node:path'
import { ErrandError } from '../errors.ts'
import type { HistoryDatabase } from './database.ts'
import type { RunKind } from './run-record.ts'

/** Place and history make files of an id with something added: file names end at 255 bytes. */
const longestId = 200
const longestTime = 16
const candidatesShown = 8

/** `<project>_<epoch milliseconds>`, one more for each that is taken. Call it inside the transaction that uses it. */
export function newRunId(database: HistoryDatabase, project: string, now: number): string {
  const prefix = cleanName(project)
  const taken = database.statement('SELECT 1 FROM runs WHERE id = ?')
  let time = now
  while (taken.get(`${prefix}_${time}`) !== undefined) time += 1
  return `${prefix}_${time}`
}

/** Letters, digits, `_` and `-`, a letter or digit first. Letters with marks lose the marks, all else becomes `_`. */
function cleanName(project: string): string {
  const plain = project.normalize('NFKD').replace(/\p{Mark}/gu, '')
  const cleaned = plain.replace(/[^A-Za-z0-9_-]/gu, '_').replace(/^[_-]+/u, '')
  return cleaned === '' ? 'project' : cleaned.slice(0, longestId - longestTime - 1)
}

/**
 * The id that a user means by `name`: the id itself, the beginning of exactly one, `last`, or `last~n`. `last` passes over the records of
 * prepares while there are runs: who prepares once more still means her script.
 */
export function resolveRunId(database: HistoryDatabase, name: string, kind?: RunKind): string {
  const last = /^last(?:~(\d{1,9}))?$/u.exec(name)
  return last ? fromNewest(database, Number(last[1] ?? 0), kind) : byBeginning(database, name, kind)
}

function fromNewest(database: HistoryDatabase, back: number, kind?: RunKind): string {
  const newest = database.statement('SELECT id FROM runs WHERE kind = ? ORDER BY created_at DESC, number DESC LIMIT 1 OFFSET ?')
  const kinds: readonly RunKind[] = kind === undefined ? ['run', 'sweep', 'prepare'] : [kind]
  for (const candidate of kinds) {
    const [id] = idsOf(newest.all(candidate, back))
    if (id !== undefined) return id
  }
  const runs = kind === undefined ? 'run' : kind
  const { number } = database.statement('SELECT count(*) AS number FROM runs WHERE kind = ?').get(kind ?? 'run') ?? {}
  if (number !== 0)
    throw notFound(`The history of this project has only ${Number(number) === 1 ? `one ${runs}` : `${Number(number)} ${runs}s`}.`)
  throw notFound(
    `The history of this project has no ${runs}s yet.`,
    kind === 'sweep' ? 'Begin one: errand sweep -c local SCRIPT --each NAME=VALUE,VALUE' : 'Run a script: errand submit -c local SCRIPT',
  )
}

function byBeginning(database: HistoryDatabase, name: string, kind?: RunKind): string {
  const exact = idsOf(database.statement('SELECT id FROM runs WHERE id = ?').all(name))[0]
  if (exact !== undefined) return exact
  if (!/^[A-Za-z0-9_-]+$/u.test(name)) throw runNotFound(JSON.stringify(name))
  const ids = idsOf(
    database
      .statement(
        'SELECT id FROM runs WHERE substr(id, 1, length(?1)) = ?1 AND kind = coalesce(?2, kind) ORDER BY created_at DESC, number DESC',
      )
      .all(name, kind ?? null),
  )
  if (ids.length === 1 && ids[0] !== undefined) return ids[0]
  if (ids.length === 0) throw ofAnotherProject(database, name) ?? runNotFound(name)
  const more = ids.length > candidatesShown ? ` and ${ids.length - candidatesShown} more` : ''
  throw new ErrandError('RUN_AMBIGUOUS', `${ids.length} runs begin with ${name}: ${ids.slice(0, candidatesShown).join(', ')}${more}.`, {
    hint: 'Give more of the run id, or `last` for the newest.',
  })
}

/**
 * An id has the name of its project: one that no run here begins with is most likely typed in the wrong folder. Undefined for what is no
 * whole id, or for the name of this project.
 */
function ofAnotherProject(database: HistoryDatabase, name: string): ErrandError | undefined {
  const project = /^(.+)_\d{10,16}$/u.exec(name)?.[1]
  const here = basename(dirname(dirname(database.file)))
  if (project === undefined || project === cleanName(here)) return undefined
  const sameName = database.statement('SELECT 1 FROM runs WHERE substr(id, 1, length(?1)) = ?1 LIMIT 1').get(`${project}_`)
  if (sameName !== undefined) return undefined
  return new ErrandError('RUN_OF_OTHER_PROJECT', `${name} is a run of a project called ${project}; this one is ${here}.`, {
    hint: `Run the command in the folder of that project, or name it: -p PATH`,
  })
}

function idsOf(rows: readonly Record<string, unknown>[]): string[] {
  return rows.map((row) => String(row['id']))
}

export function runNotFound(id: string): ErrandError {
  return notFound(`There is no run ${id} in the history of this project.`)
}

function notFound(message: string, hint = 'errand history list'): ErrandError {
  return new ErrandError('RUN_NOT_FOUND', message, { hint })
}
