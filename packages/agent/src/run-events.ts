import { addAbortListener } from 'node:events'
import {
  type CallOptions,
  ErrandError,
  type MetricValue,
  type RunEvent,
  type RunStatus,
  isoTime,
  logMagic,
  parseLogRecords,
} from '@errand/core'
import type { Agent } from './agent.ts'
import { type ReadParameters, readParts } from './read-parts.ts'
import { isLost } from './repeated-call.ts'
import { toStatus } from './run-status.ts'

/** A cursor is the offset behind the last log record, that behind the last metrics line, and how far the status had come. */
interface Position {
  readonly log: number
  readonly metrics: number
  readonly status: number
}

const statusOrder: Readonly<Record<string, number>> = { queued: 1, running: 2 }
const finalOrder = 3

function parseCursor(cursor: string | undefined): Position {
  if (cursor === undefined) return { log: logMagic.length, metrics: 0, status: 0 }
  const [log, metrics, status, more] = cursor.split('.').map(Number)
  if (
    log === undefined ||
    metrics === undefined ||
    status === undefined ||
    more !== undefined ||
    ![log, metrics, status].every(Number.isSafeInteger)
  )
    throw new ErrandError('BAD_CURSOR', `${cursor} is no place in the log of a run.`)
  return { log, metrics, status }
}

const formatCursor = ({ log, metrics, status }: Position): string => `${log}.${metrics}.${status}`

const readLimit = 1024 * 1024
const waitSeconds = 20

const readingFrom = ({ log, metrics }: Pick<Position, 'log' | 'metrics'>): ReadParameters => ({
  log,
  metrics,
  limit: readLimit,
  wait: waitSeconds,
})

/**
 * Begins to read a run that is about to be started over the same connection, so that its first words need not be asked for once it has.
 * `include` says what will be collected at its end: the list of that comes with the end.
 */
export function readAhead(agent: Agent, run: string, include: readonly string[], signal: AbortSignal): void {
  if (agent.ahead === undefined) return
  const stopping = new AbortController()
  const parameters = { ...readingFrom(parseCursor(undefined)), run, starting: true, collect: include }
  const parts = readParts(agent, parameters, AbortSignal.any([signal, stopping.signal]))
  agent.ahead.set(run, { include, parts, stop: (reason) => stopping.abort(reason) })
}

/** What the agent tells of the run, from the cursor on. */
export async function* readEvents(
  agent: Agent,
  run: string,
  options: CallOptions & { readonly cursor?: string },
): AsyncGenerator<RunEvent> {
  let { log, metrics, status } = parseCursor(options.cursor)
  let state: string | undefined
  const ahead = agent.ahead?.get(run)
  let begun = options.cursor === undefined ? ahead?.parts : undefined
  using _ = ahead && addAbortListener(options.signal, () => ahead.stop(options.signal.reason))
  delete ahead?.parts
  let lost = false
  while (status < finalOrder) {
    const known = state === undefined ? {} : { state }
    const include = ahead === undefined ? {} : { collect: ahead.include }
    const parameters = { ...readingFrom({ log, metrics }), ...known, ...include, run }
    const parts =
      begun ?? (lost ? [agent.call('read', parameters, { signal: options.signal })] : readParts(agent, parameters, options.signal))
    begun = undefined
    const repeated = lost
    lost = false
    try {
      for await (const { result, body } of parts) {
        const answer = result as {
          readonly log: number
          readonly end: boolean
          readonly status?: RunStatus | null
          readonly collected?: object
        }
        if (ahead !== undefined && answer.collected !== undefined) ahead.listing = answer.collected
        const start = log
        for (const record of parseLogRecords(body.subarray(0, answer.log))) {
          log = start + record.end
          yield {
            cursor: formatCursor({ log, metrics, status }),
            at: isoTime(record.time),
            type: 'log',
            stream: record.stream,
            data: record.data,
          }
        }
        for (const line of lines(body.subarray(answer.log))) {
          metrics += line.length
          const event = parseMetricLine(line, formatCursor({ log, metrics, status }))
          if (event) yield event
        }
        if (!answer.status) continue
        state = answer.status.state
        const order = statusOrder[state] ?? finalOrder
        if (order <= status || (order === finalOrder && !answer.end)) continue
        status = order
        const at = statusTime(answer.status)
        yield { cursor: formatCursor({ log, metrics, status }), at, type: 'status', status: toStatus(answer.status) }
      }
    } catch (error) {
      // What had come stays; the rest is asked for with a call that goes on over a new connection.
      if (repeated || !isLost(error)) throw error
      lost = true
    }
  }
}

function statusTime(status: RunStatus): string {
  return status.endedAt ?? status.startedAt ?? status.queuedAt ?? new Date().toISOString()
}

function* lines(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf('\n', start) + 1
    if (end === 0) return
    yield bytes.subarray(start, end)
    start = end
  }
}

/** Undefined for a line that is no event: a script may write into the file what it likes, and the run goes on. */
function parseMetricLine(line: Buffer, cursor: string): RunEvent | undefined {
  let value: { at?: unknown; type?: unknown; kind?: unknown; name?: unknown; path?: unknown; value?: unknown; step?: unknown }
  try {
    value = JSON.parse(line.toString('utf8')) as typeof value
  } catch {
    return undefined
  }
  const at = typeof value.at === 'string' ? value.at : new Date().toISOString()
  if (value.type === 'artifact' && typeof value.path === 'string') return { cursor, at, type: 'artifact', path: value.path }
  if (typeof value.name !== 'string') return undefined
  if (value.type === 'tag' || value.type === 'property')
    return { cursor, at, type: value.type, name: value.name, ...(typeof value.value === 'string' ? { value: value.value } : {}) }
  if (value.type !== 'metric') return undefined
  const kind = metricKinds.find((known) => known === value.kind) ?? 'value'
  const step = typeof value.step === 'number' ? { step: value.step } : {}
  return { cursor, at, type: 'metric', kind, name: value.name, value: value.value as MetricValue, ...step }
}

const metricKinds = ['value', 'list', 'row', 'table', 'image'] as const
