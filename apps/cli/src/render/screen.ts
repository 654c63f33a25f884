import type { Progress } from '@errand/core'
import { drawProgress } from './progress.ts'

/** Milliseconds that a step may take without being shown. */
const patience = 500
/** Milliseconds between two pictures of the spinner. */
const pace = 100

/**
 * The two streams of a command, with at most one line of progress at the bottom of a terminal. Notices wait for the first other output:
 * when a command fails, its `ERROR:` comes first.
 */
export interface Screen {
  /** Resolves when the stream takes more: awaiting it keeps memory small. */
  out(data: string | Uint8Array): Promise<void>
  err(data: string | Uint8Array): Promise<void>
  /** The text of an error, then the notices that wait. */
  error(text: string): void
  notice(line: string): void
  releaseNotices(): void
  /** Shows how far a step is: when it takes more than half a second and stderr is a terminal, or always as a line of JSON. */
  report(progress: Progress): void
  /** The step is over. */
  clear(): void
  close(): void
  /** What the options of the command say, once they are known. */
  adjust(options: ScreenOptions): void
}

/** `auto` draws a line at the bottom of a terminal and nothing elsewhere; `json` writes `{"progress": {…}}`, one object a line. */
export type ProgressForm = 'auto' | 'json' | 'none'

interface ScreenOptions {
  /** No notices and no drawn progress. */
  readonly quiet: boolean
  readonly progress?: ProgressForm | undefined
}

export function openScreen(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Screen {
  const canDraw = stderr.isTTY && process.env['TERM'] !== 'dumb'
  let { quiet, progress }: ScreenOptions = { quiet: false }
  const notices: string[] = []
  let latest: Progress | undefined
  let since = 0
  let timer: NodeJS.Timeout | undefined
  let drawn = false
  let written: { readonly message: string; readonly at: number } | undefined

  const wipe = (): void => {
    if (drawn) stderr.write('\r\u001B[K')
    drawn = false
  }
  const draw = (): void => {
    if (latest === undefined || performance.now() - since < patience) return
    stderr.write(`\r\u001B[K${drawProgress(latest, performance.now() - since, stderr.columns)}`)
    drawn = true
  }
  const writeObject = (step: Progress): void => {
    stderr.write(`${JSON.stringify({ progress: step })}\n`)
    written = { message: step.message, at: performance.now() }
  }
  /** A new step at once, the same one ten times a second at most: what was left out last is said when the step is over. */
  const reportObject = (step: Progress): void => {
    const due = written?.message !== step.message || performance.now() - written.at >= pace
    latest = due ? undefined : step
    if (due) writeObject(step)
  }
  const clear = (): void => {
    if (progress === 'json' && latest !== undefined) writeObject(latest)
    wipe()
    clearInterval(timer)
    timer = undefined
    latest = undefined
  }
  const releaseNotices = (): void => {
    if (notices.length === 0) return
    wipe()
    stderr.write(
      notices
        .splice(0)
        .map((line) => `${line}\n`)
        .join(''),
    )
  }
  const write = async (stream: NodeJS.WriteStream, data: string | Uint8Array): Promise<void> => {
    releaseNotices()
    wipe()
    if (stream.write(data)) return
    await new Promise<void>((resolve) => {
      stream.once('drain', resolve)
    })
  }

  return {
    out: (data) => write(stdout, data),
    err: (data) => write(stderr, data),
    error(text) {
      wipe()
      stderr.write(text)
      releaseNotices()
    },
    notice(line) {
      if (!quiet) notices.push(line)
    },
    releaseNotices,
    report(step) {
      if (progress === 'json') return reportObject(step)
      if (!canDraw || quiet || progress === 'none') return
      if (latest === undefined) since = performance.now()
      latest = step
      timer ??= setInterval(draw, pace).unref()
    },
    clear,
    close() {
      clear()
      releaseNotices()
    },
    adjust(options) {
      ;({ quiet, progress } = options)
    },
  }
}
