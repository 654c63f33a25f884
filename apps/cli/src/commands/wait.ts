import { Args } from '../oclif-core.ts'
import { exitCodes } from '@errand/core'
import { RunCommand } from '../run-command.ts'

export default class Wait extends RunCommand {
  static override summary = 'Waits until runs have ended and their files are here.'
  static override description = 'Exit code: 0 when all of them completed, else 1.'
  static override usage = '<%= command.id %> RUN…'
  static override examples = ['<%= config.bin %> wait last', '<%= config.bin %> wait churn_1521077190506 churn_1521077190512']
  static override args = { runs: Args.string({ description: 'Ids of runs.', required: true, multiple: true, ignoreStdin: true }) }

  async run(): Promise<void> {
    const { args } = await this.parse(Wait)
    await using context = await this.openContext()
    const names: readonly string[] = [args.runs].flat()
    const runs = names.map((name) => this.findRun(context, { flag: undefined, argument: name }))
    const { waitFor } = await import('@errand/core/run')
    const { statusWords } = await import('@errand/core/history')
    await this.interruptible(async (signal) => {
      let done = 0
      const report = (): void =>
        this.screen.report({ message: runs.length === 1 ? 'waiting for the run' : 'waiting for runs', done, total: runs.length })
      report()
      const ended = await Promise.all(
        runs.map(async ({ id }) => {
          const run = await waitFor(context, id, { signal })
          done += 1
          report()
          if (this.globals.output === undefined) await this.say(`${id} : ${statusWords[run.state]}\n`)
          return run
        }),
      )
      this.screen.clear()
      if (this.globals.output !== undefined) await this.print(ended.map((run) => ({ run_id: run.id, status: statusWords[run.state] })))
      if (ended.some((run) => run.state !== 'completed')) process.exitCode = exitCodes.failed
    })
  }
}
