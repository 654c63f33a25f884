import type { RunRecord } from '@errand/core/history'
import type { RunUpdate } from '@errand/core/run'
import { RunCommand, runArgument, runFlag, targetFlag } from '../../run-command.ts'

export default class Cancel extends RunCommand {
  static override summary = 'Stops a run or a sweep, with everything that it has started.'
  static override description = 'Returns when nothing of the run is left alive. The files that it has written until then are kept.'
  static override aliases = ['cancel']
  static override hiddenAliases = ['execute:cancel']
  static override examples = ['<%= config.bin %> cancel last', '<%= config.bin %> experiment cancel -r churn_1521077190506 -t docker']
  static override args = { ...runArgument }
  static override flags = { ...runFlag, ...targetFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cancel)
    await using context = await this.openContext()
    const chosen = this.findRun(context, { flag: flags.run, argument: args.run, target: flags.target })
    const cancelled = async (signal: AbortSignal): Promise<AsyncGenerator<RunUpdate>> => {
      if (chosen.kind === 'sweep') return (await import('@errand/core/sweep')).cancelSweep(context, chosen, { signal })
      return (await import('@errand/core/run')).cancel(context, chosen.id, { signal })
    }
    const { finalStates, statusWords } = await import('@errand/core/history')
    const sweep = chosen.parent === undefined ? undefined : context.history.get(chosen.parent)
    let told = false
    const work = async (signal: AbortSignal): Promise<void> => {
      let run: RunRecord = chosen
      for await (const update of await cancelled(signal)) {
        // Nothing comes before the place has been told, but the end of a run that needs no telling.
        told = true
        await this.showAside(update)
        if (update.type === 'ended') run = update.run
      }
      this.screen.clear()
      const word = statusWords[run.state]
      const sentence = run.state === 'cancelled' ? 'Experiment run canceled successfully.' : `The run ${run.id} had already ended: ${word}.`
      await this.printOutcome(sentence, { run_id: run.id, status: word })
      if (sweep !== undefined && !finalStates.has(sweep.state))
        this.screen.notice(`It is one run of a sweep. To cancel all of it: errand cancel ${sweep.id}${this.projectOption}`)
    }
    await this.interruptible(work, async () => {
      const where = `${chosen.id}${this.projectOption}`
      const line = told
        ? `The cancel goes on at the place. To look:  errand status ${where}`
        : `Whether the place was told is not known. Again:  errand cancel ${where}`
      await this.screen.err(`\n${line}\n`)
    })
  }
}
