import { Flags } from '../../oclif-core.ts'
import type { RunRecord } from '@errand/core/history'
import type { SubmitOptions } from '@errand/core/run'
import { dryRunFlag } from '../../dry-run-flag.ts'
import { environmentFlags, planOptions } from '../../environment-flags.ts'
import { onEndFlag } from '../../on-end.ts'
import { optionsAmong, splitArranged } from '../../script-words.ts'
import { type Start, StartCommand } from '../../start-command.ts'

export default class Submit extends StartCommand {
  static override summary = 'Runs a script and shows its output.'
  static override description = `Options stand before SCRIPT; everything behind it belongs to the script, whatever it looks like.
The script runs in a copy of the project. Ctrl-C ends the showing, never the run.
Exit code: 0 when the run completed, 1 when it failed or could not be started, 130 after Ctrl-C.`
  static override usage = '<%= command.id %> -c NAME [OPTIONS] SCRIPT [ARGUMENTS]'
  static override aliases = ['submit']
  static override hiddenAliases = ['execute:start', 'execute:submit']
  static override examples = [
    '<%= config.bin %> submit -c local train.py 0.01',
    { description: 'Somewhere else than the run configuration says', command: '<%= config.bin %> submit -c local -t gpu-machine train.py' },
    { description: 'What would be done: files, environment, commands', command: '<%= config.bin %> submit -c local --dry-run train.py' },
    {
      description: 'A word when it has ended',
      command: `<%= config.bin %> submit -c local --on-end 'notify-send "$ERRAND_RUN_ID: $ERRAND_RUN_STATUS"' train.py`,
    },
    { description: 'Without waiting', command: '<%= config.bin %> submit -a -c docker train.py' },
  ]
  static override flags = {
    ...environmentFlags,
    async: Flags.boolean({ char: 'a', summary: 'Print the id of the run and return.' }),
    wait: Flags.boolean({
      summary: 'With -a: print the id at once, return when the run has ended and its files are here. Without -a it is always so.',
    }),
    prepare: Flags.boolean({ summary: 'Prepare the environment first.' }),
    ...onEndFlag,
    ...dryRunFlag,
  }

  async run(): Promise<void> {
    const { own, script: words } = splitArranged(this.argv)
    const [script, ...parameters] = words
    const { flags } = await this.parse(Submit, [...own])
    const options: Omit<SubmitOptions, 'signal'> = {
      ...planOptions(flags, await this.runConfigurationOf(flags), this.typedFrom),
      arguments: parameters,
      ...(script === undefined ? {} : { script }),
      prepare: flags.prepare,
    }
    if (flags['dry-run']) return this.#plan(options)
    await using context = await this.openContext()
    const { submit, submitDetached } = await import('@errand/core/run')
    const start: Start = {
      stay: (signal) => submit(context, { ...options, signal }),
      leave: (signal, continueCommand) => submitDetached(context, { ...options, signal, continueCommand }),
    }
    await this.startRun(context, start, flags)
  }

  /** A script that refuses its arguments ends with 2, as argparse does it, or names the word. */
  protected override hintsOn({ arguments: words, status }: RunRecord): readonly string[] {
    if (status?.state !== 'failed') return []
    const { exitCode, reason } = status
    const refused = optionsAmong(words, { ...Submit.baseFlags, ...Submit.flags }).filter((word) => exitCode === 2 || reason.includes(word))
    return refused.length === 0 ? [] : [`${refused.join(', ')} went to the script: errand's own options stand before it.`]
  }

  async #plan(planned: Omit<SubmitOptions, 'signal'>): Promise<void> {
    const surroundings = await this.openSurroundings()
    const { dryRunSubmit } = await import('@errand/core/run')
    await this.interruptible(async (signal) => {
      await this.showDryRun(await dryRunSubmit(surroundings, { ...planned, signal }, this.screen.report))
    })
  }
}
