import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { MetricValue, RunEvent } from '@errand/core'
import { type NewRun, openHistory, type RunPatch, type RunRecord } from '@errand/core/history'

const start = Date.UTC(2026, 0, 1, 12)

export interface Recorded {
  readonly run?: Partial<NewRun>
  /** A list is logged value by value. */
  readonly metrics?: Readonly<Record<string, MetricValue>>
  readonly files?: Readonly<Record<string, string>>
  /** Instead of the end as a completed run. */
  readonly patch?: RunPatch
}

/** A run in the history, put there as its client would have: looking at it then needs no place to ask. */
export function recordRun(
  project: { readonly directory: string },
  { run = {}, metrics = {}, files = {}, patch }: Recorded = {},
): RunRecord {
  using history = openHistory(project.directory)
  const target = { name: 'local', type: 'local', config: {} }
  const asked: NewRun = { kind: 'run', name: 'iris', script: 'train.py', arguments: [], runConfiguration: 'local', target, user: 'ann' }
  const made = history.create({ ...asked, ...run })
  const at = (second: number): string => new Date(start + made.number * 60_000 + second * 1000).toISOString()
  const values = Object.entries(metrics).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => ({ name, value: one })),
  )
  const events: RunEvent[] = [
    { cursor: '1', at: at(1), type: 'log', stream: 'stdout', data: Buffer.from('hello\n') },
    ...values.map(({ name, value }, index): RunEvent => ({ cursor: `m${index}`, at: at(2), type: 'metric', kind: 'value', name, value })),
  ]
  history.appendEvents(made.id, events, undefined)
  const directory = history.outputsDirectory(made.id)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  history.setArtifacts(
    made.id,
    Object.entries(files).map(([path, text]) => ({ path, size: Buffer.byteLength(text) })),
  )
  const status = { state: 'completed', startedAt: at(0), endedAt: at(4.5) } as const
  return history.update(made.id, patch ?? { state: 'completed', status, collected: true, removed: true })
}
