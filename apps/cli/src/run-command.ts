import * as Args from '@oclif/core/args'
import * as Flags from '@oclif/core/flags'
import { ErrandError, exitCodes } from '@errand/core'
import type { RunContext, RunUpdate } from '@errand/core/run'
import type { RunRecord } from '@errand/core/history'
import { ErrandCommand } from './command.ts'
import { watchInterruption } from './interruption.ts'

/** The run of a command, as `-r ID` or as its argument. */
export const runFlag = { run: Flags.string({ char: 'r', summary: 'Id of the run, the beginning of one, or last, last~1, …' }) }
export const targetFlag = { target: Flags.string({ char: 't', summary: 'The target that it runs at; not needed, but has to be right.' }) }
export const runArgument = { run: Args.string({ description: 'The run, instead of --run.', ignoreStdin: true }) }

/** Commands on runs: they open the project's history, and Ctrl-C ends them, never the run. */
export abstract class RunCommand extends ErrandCommand {
  protected async openContext(): Promise<RunContext> {
    const { openContext } = await import('./run-context.ts')
    const { verbose, debug } = this.globals
    return openContext({ projectDirectory: this.projectDirectory, dataDirectory: this.config.dataDir, screen: this.screen, verbose, debug })
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
    context: RunContext,
    chosen: { readonly flag: string | undefined; readonly argument: string | undefined; readonly target?: string | undefined },
  ): RunRecord {
    const { flag, argument, target } = chosen
    const name = flag ?? argument
    if (name === undefined)
      throw new ErrandError('RUN_MISSING', 'Say which run: -r ID.', {
        hint: 'errand history list shows the ids; "last" is the newest run.',
      })
    if (flag !== undefined && argument !== undefined && flag !== argument) {
      throw new ErrandError('RUN_TWICE', `Two runs are named: ${flag} and ${argument}.`)
    }
    const run = context.history.resolve(name)
    if (target !== undefined && target !== run.target.name) {
      throw new ErrandError('RUN_ON_OTHER_TARGET', `${run.id} runs on ${run.target.name}, not on ${target}.`, {
        hint: `Leave -t away, or say -t ${run.target.name}.`,
      })
    }
    return run
  }

  /** Shows what is no output of the run: progress, notes, diagnostics. */
  protected async showAside(update: RunUpdate): Promise<void> {
    if (update.type === 'progress') this.screen.report(update.progress)
    if (update.type === 'note') this.screen.notice(update.message)
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
export function runError(run: RunRecord): ErrandError {
  const outcome: Readonly<Record<string, string>> = { cancelled: 'was cancelled', lost: 'is lost', interrupted: 'was interrupted' }
  const reason = run.reason === undefined ? '' : `: ${run.reason.replace(/\.$/, '')}`
  return new ErrandError(
    'RUN_FAILED',
    `The run ${run.id} ${outcome[run.state] ?? 'failed'}${reason}.`,
    run.notes.length === 0 ? {} : { hint: run.notes.join('\n') },
  )
}

function quoted(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
