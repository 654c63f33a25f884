import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { ErrandError, errorMessage } from '../errors.ts'
import type { ImportedRun } from '../history/index.ts'
import { logStreams, type LogStream } from '../log-record.ts'
import type { Snapshot } from '../request.ts'
import { isSnapshotDigest } from '../snapshot/index.ts'
import type { JsonObject } from '../json-object.ts'
import { isRunId, isTime, runProblem } from './archived-run.ts'
import { archiveVersion } from './export-lines.ts'

/** A line of `history.jsonl`, checked. */
export type ArchiveLine =
  | { readonly type: 'project' }
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'run'; readonly run: ImportedRun }
  | { readonly type: 'log'; readonly run: string; readonly stream: LogStream; readonly at: string; readonly data: Buffer }

const problemsShown = 20

/** Reads the file to its end. Error: `ARCHIVE_INVALID` with all problems, each with its line. */
export async function checkArchive(file: string): Promise<void> {
  const problems: string[] = []
  const runs = new Set<string>()
  let lines = 0
  for await (const { number, line } of readLines(file)) {
    lines = number
    if (typeof line === 'string') problems.push(`${file}:${number}: ${line}`)
    else if (line.type === 'run') {
      if (runs.has(line.run.id)) problems.push(`${file}:${number}: the run ${line.run.id} is there twice`)
      runs.add(line.run.id)
    }
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
    if (!isRunId(run) || known === undefined || !isTime(at)) return 'this piece of a log says not of what'
    if (typeof text === 'string') return { type: 'log', run, stream: known, at, data: Buffer.from(text) }
    return typeof base64 === 'string'
      ? { type: 'log', run, stream: known, at, data: Buffer.from(base64, 'base64') }
      : 'this piece of a log is empty'
  },
}
