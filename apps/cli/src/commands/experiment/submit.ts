import { fileURLToPath } from 'node:url'
import * as Flags from '@oclif/core/flags'
import { exitCodes } from '@errand/core'
import type { RunRecord } from '@errand/core/history'
import type { RunContext, RunUpdate, SubmitOptions } from '@errand/core/run'
import { RunCommand, runError } from '../../run-command.ts'
import { environmentFlags } from '../../environment-flags.ts'
import { openTranscript } from '../../render/transcript.ts'
import { keepMemorySmall } from '../../small-memory.ts'

export default class Submit extends RunCommand {
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
    { description: 'Without waiting', command: '<%= config.bin %> submit -a -c docker train.py' },
  ]
  static override flags = {
    ...environmentFlags,
    async: Flags.boolean({ char: 'a', summary: 'Print the id of the run and return.' }),
    wait: Flags.boolean({
      summary: 'With -a: print the id at once, return when the run has ended and its files are here. Without -a it is always so.',
    }),
    prepare: Flags.boolean({ summary: 'Prepare the environment first.' }),
  }

  async run(): Promise<void> {
    const separator = this.argv.indexOf('--')
    const [script, ...parameters] = separator === -1 ? [] : this.argv.slice(separator + 1)
    const { flags } = await this.parse(Submit, separator === -1 ? this.argv : this.argv.slice(0, separator))
    const runConfiguration = await this.runConfigurationOf(flags)
    await using context = await this.openContext()
    let run: RunRecord | undefined
    let started = false
    await this.interruptible(
      async (signal) => {
        const options: SubmitOptions = {
          runConfiguration,
          arguments: parameters,
          signal,
          ...(script === undefined ? {} : { script }),
          ...(flags.target === undefined ? {} : { target: flags.target }),
          ...(flags['conda-dependencies'] === undefined ? {} : { condaDependencies: flags['conda-dependencies'] }),
          ...(flags['spark-dependencies'] === undefined ? {} : { sparkDependencies: flags['spark-dependencies'] }),
          untracked: flags.untracked,
          prepare: flags.prepare,
        }
        const note = (update: RunUpdate): void => {
          if (update.type === 'created' || update.type === 'started' || update.type === 'ended') run = update.run
          if (update.type === 'started') started = true
        }
        await (flags.async ? this.#leave(context, options, flags.wait, note) : this.#show(context, options, note))
      },
      async () => this.#sayHowToComeBack(run, started || flags.async),
    )
  }

  async #show(context: RunContext, options: SubmitOptions, note: (update: RunUpdate) => void): Promise<void> {
    keepMemorySmall()
    const { submit } = await import('@errand/core/run')
    const transcript = openTranscript(this.screen, {
      onlyErrors: this.wantsOnlyJson,
      control: this.globals.verbose,
      quiet: this.globals.quiet,
    })
    for await (const update of submit(context, options)) {
      note(update)
      await this.showAside(update)
      await transcript.show(update)
      if (update.type === 'ended') await this.#finish(context, update.run)
    }
  }

  async #leave(context: RunContext, options: SubmitOptions, wait: boolean, note: (update: RunUpdate) => void): Promise<void> {
    const { submitDetached, waitFor } = await import('@errand/core/run')
    const program = fileURLToPath(new URL('../../../bin/errand.js', import.meta.url))
    let created: RunRecord | undefined
    for await (const update of submitDetached(context, { ...options, continueCommand: [process.execPath, program, 'continue'] })) {
      note(update)
      await this.showAside(update)
      if (update.type !== 'created') continue
      created = update.run
      // Quiet is the id alone, for `id=$(errand submit -a -q …)`.
      if (!this.wantsOnlyJson) await this.screen.out(this.globals.quiet ? `${update.run.id}\n` : `RunId: ${update.run.id}\n`)
    }
    this.screen.clear()
    if (created === undefined) return
    if (wait) await this.#finish(context, await waitFor(context, created.id, options))
    else if (this.wantsOnlyJson) await this.#printRecord(context, created)
  }

  async #finish(context: RunContext, run: RunRecord): Promise<void> {
    this.screen.clear()
    if (this.wantsOnlyJson) await this.#printRecord(context, run)
    if (run.state === 'completed') return
    throw runError(run)
  }

  async #printRecord(context: RunContext, run: RunRecord): Promise<void> {
    const { recordFor } = await import('@errand/core/history')
    await this.print(recordFor(context.history, context.history.get(run.id) ?? run))
  }

  async #sayHowToComeBack(run: RunRecord | undefined, started: boolean): Promise<void> {
    process.exitCode = exitCodes.interrupted
    if (run === undefined) return
    const where = `${run.id}${this.projectOption}`
    const lines = started
      ? [`The run goes on. To come back:  errand logs -f ${where}`, `To cancel it:  errand cancel ${where}`]
      : [`The run had not started. To go on with it:  errand continue ${where}`]
    await this.screen.err(`\n${lines.join('\n')}\n`)
  }
}
