import { HistoryCommand, shownFlags } from '../../history-command.ts'
import { runArgument, runFlag } from '../../run-command.ts'

export default class HistoryInfo extends HistoryCommand {
  static override summary = 'Shows the record of a run, or one of its files.'
  static override aliases = ['show']
  static override examples = [
    '<%= config.bin %> history info -r churn_1521077190506 -o json',
    '<%= config.bin %> history info -r last --artifact outputs/report.txt',
  ]
  static override args = { ...runArgument }
  static override flags = { ...runFlag, ...shownFlags }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(HistoryInfo)
    await this.showChosen({ flag: flags.run, argument: args.run }, flags['driver-log'] ? 'driver_log' : flags.artifact)
  }
}
