import { Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import type { History, RunRecord } from '@errand/core/history'
import { RunCommand } from '../../run-command.ts'
import { runsFlag } from '../../runs-flag.ts'

export default class HistoryCompare extends RunCommand {
  static override summary = 'Shows what differs between runs: code, configuration, environment, arguments, variables, metrics.'
  static override description = `Each run is compared with the first one that is named. One run is compared with the newest; without any, the newest with the one before.
As JSON: the records of the runs, with "differences" in each from the second on. Of variables only the names are shown.`
  static override usage = '<%= command.id %> [RUN …] [OPTIONS]'
  static override aliases = ['compare']
  static override examples = [
    '<%= config.bin %> compare last~1 last',
    { description: 'What was changed in the code, as a patch', command: '<%= config.bin %> compare last~1 last --diff' },
    { description: 'The metrics of three runs', command: '<%= config.bin %> history compare -r last~2 -r last~1 -r last -o json' },
  ]
  static override strict = false
  static override flags = {
    run: runsFlag,
    diff: Flags.boolean({
      summary: 'Print the changes of the files as a unified diff and nothing else; with -o json they are in the JSON.',
    }),
    file: Flags.string({
      summary: 'Look at this file alone; may be given several times.',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(HistoryCompare)
    await using context = await this.openHistory()
    const names = [...(flags.run ?? []), ...argv.map(String)]
    const runs = this.#chosen(context, names)
    const { compareRuns } = await import('@errand/core/compare')
    const compared = await compareRuns(context.history, runs, {
      diff: flags.diff,
      ...(flags.file === undefined ? {} : { files: flags.file }),
    })
    if (this.globals.query !== undefined || (flags.diff ? this.globals.output !== undefined : this.format !== 'table')) {
      await this.print(compared.map(({ record, differences }) => ({ ...record, ...(differences === undefined ? {} : { differences }) })))
      return
    }
    const { renderComparison, renderDiffs } = await import('../../render/comparison.ts')
    if (flags.diff) await this.screen.out(renderDiffs(compared))
    else await this.screen.out(renderComparison(compared, process.stdout.isTTY ? process.stdout.columns : undefined))
  }

  #chosen(context: { readonly history: History }, names: readonly string[]): RunRecord[] {
    const find = (name: string): RunRecord => this.findRun(context, { flag: name, argument: undefined })
    const asked = names.length === 0 ? ['last~1', 'last'] : names.length === 1 ? [...names, 'last'] : names
    const runs = asked.map(find)
    const [first] = runs
    if (first !== undefined && runs.every(({ id }) => id === first.id)) {
      const same = names.length > 1 ? `${names.join(' and ')} are the same run` : 'There is only one run to compare'
      throw new ErrandError('COMPARE_NEEDS_TWO', `${same}: ${first.id}.`, { hint: 'errand compare RUN OTHER-RUN' })
    }
    return runs
  }
}
