import type { RunRecord } from '@errand/core/history'
import type { RunContext } from '@errand/core/run'
import { RunCommand, runArgument, runFlag } from '../run-command.ts'

export default class Watch extends RunCommand {
  static override summary = 'Shows the metrics of a run, or the table of a sweep, while it goes on.'
  static override description = `The latest value of each metric and its course so far, until the run ends; Ctrl-C ends the showing, never the run.
In a pipe each value is one line as it comes, with -o json one object.`
  static override examples = ['<%= config.bin %> watch last', '<%= config.bin %> watch churn_1521077190506 -o json']
  static override args = { ...runArgument }
  static override flags = { ...runFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Watch)
    await using context = await this.openContext()
    const run = this.findRun(context, { flag: flags.run, argument: args.run })
    const draws = process.stdout.isTTY && process.env['TERM'] !== 'dumb' && this.speaks
    await this.interruptible(async (signal) =>
      run.kind === 'sweep' ? this.#watchSweep(context, run, signal, draws) : this.#watchRun(context, run, signal, draws),
    )
  }

  async #watchRun(context: RunContext, run: RunRecord, signal: AbortSignal, draws: boolean): Promise<void> {
    const { drawRun, listRun } = await import('../watch-run.ts')
    const options = { signal, aside: (update: Parameters<typeof this.showAside>[0]) => this.showAside(update) }
    if (draws) await drawRun(context, run, options)
    else await listRun(context, run, this.screen, { ...options, asObjects: !this.speaks })
  }

  async #watchSweep(context: RunContext, sweep: RunRecord, signal: AbortSignal, draws: boolean): Promise<void> {
    const { sweepStateLines, sweepStateOutput } = await import('../sweep-view.ts')
    if (draws) {
      const { drawSweep } = await import('../watch-run.ts')
      return await drawSweep(context, sweep, signal, (now) => sweepStateLines(context, now))
    }
    const { waitFor } = await import('@errand/core/run')
    const ended = await waitFor(context, sweep.id, { signal })
    if (this.speaks) await this.screen.out(`${sweepStateLines(context, ended).join('\n')}\n`)
    else await this.print(sweepStateOutput(context, ended))
  }
}
