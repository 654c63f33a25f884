import { isUtf8 } from 'node:buffer'
import type { JsonValue } from '../json.ts'
import { isoTime } from '../log-record.ts'
import type { History, RunRecord, StoredLogRecord } from './run-record.ts'

/**
 * Everything in a history as objects that JSON can hold, one for each line of a file: the project, then for each run, oldest first, its
 * record with metrics, tags and artifacts, then its log in pieces (as text, or as base64 where the bytes are no UTF-8).
 */
export async function* exportHistory(history: History): AsyncGenerator<JsonValue> {
  yield { type: 'project', id: history.projectId }
  for (const { id } of history.list().toReversed()) {
    const run = history.get(id)
    if (run === undefined) continue
    yield exportedRun(history, run)
    for (const record of history.readLog(id)) yield exportedLog(id, record)
  }
}

function exportedRun(history: History, run: RunRecord): JsonValue {
  const whole = { type: 'run', ...run, metrics: history.metrics(run.id), tags: history.tags(run.id), artifacts: history.artifacts(run.id) }
  return JSON.parse(JSON.stringify(whole))
}

function exportedLog(run: string, record: StoredLogRecord): JsonValue {
  const bytes = Buffer.from(record.data.buffer, record.data.byteOffset, record.data.byteLength)
  const data = isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') }
  return { type: 'log', run, stream: record.stream, at: isoTime(record.time), ...data }
}
