import { resolve } from 'node:path'
import { Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { RunCommand, runArgument, runFlag } from '../../run-command.ts'

export default class HistoryRestore extends RunCommand {
  static override summary = 'Writes the files that a run was made from into a new folder.'
  static override description =
    'The project as it was when the run was submitted, also files that were never committed or are gone. Nothing that is there is touched: the folder is made, or is empty.'
  static override examples = ['<%= config.bin %> history restore last --to ../as-it-was']
  static override args = { ...runArgument }
  static override flags = {
    ...runFlag,
    to: Flags.string({ summary: 'The folder, relative to the current one.', helpValue: 'DIR', required: true }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(HistoryRestore)
    await using context = await this.openContext()
    const run = this.findRun(context, { flag: flags.run, argument: args.run })
    const [{ snapshotDigest }, { loadSnapshot, restoreSnapshot }] = await Promise.all([
      import('@errand/core/history'),
      import('@errand/core/snapshot'),
    ])
    const digest = snapshotDigest(run)
    if (digest === undefined) {
      throw new ErrandError('SNAPSHOT_NOT_RECORDED', `${run.id} has no files: it ended before they were recorded, or it runs no script.`)
    }
    const directory = resolve(flags.to)
    const state = context.history.directory
    await this.interruptible(async (signal) => {
      const snapshot = await loadSnapshot(state, digest)
      await restoreSnapshot({ state, snapshot, directory, signal, report: (progress) => this.screen.report(progress) })
      this.screen.clear()
      const files = snapshot.entries.filter(({ kind }) => kind === 'file').length
      const outcome = { run_id: run.id, snapshot: digest, directory, files }
      await this.printOutcome(`${files} files of ${run.id} are in ${directory}\n${digest}`, outcome)
    })
  }
}
