import { Args, Flags } from './oclif-core.ts'
import { ErrandError, errorCode, errorMessage, exitCodes } from '@errand/core'
import type { DryRun, RunContext, RunUpdate, Surroundings } from '@errand/core/run'
import type { RunRecord } from '@errand/core/history'
import { ErrandCommand } from './command.ts'
import { watchInterruption } from './interruption.ts'
import { quoted } from './script-words.ts'

/** The run of a command, as `-r ID` or as its argument. */
export const runFlag = {
  run: Flags.string({ char: 'r', summary: 'Id of the run, the beginning of one, or last, last~1, …', helpValue: 'RUN' }),
}
export const targetFlag = {
  target: Flags.string({ char: 't', summary: 'The target that it runs at; not needed, but has to be right.', helpValue: 'TARGET' }),
}
export const runArgument = { run: Args.string({ description: 'The run, instead of --run.', ignoreStdin: true }) }

/** Commands on runs: they open the project's history, and Ctrl-C ends them, never the run. */
export abstract class RunCommand extends ErrandCommand {
  protected async openContext(): Promise<RunContext> {
    const { openContext } = await import('./run-context.ts')
    const { verbose, debug, yes } = this.globals
    const directories = { projectDirectory: this.projectDirectory, dataDirectory: this.config.dataDir }
    return openContext({ ...directories, screen: this.screen, verbose, debug, yes })
  }

  /** For commands that look and change nothing: no history is made. */
  protected async openSurroundings(): Promise<Surroundings> {
    const { openSurroundings } = await import('./run-context.ts')
    const { verbose, debug, yes } = this.globals
    const directories = { projectDirectory: this.projectDirectory, dataDirectory: this.config.dataDir }
    return openSurroundings({ ...directories, screen: this.screen, verbose, debug, yes })
  }

  /** A plan as text, or as data in the format that was asked for. */
  protected async showDryRun(plan: DryRun, more: object = {}): Promise<void> {
    const { showDryRun } = await import('./show-dry-run.ts')
    await showDryRun(plan, this.screen, this.speaks ? undefined : () => this.print({ ...plan, ...more }))
  }

  /**
   * The history alone, for what asks no place: the rest of the context takes longer to load than a record to read. Where there is none yet,
   * the whole context says what is missing.
   */
  protected async openHistory(): Promise<Pick<RunContext, 'history'> & AsyncDisposable> {
    const { openHistoryIfPresent } = await import('@errand/core/history')
    const history = openHistoryIfPresent(this.projectDirectory)
    return history === undefined ? this.openContext() : { history, [Symbol.asyncDispose]: async () => history[Symbol.dispose]() }
  }

  /** The run configuration that `-c` names. Error: RUN_CONFIGURATION_MISSING, which names those of the project. */
  protected async runConfigurationOf(flags: { readonly 'run-configuration'?: string | undefined }): Promise<string> {
    const chosen = flags['run-configuration']
    if (chosen !== undefined) return chosen
    const { findProject, listRunConfigurations } = await import('@errand/core/project')
    const names = (await listRunConfigurations(await findProject(this.projectDirectory))).map(({ name }) => `-c ${quoted(name)}`)
    const choice = new Intl.ListFormat('en', { type: 'disjunction' }).format(names)
    const way = names.length === 0 ? 'The project has none yet: errand runconfiguration create -n local -t local' : `Say which: ${choice}`
    throw new ErrandError('RUN_CONFIGURATION_MISSING', 'The option --run-configuration is missing.', {
      hint: `${way}\nSee: errand ${this.id?.replaceAll(':', ' ') ?? ''} --help`,
    })
  }

  /** Calls with a signal that Ctrl-C aborts; after that the exit code is 130 and whatever the work threw because of it is forgotten. */
  protected async interruptible(work: (signal: AbortSignal) => Promise<void>, onInterrupt?: () => Promise<void>): Promise<void> {
    using interruption = watchInterruption()
    try {
      await work(interruption.signal)
    } catch (error) {
      if (!interruption.signal.aborted) throw error
    }
    if (!interruption.signal.aborted) return
    this.screen.clear()
    process.exitCode = exitCodes.interrupted
    await onInterrupt?.()
  }

  /** The run that was meant. Errors: RUN_MISSING, RUN_TWICE, RUN_NOT_FOUND, RUN_AMBIGUOUS, RUN_ON_OTHER_TARGET */
  protected findRun(
    context: Pick<RunContext, 'history'>,
    chosen: { readonly flag: string | undefined; readonly argument: string | undefined; readonly target?: string | undefined },
  ): RunRecord {
    const { flag, argument, target } = chosen
    const name = flag ?? argument
    if (name === undefined)
      throw new ErrandError('RUN_MISSING', 'Say which run: its id, or last.', {
        hint: 'errand history list shows the ids; "last" is the newest run.',
      })
    if (flag !== undefined && argument !== undefined && flag !== argument) {
      throw new ErrandError('RUN_TWICE', `Two runs are named: ${flag} and ${argument}.`)
    }
    const run = this.#resolve(context, name)
    if (target !== undefined && target !== run.target.name) {
      throw new ErrandError('RUN_ON_OTHER_TARGET', `${run.id} runs on ${run.target.name}, not on ${target}.`, {
        hint: `Leave -t away, or say -t ${run.target.name}.`,
      })
    }
    return run
  }

  /** Where nothing was run yet, a list of the runs is no way out. */
  #resolve(context: Pick<RunContext, 'history'>, name: string): RunRecord {
    try {
      return context.history.resolve(name)
    } catch (error) {
      if (errorCode(error) !== 'RUN_NOT_FOUND' || context.history.list({ limit: 1 }).length > 0) throw error
      const hint = 'Run a script: errand submit -c local SCRIPT'
      throw new ErrandError('RUN_NOT_FOUND', errorMessage(error), { hint, cause: error })
    }
  }

  /** Shows what is no output of the run: progress, notes, diagnostics. */
  protected async showAside(update: RunUpdate): Promise<void> {
    if (update.type === 'progress') this.screen.report(update.progress)
    // What it waited for is over.
    if (update.type === 'status' && update.status.state !== 'queued') this.screen.clear()
    if (update.type === 'note') this.screen.notice(update.message)
    // Those of a run that failed come with its error.
    if (update.type === 'ended' && update.run.state === 'completed') for (const note of update.run.notes) this.screen.notice(note)
    if (update.type === 'diagnostics') {
      const { formatDiagnostic } = await import('@errand/core/project')
      for (const diagnostic of update.diagnostics) {
        this.screen.notice(`${diagnostic.severity === 'note' ? 'Note' : 'WARNING'}: ${formatDiagnostic(diagnostic)}`)
      }
    }
  }

  /** ` -p DIRECTORY` for commands that are proposed to a user who named the project. */
  protected get projectOption(): string {
    return this.globals.project === undefined ? '' : ` -p ${quoted(this.globals.project)}`
  }
}

/** What a failed run says at the end of the command that waited for it. */
export function runError(run: RunRecord, hints: readonly string[] = []): ErrandError {
  const outcome: Readonly<Record<string, string>> = { cancelled: 'was cancelled', lost: 'is lost', interrupted: 'was interrupted' }
  const lines = [...run.notes, ...hints]
  const reason = run.reason === undefined ? '' : `: ${run.reason.replace(/\.$/, '')}`
  return new ErrandError(
    'RUN_FAILED',
    `The ${run.kind === 'sweep' ? 'sweep' : 'run'} ${run.id} ${outcome[run.state] ?? 'failed'}${reason}.`,
    lines.length === 0 ? {} : { hint: lines.join('\n') },
  )
}
