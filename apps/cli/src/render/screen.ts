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
  /** Shows how far a step is, when it takes more than half a second and stderr is a terminal. */
  report(progress: Progress): void
  /** The step is over. */
  clear(): void
  close(): void
}

export function openScreen(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Screen {
  const animated = stderr.isTTY && process.env['TERM'] !== 'dumb'
  const notices: string[] = []
  let latest: Progress | undefined
  let since = 0
  let timer: NodeJS.Timeout | undefined
  let drawn = false

  const wipe = (): void => {
    if (drawn) stderr.write('\r\u001B[K')
    drawn = false
  }
  const draw = (): void => {
    if (latest === undefined || performance.now() - since < patience) return
    stderr.write(`\r\u001B[K${drawProgress(latest, performance.now() - since, stderr.columns)}`)
    drawn = true
  }
  const clear = (): void => {
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
      notices.push(line)
    },
    releaseNotices,
    report(progress) {
      if (!animated) return
      if (latest === undefined) since = performance.now()
      latest = progress
      timer ??= setInterval(draw, pace).unref()
    },
    clear,
    close() {
      clear()
      releaseNotices()
    },
  }
}
