import { Flags } from './oclif-core.ts'
import { errorMessage } from '@errand/core'
import type { History, RunRecord } from '@errand/core/history'
import type { RunContext } from '@errand/core/run'
import { RunCommand } from './run-command.ts'

/** What `info` and `last` show instead of the record. */
export const shownFlags = {
  artifact: Flags.string({
    char: 'a',
    summary: 'Print the content of this file of the run, and nothing else: outputs/model.txt, driver_log, …',
    helpValue: 'FILE',
  }),
  'driver-log': Flags.boolean({ summary: 'Print what the script wrote: the same as --artifact driver_log.' }),
}

/** Commands that show one run. */
export abstract class HistoryCommand extends RunCommand {
  /** Shows the run that was meant. Its place is asked only when it has to be. */
  protected async showChosen(
    chosen: { readonly flag: string | undefined; readonly argument: string | undefined },
    artifact: string | undefined,
  ): Promise<void> {
    {
      await using known = await this.openHistory()
      const { isSettled } = await import('@errand/core/history')
      const run = this.findRun(known, chosen)
      if (isSettled(run)) {
        await this.#show(known.history, run, artifact)
        return
      }
    }
    await using context = await this.openContext()
    await this.#show(context.history, await this.upToDate(context, this.findRun(context, chosen)), artifact)
  }

  /** What the place says now, if it has to be asked and can be; else what is known. */
  protected async upToDate(context: RunContext, run: RunRecord): Promise<RunRecord> {
    const { isSettled, refresh } = await import('@errand/core/run')
    if (isSettled(run)) return run
    let answer = run
    await this.interruptible(async (signal) => {
      this.screen.report({ message: `asking ${run.target.name}` })
      answer = await refresh(context, run.id, { signal }).catch((error: unknown) => {
        if (signal.aborted) throw error
        const age = run.statusAt === undefined ? '' : `, as of ${run.statusAt}`
        this.screen.notice(
          `WARNING: ${run.target.name} could not be asked (${errorMessage(error).replace(/\.$/, '')}). This is what is known${age}.`,
        )
        return context.history.get(run.id) ?? run
      })
      this.screen.clear()
    })
    return answer
  }

  async #show(history: History, run: RunRecord, artifact: string | undefined): Promise<void> {
    const { readArtifact, recordFor } = await import('@errand/core/history')
    if (artifact === undefined) {
      await this.print(recordFor(history, run))
      return
    }
    for (const block of readArtifact(history, run, artifact)) await this.screen.out(block)
  }
}
