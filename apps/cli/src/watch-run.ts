import { setTimeout as delay } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { type Metric, type RunRecord, finalStates, plainNumbers, statusWords } from '@errand/core/history'
import type { RunContext, RunUpdate } from '@errand/core/run'
import { openLivePicture } from './render/live-picture.ts'
import type { Screen } from './render/screen.ts'
import { type SeriesByName, addSeries, watchLines } from './render/watch.ts'

/** Milliseconds between two looks at the history. */
const pace = 250

export interface WatchOptions {
  readonly signal: AbortSignal
  aside(update: RunUpdate): Promise<void>
}

/** Draws the metrics of a run on the terminal until it ends; the last picture stays there. */
export async function drawRun(context: RunContext, run: RunRecord, { signal, aside }: WatchOptions): Promise<void> {
  const series: SeriesByName = new Map()
  let lastLine = ''
  let known = 0
  let now = run
  const draw = (): void => {
    picture.draw(watchLines(now, [...series.values()], lastLine, process.stdout.columns))
  }
  using picture = openLivePicture(process.stdout, draw)
  const look = (): void => {
    const metrics = context.history.metrics(run.id)
    addSeries(series, metrics.slice(known))
    known = metrics.length
    now = context.history.get(run.id) ?? now
    draw()
  }
  // A line of progress would be drawn into the picture.
  const besides = async (update: RunUpdate): Promise<void> => (update.type === 'progress' ? undefined : aside(update))
  await whileFollowing(context, run, { signal, aside: besides }, look, (text) => (lastLine = lastLineOf(text, lastLine)))
  look()
}

function lastLineOf(text: string, before: string): string {
  const lines = stripVTControlCharacters(text)
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '')
  return lines.at(-1) ?? before
}

/** Where no picture can be drawn: a line for each value as it comes, at last the status. */
export async function listRun(
  context: RunContext,
  run: RunRecord,
  screen: Screen,
  { signal, aside, asObjects }: WatchOptions & { readonly asObjects: boolean },
): Promise<void> {
  let known = 0
  const look = async (): Promise<void> => {
    const metrics = context.history.metrics(run.id).slice(known)
    known += metrics.length
    if (metrics.length > 0) await screen.out(metrics.map((metric) => (asObjects ? metricObject(metric) : metricLine(metric))).join(''))
  }
  await whileFollowing(context, run, { signal, aside }, look, () => {})
  await look()
  const { state } = context.history.get(run.id) ?? run
  const status = statusWords[state]
  await screen.out(asObjects ? `${JSON.stringify({ run_id: run.id, status })}\n` : `${run.id} : ${status}\n`)
}

function metricLine({ name, value, step }: Metric): string {
  const plain = plainNumbers(value)
  return `${name} ${typeof plain === 'string' ? plain : JSON.stringify(plain)}${step === undefined ? '' : ` (step ${step})`}\n`
}

function metricObject({ name, kind, value, step, at }: Metric): string {
  return `${JSON.stringify({ name, kind, value: plainNumbers(value), ...(step === undefined ? {} : { step }), at })}\n`
}

/** Follows a run to its end and looks at what the history has of it meanwhile; a look that takes long is made less often. */
async function whileFollowing(
  context: RunContext,
  run: RunRecord,
  { signal, aside }: WatchOptions,
  look: () => void | Promise<void>,
  onText: (text: string) => void,
): Promise<void> {
  const { follow } = await import('@errand/core/run')
  const over = new AbortController()
  const looking = (async () => {
    while (!over.signal.aborted) {
      const began = performance.now()
      await look()
      await delay(Math.max(pace, 5 * (performance.now() - began)), undefined, { signal: over.signal }).catch(() => {})
    }
  })()
  try {
    for await (const update of follow(context, run.id, { signal, live: true })) {
      if (update.type === 'log' && update.stream !== 'control') onText(Buffer.from(update.data).toString('utf8'))
      else if (update.type === 'note') await aside(update)
    }
  } finally {
    over.abort()
    await looking
  }
}

/** Draws the table of a sweep until no run of it goes on. */
export async function drawSweep(
  context: RunContext,
  sweep: RunRecord,
  signal: AbortSignal,
  lines: (sweep: RunRecord) => string[],
): Promise<void> {
  const { refresh } = await import('@errand/core/run')
  const draw = (): void => picture.draw(lines(context.history.get(sweep.id) ?? sweep))
  using picture = openLivePicture(process.stdout, draw)
  for (;;) {
    const now = await refresh(context, sweep.id, { signal })
    draw()
    if (finalStates.has(now.state) || now.state === 'interrupted') return
    await delay(pace, undefined, { signal })
  }
}
