import { Flags } from '../oclif-core.ts'
import type { RerunOptions } from '@errand/core/run'
import { runArgument, runFlag } from '../run-command.ts'
import { onEndFlag } from '../on-end.ts'
import { type Start, StartCommand } from '../start-command.ts'

export default class Rerun extends StartCommand {
  static override summary = 'Runs again what a run ran: the same files, configuration and environment.'
  static override description = `The files come from the history as they were, whatever became of them in the project since: edited, renamed, deleted, never committed.
Configuration and target are those recorded with the run; an environment that errand made is held to the same packages.
With -c or -t the run goes somewhere else, as the project's configuration of today says, still with the files of then.
What stands behind RUN takes the place of the arguments; a -- before it lets it begin with one of these options, or be nothing.
A long option of errand among the arguments is refused, unless they stand behind --.`
  static override usage = '<%= command.id %> RUN [OPTIONS] [ARGUMENTS]'
  static override examples = [
    '<%= config.bin %> rerun last',
    { description: 'With other arguments', command: '<%= config.bin %> rerun churn_1521077190506 0.05 --depth 3' },
    { description: 'Somewhere else', command: '<%= config.bin %> rerun last~2 -c docker' },
  ]
  static override args = { ...runArgument }
  static override flags = {
    ...runFlag,
    'run-configuration': Flags.string({
      char: 'c',
      aliases: ['runconfig'],
      summary: 'Another run configuration, as it is in the project today.',
      helpValue: 'NAME',
    }),
    target: Flags.string({ char: 't', summary: 'Another target, as it is in the project today.', helpValue: 'TARGET' }),
    async: Flags.boolean({ char: 'a', summary: 'Print the id of the run and return.' }),
    wait: Flags.boolean({ summary: 'With -a: print the id at once, return when the run has ended and its files are here.' }),
    ...onEndFlag,
  }

  async run(): Promise<void> {
    const separator = this.argv.indexOf('--')
    const parameters = separator === -1 ? undefined : this.argv.slice(separator + 1)
    const { args, flags } = await this.parse(Rerun, separator === -1 ? this.argv : this.argv.slice(0, separator))
    await using context = await this.openContext()
    const { id } = this.findRun(context, { flag: flags.run, argument: args.run })
    const options: Omit<RerunOptions, 'signal'> = {
      runId: id,
      ...(flags['run-configuration'] === undefined ? {} : { runConfiguration: flags['run-configuration'] }),
      ...(flags.target === undefined ? {} : { target: flags.target }),
      ...(parameters === undefined ? {} : { arguments: parameters }),
    }
    const { rerun, rerunDetached } = await import('@errand/core/run')
    const start: Start = {
      stay: (signal) => rerun(context, { ...options, signal }),
      leave: (signal, continueCommand) => rerunDetached(context, { ...options, signal, continueCommand }),
    }
    await this.startRun(context, start, flags)
  }
}
