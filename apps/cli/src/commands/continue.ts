import { Args } from '../oclif-core.ts'
import type { RunRecord } from '@errand/core/history'
import { onEndFlag, withOnEnd } from '../on-end.ts'
import { RunCommand, runError } from '../run-command.ts'
import { keepMemorySmall } from '../small-memory.ts'
import { openTranscript } from '../render/transcript.ts'

export default class Continue extends RunCommand {
  static override summary = 'Goes on with a run whose client has ended or was interrupted. It is never started twice.'
  static override examples = ['<%= config.bin %> continue churn_1521077190506']
  static override args = { run: Args.string({ description: 'The run.', required: true, ignoreStdin: true }) }

  static override flags = { ...onEndFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Continue)
    await using context = await this.openContext()
    const chosen = this.findRun(context, { flag: undefined, argument: args.run })
    keepMemorySmall()
    const { continueRun } = await import('@errand/core/run')
    const transcript = openTranscript(this.screen, {
      onlyErrors: this.wantsOnlyJson,
      control: this.globals.verbose,
      quiet: this.globals.quiet,
    })
    let run = chosen
    const { recordFor } = await import('@errand/core/history')
    const show = async (signal: AbortSignal): Promise<void> => {
      let ended: RunRecord | undefined
      for await (const update of continueRun(context, chosen.id, { signal })) {
        await this.showAside(update)
        await transcript.show(update)
        if (update.type === 'ended') ended = update.run
      }
      this.screen.clear()
      run = ended ?? chosen
      if (this.wantsOnlyJson) await this.print(recordFor(context.history, context.history.get(run.id) ?? run))
      if (ended !== undefined && ended.state !== 'completed') throw runError(ended)
    }
    await this.interruptible(async (signal) =>
      withOnEnd(
        context,
        this.screen,
        flags['on-end'],
        () => show(signal),
        () => run,
      ),
    )
  }
}
