import { isUtf8 } from 'node:buffer'
import { errorCode, errorMessage } from '../errors.ts'
import { type History, type RunRecord, snapshotDigest, type StoredLogRecord } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { isoTime } from '../log-record.ts'
import type { Snapshot } from '../request.ts'
import { readStoredChain } from '../snapshot/index.ts'

/** Of the lines; a reader refuses a higher one. */
export const archiveVersion = 1

/** What an export tells of what it could not take along. */
export type OnMissing = (sentence: string) => void

export interface ExportLinesOptions {
  onSnapshot?(snapshot: Snapshot): void
  readonly onMissing?: OnMissing
  readonly onDamaged?: OnMissing | undefined
}

/**
 * A history as objects that JSON can hold, one for each line of a file: the project; then for each run, oldest first, the list of its files
 * (once for each digest), its record with metrics, tags and artifacts, and its log in pieces (as text, or as base64 where the bytes are no
 * UTF-8). `onSnapshot` is given each list, for its contents. A run whose record can't be read is told to `onDamaged` and left out; without
 * that it is the error `HISTORY_CORRUPT`.
 */
export function* exportLines(
  history: History,
  ids: readonly string[],
  { onSnapshot = () => {}, onMissing = () => {}, onDamaged }: ExportLinesOptions = {},
): Generator<JsonValue> {
  yield { type: 'project', version: archiveVersion, id: history.projectId }
  const listed = new Set<string>()
  for (const id of ids) {
    const found = ifReadable(id, onDamaged, () => recordOf(history, id))
    if (found === undefined) continue
    const { run, exported } = found
    const digest = snapshotDigest(run)
    if (digest !== undefined && !listed.has(digest)) {
      listed.add(digest)
      const chain = readStoredChain(history.directory, digest)
      if (chain === 'damaged') (onDamaged ?? onMissing)(`The list of files of ${id} is damaged.`)
      else if (chain === 'absent') onMissing(`The list of files of ${id} is gone.`)
      else {
        onSnapshot(chain.snapshot)
        yield JSON.parse(JSON.stringify({ type: 'snapshot', digest, entries: chain.snapshot.entries })) as JsonValue
      }
    }
    yield exported
    try {
      for (const record of history.readLog(id)) yield exportedLog(id, record)
    } catch (error) {
      ;(onDamaged ?? onMissing)(`The log of ${id} is not whole: ${errorMessage(error)}`)
    }
  }
}

/** What can be read of the run; undefined when its record is damaged and that can be told. */
export function ifReadable<Found>(id: string, onDamaged: OnMissing | undefined, read: () => Found): Found | undefined {
  try {
    return read()
  } catch (error) {
    if (onDamaged === undefined || errorCode(error) !== 'HISTORY_CORRUPT') throw error
    onDamaged(`The run ${id} is not exported. ${errorMessage(error)}`)
    return undefined
  }
}

function recordOf(history: History, id: string): { readonly run: RunRecord; readonly exported: JsonValue } | undefined {
  const run = history.get(id)
  return run === undefined ? undefined : { run, exported: exportedRun(history, run) }
}

function exportedRun(history: History, run: RunRecord): JsonValue {
  const { client: _client, ...record } = run
  const whole = {
    type: 'run',
    ...record,
    metrics: history.metrics(run.id),
    tags: history.tags(run.id),
    artifacts: history.artifacts(run.id),
  }
  return JSON.parse(JSON.stringify(whole))
}

function exportedLog(run: string, record: StoredLogRecord): JsonValue {
  const bytes = Buffer.from(record.data.buffer, record.data.byteOffset, record.data.byteLength)
  const data = isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') }
  return { type: 'log', run, stream: record.stream, at: isoTime(record.time), ...data }
}
