import { resolve } from 'node:path'
import { exitCodes } from '@errand/core'
import { Flags } from '../../oclif-core.ts'
import { RunCommand } from '../../run-command.ts'

export default class HistoryExport extends RunCommand {
  static override summary = 'Writes the history into a folder that other programs can read.'
  static override description = `One JSON-lines file (history.jsonl) with records, metrics, tags and logs, the files of the runs, and the contents of the copied project files.
--format mlflow writes a folder for MLflow instead: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri DIR
What can't be read is left out and named, and the exit code is 2.`
  static override examples = [
    '<%= config.bin %> history export --to ../history-of-iris',
    { description: 'Two runs, for MLflow', command: '<%= config.bin %> history export --to ../mlruns --format mlflow -r last -r last~1' },
  ]
  static override flags = {
    to: Flags.string({ summary: 'The folder, relative to the current one; it is made, or is empty.', helpValue: 'DIR', required: true }),
    format: Flags.option({
      summary: 'errand (everything, for errand history import too) or mlflow.',
      helpValue: 'FORMAT',
      options: ['errand', 'mlflow'] as const,
      default: 'errand' as const,
    })(),
    run: Flags.string({
      char: 'r',
      summary: 'Only this run; may be given several times.',
      helpValue: 'RUN',
      multiple: true,
      multipleNonGreedy: true,
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(HistoryExport)
    await using context = await this.openContext()
    const { history } = context
    const chosen = flags.run?.map((name) => history.resolve(name).id)
    const onDamaged = (sentence: string): void => {
      this.screen.notice(`WARNING: ${sentence}`)
      process.exitCode = exitCodes.internal
    }
    const runs = history.list(chosen === undefined ? {} : { ids: chosen }, ({ id, number }) =>
      onDamaged(`The record of the run ${id ?? `number ${number}`} can't be read and is not exported.`),
    )
    const ids = runs.map(({ id }) => id).toReversed()
    const directory = resolve(flags.to)
    const { exportArchive, exportMlflow } = await import('@errand/core/archive')
    await this.interruptible(async (signal) => {
      const options = {
        directory,
        ids,
        signal,
        report: (progress: Parameters<typeof this.screen.report>[0]) => this.screen.report(progress),
        onMissing: (sentence: string) => this.screen.notice(`WARNING: ${sentence}`),
        onDamaged,
      }
      const exported = await (flags.format === 'mlflow'
        ? exportMlflow(history, context.project.name, options)
        : exportArchive(history, options))
      this.screen.clear()
      await this.printOutcome(`${exported.length} runs are in ${directory}`, { directory, format: flags.format, runs: exported })
    })
  }
}
