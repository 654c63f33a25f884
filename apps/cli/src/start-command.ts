import { fileURLToPath } from 'node:url'
import { ErrandError, errorCode, errorMessage, exitCodes } from '@errand/core'
import type { RunRecord } from '@errand/core/history'
import type { RunContext, RunUpdate } from '@errand/core/run'
import { onEndWords, withOnEnd } from './on-end.ts'
import { RunCommand, runError } from './run-command.ts'
import { openTranscript } from './render/transcript.ts'
import { keepMemorySmall } from './small-memory.ts'

/** The two ways to start a run: stay with it to its end, or leave what is still to do to the command line that goes on with it. */
export interface Start {
  stay(signal: AbortSignal): AsyncIterable<RunUpdate>
  leave(signal: AbortSignal, continueCommand: readonly string[]): AsyncIterable<RunUpdate>
}

/** Commands that start a run and show it. */
export abstract class StartCommand extends RunCommand {
  /** Exit code and errors are those of the run; Ctrl-C ends the showing and says how to come back. */
  protected async startRun(
    context: RunContext,
    start: Start,
    { async, wait, 'on-end': onEnd }: { readonly async: boolean; readonly wait: boolean; readonly 'on-end'?: string | undefined },
  ): Promise<void> {
    let run: RunRecord | undefined
    let started = false
    let ended = false
    await this.interruptible(
      async (signal) => {
        const note = (update: RunUpdate): void => {
          if (update.type === 'created' || update.type === 'started' || update.type === 'ended') run = update.run
          if (update.type === 'started') started = true
          if (update.type === 'ended') ended = true
        }
        // Who is left behind calls the command, and only that one.
        if (async) await this.#leave(context, start, { wait, onEnd }, signal, note)
        else
          await withOnEnd(
            context,
            this.screen,
            onEnd,
            () =>
              this.#show(context, start, signal, note).catch((error: unknown) => {
                throw started && !ended && run !== undefined && !signal.aborted
                  ? withWayBack(error, `${run.id}${this.projectOption}`)
                  : error
              }),
            () => run,
          )
      },
      async () => this.#sayHowToComeBack(run, started || async, async ? undefined : onEnd),
    )
  }

  async #show(context: RunContext, start: Start, signal: AbortSignal, note: (update: RunUpdate) => void): Promise<void> {
    keepMemorySmall()
    const transcript = openTranscript(this.screen, {
      onlyErrors: this.wantsOnlyJson,
      control: this.globals.verbose,
      quiet: this.globals.quiet,
    })
    for await (const update of start.stay(signal)) {
      note(update)
      await this.showAside(update)
      await transcript.show(update)
      if (update.type === 'ended') await this.#finish(context, update.run)
    }
  }

  async #leave(
    context: RunContext,
    start: Start,
    { wait, onEnd }: { readonly wait: boolean; readonly onEnd: string | undefined },
    signal: AbortSignal,
    note: (update: RunUpdate) => void,
  ): Promise<void> {
    const { waitFor } = await import('@errand/core/run')
    const program = fileURLToPath(new URL('../bin/errand.js', import.meta.url))
    let created: RunRecord | undefined
    for await (const update of start.leave(signal, [process.execPath, program, 'continue', ...onEndWords(onEnd)])) {
      note(update)
      await this.showAside(update)
      if (update.type !== 'created') continue
      created = update.run
      // Quiet is the id alone, for `id=$(errand submit -a -q …)`.
      if (!this.wantsOnlyJson) await this.screen.out(this.globals.quiet ? `${update.run.id}\n` : `RunId: ${update.run.id}\n`)
    }
    this.screen.clear()
    if (created === undefined) return
    if (wait) await this.#finish(context, await waitFor(context, created.id, { signal }))
    else if (this.wantsOnlyJson) await this.#printRecord(context, created)
  }

  async #finish(context: RunContext, run: RunRecord): Promise<void> {
    this.screen.clear()
    if (this.wantsOnlyJson) await this.#printRecord(context, run)
    if (run.state === 'completed') return
    throw runError(run, this.hintsOn(run))
  }

  /** What more than its notes may explain a run that failed. */
  protected hintsOn(_run: RunRecord): readonly string[] {
    return []
  }

  async #printRecord(context: RunContext, run: RunRecord): Promise<void> {
    const { recordFor } = await import('@errand/core/history')
    await this.print(recordFor(context.history, context.history.get(run.id) ?? run))
  }

  async #sayHowToComeBack(run: RunRecord | undefined, started: boolean, onEnd: string | undefined): Promise<void> {
    process.exitCode = exitCodes.interrupted
    if (run === undefined) return
    const where = `${run.id}${this.projectOption}`
    const lines = started
      ? [`The run goes on. To come back:  errand logs -f ${where}`, `To cancel it:  errand cancel ${where}`]
      : [`The run had not started. To go on with it:  errand continue ${where}`]
    if (onEnd !== undefined) lines.push(`Nobody calls the command of --on-end now. To wait and call it:  errand wait ${where}; ${onEnd}`)
    await this.screen.err(`\n${lines.join('\n')}\n`)
  }
}

/** What ended the showing has not ended the run: to start it again would be a mistake. */
function withWayBack(error: unknown, run: string): unknown {
  const code = errorCode(error)
  if (code === undefined) return error
  const { hint, exitCode = exitCodes.internal } = error as { readonly hint?: string; readonly exitCode?: number }
  if (hint?.includes(run) === true) return error
  const way = `The run is not lost by that. To come back to it: errand continue ${run}`
  return new ErrandError(code, errorMessage(error), { hint: hint === undefined ? way : `${hint}\n${way}`, exitCode, cause: error })
}
