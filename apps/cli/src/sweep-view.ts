import { type RunRecord, finalStates, statusWords } from '@errand/core/history'
import type { RunContext } from '@errand/core/run'
import { type SweepRow, type SweepUpdate, storedSweep, sweepRows } from '@errand/core/sweep'
import { type LivePicture, openLivePicture } from './render/live-picture.ts'
import type { Screen } from './render/screen.ts'
import { type Best, type SweepOutput, endLine, readBest, sweepLines, sweepOutput, sweepProgress } from './render/sweep.ts'

export interface SweepView extends Disposable {
  show(update: SweepUpdate): Promise<void>
}

export interface SweepViewOptions {
  readonly quiet: boolean
  /** Stdout is kept for data: lines go to stderr and no table is drawn. */
  readonly onlyErrors: boolean
}

/** Milliseconds between two pictures. */
const pace = 250

/** A live table on a terminal; elsewhere a line for each run that ends. */
export function openSweepView(context: RunContext, screen: Screen, { quiet, onlyErrors }: SweepViewOptions): SweepView {
  const live = !quiet && !onlyErrors && process.stdout.isTTY && process.env['TERM'] !== 'dumb'
  let parent: RunRecord | undefined
  let picture: LivePicture | undefined
  let timer: NodeJS.Timeout | undefined
  const draw = (): void => {
    if (parent !== undefined) picture?.draw(sweepStateLines(context, parent))
  }
  return {
    async show(update) {
      if (update.type === 'created') {
        parent = update.run
        if (!quiet) await (onlyErrors ? screen.err(`RunId: ${parent.id}\n`) : screen.out(`RunId: ${parent.id}\n\n`))
      }
      if (update.type === 'point' && parent !== undefined) {
        screen.clear()
        if (live && picture === undefined) {
          picture = openLivePicture(process.stdout, draw)
          draw()
          timer = setInterval(draw, pace)
        } else if (!live && !quiet && finalStates.has(update.run.state)) await sayEnd(context, screen, parent, update, onlyErrors)
      }
      // The final table takes its place.
      if (update.type === 'ended') picture?.clear()
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      picture?.[Symbol.dispose]()
    },
  }
}

/** The table of a sweep as it stands, cut to the terminal. */
export function sweepStateLines(context: RunContext, parent: RunRecord): string[] {
  const { rows, best } = stateOf(context, parent)
  const { isTTY, columns, rows: height } = process.stdout
  const lines = sweepLines(rows, best, isTTY ? columns : undefined)
  const room = isTTY ? Math.max(1, height - 4) : lines.length
  const more = lines.length - room
  return [...lines.slice(0, room), ...(more > 0 ? [`… and ${more} more`] : []), '', sweepProgress(rows)]
}

/** The same as data. */
export function sweepStateOutput(context: RunContext, parent: RunRecord): SweepOutput {
  const { rows, best } = stateOf(context, parent)
  return sweepOutput({ id: parent.id, status: statusWords[parent.state] }, rows, best)
}

function stateOf(context: RunContext, parent: RunRecord): { readonly rows: readonly SweepRow[]; readonly best: Best | undefined } {
  const { best } = storedSweep(context.history.get(parent.id) ?? parent).sweep
  return { rows: sweepRows(context.history, parent), best: best === undefined ? undefined : readBest(best) }
}

async function sayEnd(
  context: RunContext,
  screen: Screen,
  parent: RunRecord,
  { index, run }: Extract<SweepUpdate, { type: 'point' }>,
  onlyErrors: boolean,
): Promise<void> {
  const rows = sweepRows(context.history, parent)
  const line = `[${index + 1}/${rows.length}] ${endLine(run, rows[index]?.point ?? {}, run.reason)}\n`
  await (onlyErrors ? screen.err(line) : screen.out(line))
}
