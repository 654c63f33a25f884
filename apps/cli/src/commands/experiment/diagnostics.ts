import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { HistoryCommand } from '../../history-command.ts'
import { runArgument, runFlag, targetFlag } from '../../run-command.ts'

const defaultFile = 'diagnostics.zip'

export default class Diagnostics extends HistoryCommand {
  static override summary = 'Packs what is known of a run into a zip file, for somebody who is to help.'
  static override description =
    'Its request, status, logs, the list of its outputs, and the project as it was copied. Secrets are not in it; what looks like one in a configuration file is replaced by ***.'
  static override hiddenAliases = ['execute:diagnostics']
  static override examples = [
    '<%= config.bin %> experiment diagnostics -r last',
    '<%= config.bin %> experiment diagnostics -r last -d ../for-ann.zip',
  ]
  static override args = { ...runArgument }
  static override flags = {
    ...runFlag,
    ...targetFlag,
    destination: Flags.string({
      char: 'd',
      summary: `The zip file, relative to the project (below it: to the current folder); without it ${defaultFile} of the project.`,
      helpValue: 'FILE.zip',
    }),
    overwrite: Flags.boolean({ summary: 'Replace a file of that name.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Diagnostics)
    await using context = await this.openContext()
    const from = flags.destination === undefined ? '' : (this.typedFrom ?? '')
    const path = resolve(context.project.directory, from, flags.destination ?? defaultFile)
    checkDestination(path, flags.destination === undefined || flags.overwrite)
    const chosen = this.findRun(context, { flag: flags.run, argument: args.run, target: flags.target })
    const run = await this.upToDate(context, chosen)
    const { diagnosticsEntries } = await import('@errand/core/run')
    const { writeZip } = await import('../../write-zip.ts')
    this.screen.report({ message: `packing ${run.id}` })
    const count = await writeZip(path, run.id, diagnosticsEntries(context, run))
    this.screen.clear()
    await this.printOutcome(`Diagnostics of ${run.id}: ${count} files in ${path}`, { run_id: run.id, file: path, files: count })
  }
}

function checkDestination(path: string, mayReplace: boolean): void {
  if (!path.endsWith('.zip'))
    throw new ErrandError('DESTINATION_INVALID', `The name ${basename(path)} does not end in .zip.`, { hint: `-d ${basename(path)}.zip` })
  if (!existsSync(dirname(path)))
    throw new ErrandError('DESTINATION_INVALID', `The folder ${dirname(path)} does not exist.`, {
      hint: 'Make it, or choose another with -d.',
    })
  if (existsSync(path) && !mayReplace)
    throw new ErrandError('FILE_EXISTS', `${path} is already there.`, {
      hint: 'Choose another name with -d, or replace it with --overwrite.',
    })
}
