import { resolve } from 'node:path'
import { exitCodes } from '@errand/core'
import { Args } from '../../oclif-core.ts'
import { RunCommand } from '../../run-command.ts'

export default class HistoryImport extends RunCommand {
  static override summary = 'Takes over the runs of an export that are not here.'
  static override description =
    'Runs keep their ids; those that are here already stay as they are. The whole export is checked first: nothing is imported from one whose records have a mistake. Runs whose files are damaged there are left out and named, and the exit code is 1.'
  static override examples = ['<%= config.bin %> history import ../history-of-iris']
  static override args = { folder: Args.string({ description: 'What history export has written.', required: true, ignoreStdin: true }) }

  async run(): Promise<void> {
    const { args } = await this.parse(HistoryImport)
    await using context = await this.openContext()
    const { importArchive } = await import('@errand/core/archive')
    await this.interruptible(async (signal) => {
      const { imported, skipped, left } = await importArchive(context.history, {
        directory: resolve(args.folder),
        signal,
        report: (progress) => this.screen.report(progress),
        onMissing: (sentence) => this.screen.notice(`WARNING: ${sentence}`),
      })
      this.screen.clear()
      for (const { run, reason } of left) this.screen.notice(`WARNING: ${run === undefined ? '' : `${run} was left out: `}${reason}`)
      const rest = skipped.length === 0 ? '' : `; ${skipped.length} were here already`
      await this.printOutcome(`Imported ${imported.length} runs${rest}.`, { imported, skipped, left })
      if (left.length > 0) process.exitCode = exitCodes.failed
    })
  }
}
