import type { Progress } from '@errand/core'
import { drawnProgress, noProgress, writtenProgress } from './progress-display.ts'

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
  const atTerminal = stderr.isTTY && process.env['TERM'] !== 'dumb' ? drawnProgress(stderr) : noProgress
  let display = atTerminal
  let quiet = false
  const notices: string[] = []

  const releaseNotices = (): void => {
    if (notices.length === 0) return
    display.wipe()
    stderr.write(
      notices
        .splice(0)
        .map((line) => `${line}\n`)
        .join(''),
    )
  }
  const write = async (stream: NodeJS.WriteStream, data: string | Uint8Array): Promise<void> => {
    releaseNotices()
    display.wipe()
    if (stream.write(data)) return
    await new Promise<void>((resolve) => {
      stream.once('drain', resolve)
    })
  }

  return {
    out: (data) => write(stdout, data),
    err: (data) => write(stderr, data),
    error(text) {
      display.wipe()
      stderr.write(text)
      releaseNotices()
    },
    notice(line) {
      if (!quiet) notices.push(line)
    },
    releaseNotices,
    report: (step) => display.report(step),
    clear: () => display.clear(),
    close() {
      display.clear()
      releaseNotices()
    },
    adjust(options) {
      display.clear()
      ;({ quiet } = options)
      if (options.progress === 'json') display = writtenProgress(stderr)
      else if (quiet || options.progress === 'none') display = noProgress
      else display = atTerminal
    },
  }
}
