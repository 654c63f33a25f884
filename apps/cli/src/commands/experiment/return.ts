import { Flags } from '../../oclif-core.ts'
import { HistoryCommand } from '../../history-command.ts'
import { runArgument, runFlag, targetFlag } from '../../run-command.ts'

export default class Return extends HistoryCommand {
  static override summary = 'Copies the files that a run has written back into the project.'
  static override description = 'Files that are there stay as they are, unless --overwrite.'
  static override hiddenAliases = ['execute:return']
  static override examples = [
    '<%= config.bin %> experiment return -r last',
    '<%= config.bin %> experiment return -r churn_1521077190506 --overwrite',
  ]
  static override args = { ...runArgument }
  static override flags = {
    ...runFlag,
    ...targetFlag,
    overwrite: Flags.boolean({ char: 'f', summary: 'Replace files that are there.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Return)
    await using context = await this.openContext()
    const chosen = this.findRun(context, { flag: flags.run, argument: args.run, target: flags.target })
    const run = await this.upToDate(context, chosen)
    const { returnFiles } = await import('@errand/core/run')
    const { writeBlocks } = await import('../../write-blocks.ts')
    const files = returnFiles(context, run, { overwrite: flags.overwrite })
    for (const { path, destination, kept, content } of files) {
      if (kept) continue
      await writeBlocks(destination, content())
      if (this.speaks) await this.say(`Returning ${path}\n`)
    }
    const kept = files.filter((file) => file.kept).map(({ path }) => path)
    if (kept.length > 0) this.screen.notice(`There already, and kept: ${kept.join(', ')}. To replace them: --overwrite`)
    if (!this.speaks) await this.print(files.map((file) => ({ file: file.path, returned: !file.kept })))
    else if (files.length === 0) await this.say(`The run ${run.id} has brought no files.\n`)
  }
}
