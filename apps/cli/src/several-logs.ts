import { setTimeout as delay } from 'node:timers/promises'
import { type RunRecord, type StoredLogRecord, finalStates } from '@errand/core/history'
import type { RunContext, RunUpdate } from '@errand/core/run'
import { lastLines } from './last-lines.ts'
import { type PrefixedLines, prefixedLines } from './prefixed-lines.ts'

export interface SeveralLogsOptions {
  readonly follow: boolean
  readonly control: boolean
  /** Begin with the last so many lines of each. */
  readonly tail?: number | undefined
  readonly signal: AbortSignal
  /** Whole lines with the name of their run; without `prefix` pieces as they come. */
  readonly prefix: boolean
  show(run: RunRecord, stream: StoredLogRecord['stream'], data: Uint8Array): Promise<void>
  aside(update: RunUpdate): Promise<void>
}

/** Shows the output of several runs side by side; of a sweep that of its runs, also of those that it starts meanwhile. */
export async function showSeveralLogs(context: RunContext, runs: readonly RunRecord[], options: SeveralLogsOptions): Promise<void> {
  const sweeps = runs.filter(({ kind }) => kind === 'sweep')
  const known = new Map(runs.filter(({ kind }) => kind !== 'sweep').map((run) => [run.id, run]))
  const names = new Map<string, string>()
  const begun: Promise<void>[] = []
  const begin = (run: RunRecord): void => {
    const width = Math.max(...[...names.values()].map((name) => name.length))
    const lines = options.prefix ? prefixedLines(names.get(run.id) ?? run.id, width, begun.length, process.stdout) : undefined
    const shown = showOne(context, run, lines, options)
    // What goes wrong is told below, when the others have been shown.
    shown.catch(() => {})
    begun.push(shown)
  }
  const find = (): readonly RunRecord[] => {
    const fresh = sweeps.flatMap(({ id }) => childrenOf(context, id)).filter(({ id }) => !known.has(id))
    for (const run of fresh) known.set(run.id, run)
    return fresh
  }
  find()
  for (const run of known.values()) names.set(run.id, nameOf(context, run, sweeps.length > 0))
  for (const run of known.values()) begin(run)
  while (options.follow && (await anyGoesOn(context, sweeps, options.signal))) {
    await delay(300, undefined, { signal: options.signal })
    for (const run of find()) {
      names.set(run.id, nameOf(context, run, true))
      begin(run)
    }
  }
  await Promise.all(begun)
}

function childrenOf({ history }: RunContext, parent: string): readonly RunRecord[] {
  return history
    .list({ parent })
    .toReversed()
    .flatMap(({ id }) => history.get(id) ?? [])
}

/** Whether one of the sweeps may still start runs: it has not ended, and its client has neither let go of it nor died. */
async function anyGoesOn(context: RunContext, sweeps: readonly RunRecord[], signal: AbortSignal): Promise<boolean> {
  const { refresh } = await import('@errand/core/run')
  for (const { id } of sweeps) {
    if (context.history.get(id) === undefined) continue
    const { state } = await refresh(context, id, { signal })
    if (!finalStates.has(state) && state !== 'interrupted') return true
  }
  return false
}

/** Of a run of a sweep its values, which say more than its id. */
function nameOf({ history }: RunContext, run: RunRecord, inSweep: boolean): string {
  if (!inSweep || run.parent === undefined) return run.id
  const values = history.tags(run.id).filter(({ name }) => name.startsWith('sweep.') && name !== 'sweep.point')
  return values.map(({ name, value }) => `${name.slice('sweep.'.length)}=${value}`).join(' ')
}

async function showOne(context: RunContext, run: RunRecord, lines: PrefixedLines | undefined, options: SeveralLogsOptions): Promise<void> {
  const { follow, refresh } = await import('@errand/core/run')
  const { signal, control, tail, follow: live } = options
  const show = async ({ stream, data }: Pick<StoredLogRecord, 'stream' | 'data'>): Promise<void> => {
    if (stream === 'control' && !control) return
    const shown = lines === undefined ? data : lines.take(stream, data)
    if (shown.length > 0) await options.show(run, stream, shown)
  }
  let from: number | undefined
  if (tail !== undefined) {
    await refresh(context, run.id, { signal })
    const last = lastLines(context.history.readLog(run.id), tail, (record) => control || record.stream !== 'control')
    for (const piece of last.pieces) await show(piece)
    from = last.end
  }
  for await (const update of follow(context, run.id, { signal, live, ...(from === undefined ? {} : { from }) })) {
    if (update.type === 'log') await show(update)
    else if (update.type === 'note') await options.aside(update)
  }
  for (const [stream, data] of lines?.rest() ?? []) await options.show(run, stream === 'stdout' ? 'stdout' : 'stderr', data)
}
