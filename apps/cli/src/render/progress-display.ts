import type { Progress } from '@errand/core'
import { drawProgress } from './progress.ts'

/** Milliseconds that a step may take without being drawn. */
const patience = 500
/** Milliseconds between two pictures of the spinner, or two lines of JSON about one step. */
const pace = 100

/** Shows how far a step is. */
export interface ProgressDisplay {
  report(progress: Progress): void
  /** What is drawn makes room for something else, until the next picture. */
  wipe(): void
  /** The step is over. */
  clear(): void
}

export const noProgress: ProgressDisplay = { report() {}, wipe() {}, clear() {} }

/** One line at the bottom of a terminal, for steps that take a while. */
export function drawnProgress(terminal: NodeJS.WriteStream): ProgressDisplay {
  let latest: Progress | undefined
  let since = 0
  let timer: NodeJS.Timeout | undefined
  let drawn = false
  const wipe = (): void => {
    if (drawn) terminal.write('\r\u001B[K')
    drawn = false
  }
  const draw = (): void => {
    if (latest === undefined || performance.now() - since < patience) return
    terminal.write(`\r\u001B[K${drawProgress(latest, performance.now() - since, terminal.columns)}`)
    drawn = true
  }
  return {
    report(step) {
      if (latest === undefined) since = performance.now()
      latest = step
      timer ??= setInterval(draw, pace).unref()
    },
    wipe,
    clear() {
      wipe()
      clearInterval(timer)
      timer = undefined
      latest = undefined
    },
  }
}

/** `{"progress": {…}}`, one object a line: a new step at once, the same one ten times a second at most. What was left out last is said when the step is over. */
export function writtenProgress(stream: NodeJS.WriteStream): ProgressDisplay {
  let written: { readonly message: string; readonly at: number } | undefined
  let leftOut: Progress | undefined
  const write = (step: Progress): void => {
    stream.write(`${JSON.stringify({ progress: step })}\n`)
    written = { message: step.message, at: performance.now() }
    leftOut = undefined
  }
  return {
    report(step) {
      if (written?.message !== step.message || performance.now() - written.at >= pace) write(step)
      else leftOut = step
    },
    wipe() {},
    clear() {
      if (leftOut !== undefined) write(leftOut)
    },
  }
}
