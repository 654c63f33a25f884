import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { ErrandError, errorMessage } from '../errors.ts'
import { finalStates, type ImportedRun, type RunState } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { logStreams, type LogStream } from '../log-record.ts'
import type { Snapshot } from '../request.ts'
import { isSnapshotDigest } from '../snapshot/index.ts'
import { archiveVersion } from './export-lines.ts'

/** A line of `history.jsonl`, checked. */
export type ArchiveLine =
  | { readonly type: 'project' }
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'run'; readonly run: ImportedRun }
  | { readonly type: 'log'; readonly run: string; readonly stream: LogStream; readonly at: string; readonly data: Buffer }

type JsonObject = { readonly [key: string]: JsonValue }

const problemsShown = 20
/** Names become folders and file names. */
const runId = /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/u

/** Reads the file to its end. Error: `ARCHIVE_INVALID` with all problems, each with its line. */
export async function checkArchive(file: string): Promise<void> {
  const problems: string[] = []
  let lines = 0
  for await (const { number, line } of readLines(file)) {
    lines = number
    if (typeof line === 'string') problems.push(`${file}:${number}: ${line}`)
    if (problems.length > problemsShown) break
  }
  if (lines === 0) problems.push(`${file} is empty`)
  if (problems.length === 0) return
  const more = problems.length > problemsShown ? ['…'] : []
  throw new ErrandError('ARCHIVE_INVALID', [...problems.slice(0, problemsShown), ...more].join('\n'), { hint: 'Nothing was imported.' })
}

/** The lines one by one; in the place of one that is no use, why. */
export async function* readLines(file: string): AsyncGenerator<{ number: number; line: ArchiveLine | string }> {
  const lines = createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })
  let number = 0
  for await (const text of lines) {
    number += 1
    if (text.trim() === '') continue
    yield { number, line: parsedLine(text, number) }
  }
}

function parsedLine(text: string, number: number): ArchiveLine | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return `this is no JSON (${errorMessage(error)})`
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'this is no object'
  const object = value as JsonObject
  if (number === 1 && object['type'] !== 'project') return 'the first line has to be that of the project: this is no export of errand'
  const kind = object['type']
  return typeof kind === 'string' && Object.hasOwn(readers, kind)
    ? (readers[kind]?.(object) ?? '')
    : `there is no line of the type ${JSON.stringify(object['type'])}`
}

const readers: Readonly<Record<string, (object: JsonObject) => ArchiveLine | string>> = {
  project: ({ version }) =>
    typeof version === 'number' && version <= archiveVersion
      ? { type: 'project' }
      : `this export has version ${JSON.stringify(version)}; this errand reads versions up to ${archiveVersion}`,
  snapshot: (object) => {
    const snapshot = { digest: object['digest'], entries: object['entries'] } as unknown as Snapshot
    return isSnapshotDigest(snapshot)
      ? { type: 'snapshot', snapshot }
      : `the list does not have the digest ${JSON.stringify(object['digest'])}`
  },
  run: (object) => runProblem(object) ?? { type: 'run', run: object as unknown as ImportedRun },
  log: ({ run, stream, at, text, base64 }) => {
    const known = logStreams.find((name) => name === stream)
    if (typeof run !== 'string' || !runId.test(run) || known === undefined || typeof at !== 'string')
      return 'this piece of a log says not of what'
    if (typeof text === 'string') return { type: 'log', run, stream: known, at, data: Buffer.from(text) }
    return typeof base64 === 'string'
      ? { type: 'log', run, stream: known, at, data: Buffer.from(base64, 'base64') }
      : 'this piece of a log is empty'
  },
}

const texts = ['name', 'runConfiguration', 'createdAt', 'user'] as const
const states: ReadonlySet<string> = new Set<RunState>([
  ...finalStates,
  'created',
  'preparing',
  'starting',
  'queued',
  'running',
  'cancelling',
  'finalizing',
  'interrupted',
])

function runProblem(run: JsonObject): string | undefined {
  const { id, number, kind, state, target, metrics, tags, artifacts, notes } = run
  if (typeof id !== 'string' || !runId.test(id)) return `${JSON.stringify(id)} is no run id`
  const missing = texts.filter((key) => typeof run[key] !== 'string')
  if (missing.length > 0) return `the run ${id} has no ${missing.join(', ')}`
  if (!Number.isSafeInteger(number) || Number(number) < 1) return `the run ${id} has no number`
  if (typeof kind !== 'string' || !['run', 'prepare', 'sweep'].includes(kind)) return `the run ${id} is of no known kind`
  if (typeof state !== 'string' || !states.has(state)) return `the run ${id} is in no known state`
  if (!isObject(target) || typeof target['name'] !== 'string' || typeof target['type'] !== 'string') return `the run ${id} has no target`
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u.test(textOf(run['createdAt']))) return `the run ${id} has no time of creation`
  if (![run['arguments'], notes].every(isListOfTexts)) return `the arguments or notes of the run ${id} are no lists of texts`
  if (![metrics, tags, artifacts].every((list) => Array.isArray(list) && list.every(isObject)))
    return `the run ${id} lacks metrics, tags or artifacts`
  const paths = (artifacts as readonly JsonObject[]).map(({ path }) => path)
  const outside = paths.find((path) => typeof path !== 'string' || !isInside(path))
  return outside === undefined ? undefined : `the artifact ${JSON.stringify(outside)} of the run ${id} would be outside of it`
}

function isInside(path: string): boolean {
  return !path.startsWith('/') && !/^[A-Za-z]:|\\/u.test(path) && path.split('/').every((part) => !['', '.', '..'].includes(part))
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function isListOfTexts(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
