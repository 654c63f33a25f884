import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Flags } from '../../oclif-core.ts'
import { ErrandError, exitCodes } from '@errand/core'
import type { RunRecord } from '@errand/core/history'
import type { PrepareOptions } from '@errand/core/run'
import { dryRunFlag } from '../../dry-run-flag.ts'
import { environmentFlags, planOptions } from '../../environment-flags.ts'
import { RunCommand, runError } from '../../run-command.ts'

export default class Prepare extends RunCommand {
  static override summary = 'Makes the environment of a run configuration ready at its target.'
  static override usage = '<%= command.id %> -c NAME [OPTIONS]'
  static override aliases = ['prepare']
  static override hiddenAliases = ['execute:prepare']
  static override examples = [
    '<%= config.bin %> prepare -c docker',
    { description: 'Only ask; the exit code is 0 when it is prepared, else 1', command: '<%= config.bin %> prepare -c docker --check' },
    {
      description: 'Which input of the environment changed, and what would be done about it',
      command: '<%= config.bin %> prepare -c docker --explain',
    },
  ]
  static override flags = {
    ...environmentFlags,
    check: Flags.boolean({ summary: 'Say whether it is prepared, and build nothing.' }),
    locked: Flags.boolean({ summary: 'Exactly the packages of the last prepare or run; anything else is an error.' }),
    ...dryRunFlag,
    explain: Flags.boolean({ summary: 'Say which input of the environment changed, and do nothing: as --dry-run.' }),
    async: Flags.boolean({ char: 'a', summary: 'Print the id and return.' }),
    wait: Flags.boolean({ summary: 'Accepted as in submit; a prepare is final when it returns.' }),
    detached: Flags.boolean({ hidden: true, summary: 'Say nothing but the id: the second half of --async.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Prepare)
    const runConfiguration = await this.runConfigurationOf(flags)
    if (flags['dry-run'] || flags.explain) return this.#plan(planOptions(flags, runConfiguration, this.typedFrom))
    if (flags.async && !flags.check && !flags.detached) return this.#leave()
    await using context = await this.openContext()
    await this.interruptible(async (signal) => {
      const options: PrepareOptions = {
        ...planOptions(flags, runConfiguration, this.typedFrom),
        signal,
        check: flags.check,
        locked: flags.locked,
      }
      const { prepare } = await import('@errand/core/run')
      const updates = prepare(context, options)
      let sentence = ''
      let ended: RunRecord | undefined
      let step = await updates.next()
      for (; step.done !== true; step = await updates.next()) {
        const update = step.value
        if (update.type === 'created') await this.#sayId(update.run.id, flags.detached)
        else if (update.type === 'note') {
          // The last is the answer.
          if (sentence !== '' && !flags.detached) this.screen.notice(sentence)
          sentence = update.message
        } else if (update.type === 'log' && !flags.detached) await this.screen.err(update.data)
        else if (!flags.detached) await this.showAside(update)
        if (update.type === 'ended') ended = update.run
      }
      this.screen.clear()
      if (!flags.detached) await this.printOutcome(sentence, { prepared: step.value, message: sentence, run_id: ended?.id ?? null })
      if (!step.value) process.exitCode = exitCodes.failed
      if (ended !== undefined && ended.state !== 'completed') throw runError(ended)
    })
  }

  async #plan(planned: Omit<PrepareOptions, 'signal' | 'check'>): Promise<void> {
    const surroundings = await this.openSurroundings()
    const { dryRunPrepare } = await import('@errand/core/run')
    await this.interruptible(async (signal) => {
      await this.showDryRun(await dryRunPrepare(surroundings, { ...planned, signal }, this.screen.report))
    })
  }

  async #sayId(id: string, detached: boolean): Promise<void> {
    const line = `RunId: ${id}\n`
    // The client that has left this one behind reads it, however quiet it is itself.
    if (detached) await this.screen.out(line)
    else if (!this.wantsOnlyJson) await this.say(line)
  }

  /** The same command in a process of its own, which says nothing once it has told the id. */
  async #leave(): Promise<void> {
    const program = fileURLToPath(new URL('../../../bin/errand.js', import.meta.url))
    const words = this.argv.filter((word) => !['-a', '--async'].includes(word))
    const child = spawn(process.execPath, [program, 'experiment', 'prepare', ...words, '--detached'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    let complaint = ''
    child.stderr.on('data', (data: Buffer) => void (complaint += data.toString()))
    for await (const data of child.stdout) {
      said += String(data)
      if (said.includes('\n')) break
    }
    if (!said.includes('\n')) throw prepareError(complaint)
    child.unref()
    const id = said.replace('RunId: ', '').trimEnd()
    if (this.speaks && this.globals.quiet) await this.screen.out(`${id}\n`)
    else await this.printOutcome(`RunId: ${id}`, { run_id: id })
  }
}

/** The error of the process that was to go on: from its line of JSON where there is one, else its text. */
function prepareError(complaint: string): ErrandError {
  const line = complaint.split('\n').find((text) => text.startsWith('{"error":'))
  if (line === undefined) return new ErrandError('PREPARE_FAILED', complaint.replace(/^ERROR: /, '').trimEnd())
  const { error }: { error: { code: string; message: string; hint: string | null } } = JSON.parse(line)
  return new ErrandError(error.code, error.message, error.hint === null ? {} : { hint: error.hint })
}
