import { resolve } from 'node:path'
import { Args } from '../../oclif-core.ts'
import { RunCommand } from '../../run-command.ts'

export default class HistoryImport extends RunCommand {
  static override summary = 'Takes over the runs of an export that are not here.'
  static override description =
    'Runs keep their ids; those that are here already stay as they are. The whole export is checked first: nothing is imported from one that has a mistake.'
  static override examples = ['<%= config.bin %> history import ../history-of-iris']
  static override args = { folder: Args.string({ description: 'What history export has written.', required: true, ignoreStdin: true }) }

  async run(): Promise<void> {
    const { args } = await this.parse(HistoryImport)
    await using context = await this.openContext()
    const { importArchive } = await import('@errand/core/archive')
    await this.interruptible(async (signal) => {
      const { imported, skipped } = await importArchive(context.history, {
        directory: resolve(args.folder),
        signal,
        report: (progress) => this.screen.report(progress),
        onMissing: (sentence) => this.screen.notice(`WARNING: ${sentence}`),
      })
      this.screen.clear()
      const rest = skipped.length === 0 ? '' : `; ${skipped.length} were here already`
      await this.printOutcome(`Imported ${imported.length} runs${rest}.`, { imported, skipped })
    })
  }
}
