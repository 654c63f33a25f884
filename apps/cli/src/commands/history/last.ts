import { HistoryCommand, shownFlags } from '../../history-command.ts'

export default class HistoryLast extends HistoryCommand {
  static override summary = 'Shows the record of the newest run, or one of its files.'
  static override examples = ['<%= config.bin %> history last', '<%= config.bin %> history last --artifact driver_log']
  static override flags = { ...shownFlags }

  async run(): Promise<void> {
    const { flags } = await this.parse(HistoryLast)
    await this.showChosen({ flag: 'last', argument: undefined }, flags['driver-log'] ? 'driver_log' : flags.artifact)
  }
}
