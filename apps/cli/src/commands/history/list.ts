import * as Flags from '@oclif/core/flags'
import { RunCommand } from '../../run-command.ts'

export default class HistoryList extends RunCommand {
  static override summary = 'Lists the runs of the project, newest first.'
  static override description = `Shows what is known here and asks no place: a run that goes on may have ended since. --refresh asks, errand status asks for one.
A table has the metrics that fit; -o json has all of them.`
  static override examples = [
    '<%= config.bin %> history list',
    {
      description: 'The best accuracy',
      command: '<%= config.bin %> history list --query "[?Accuracy != null] | max_by(@, &Accuracy).Accuracy"',
    },
  ]
  static override aliases = ['runs']
  static override flags = {
    status: Flags.string({
      char: 's',
      summary: 'Only runs of this status: completed, canceled, failed, running or notstarted.',
      helpValue: 'STATUS',
    }),
    run: Flags.string({
      char: 'r',
      summary: 'Only this run; may be given several times.',
      helpValue: 'RUN',
      multiple: true,
      multipleNonGreedy: true,
    }),
    limit: Flags.integer({ char: 'n', summary: 'Only the newest N.', helpValue: 'N', min: 1 }),
    refresh: Flags.boolean({ summary: 'Ask the places of runs that have not ended.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(HistoryList)
    if (flags.refresh) await this.#refresh()
    const { listRowFor, listRowText, openHistoryIfPresent, statesNamed } = await import('@errand/core/history')
    const states = flags.status === undefined ? undefined : statesNamed(flags.status)
    using history = openHistoryIfPresent(this.projectDirectory)
    if (history === undefined) await this.#checkProject()
    const filter = {
      ...(states === undefined ? {} : { states }),
      ...(flags.run === undefined ? {} : { ids: flags.run.map((name) => history?.resolve(name).id ?? name) }),
      ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    }
    const runs = history?.list(filter) ?? []
    const now = new Date()
    if (this.format === 'json' && this.globals.query === undefined) {
      await this.screen.out(jsonLines(runs.map((run) => listRowText(run, now))))
      return
    }
    const { historyTableColumns, historyTableRow } = await import('../../render/history-table.ts')
    const rows = runs.map((run) => listRowFor(run, now))
    await this.print(rows, {
      rows: rows.map((row, index) => historyTableRow(row, runs[index]?.kind ?? 'run')),
      columns: historyTableColumns(rows),
      empty: 'Nothing was run yet. Run a script: errand submit -c local SCRIPT',
    })
  }

  /** Only where there is no history: reading the project model takes longer than reading many runs. */
  async #checkProject(): Promise<void> {
    const { findProject } = await import('@errand/core/project')
    await findProject(this.projectDirectory)
  }

  async #refresh(): Promise<void> {
    await using context = await this.openContext()
    const { isSettled, refresh } = await import('@errand/core/run')
    await this.interruptible(async (signal) => {
      for (const { id } of context.history.list()) {
        const run = context.history.get(id)
        if (run === undefined || isSettled(run)) continue
        this.screen.report({ message: `asking ${run.target.name} about ${id}` })
        await refresh(context, id, { signal }).catch((error: unknown) => {
          if (signal.aborted) throw error
          this.screen.notice(`WARNING: ${id} could not be asked for: ${error instanceof Error ? error.message : String(error)}`)
        })
      }
      this.screen.clear()
    })
  }
}

/** A JSON array with one run on each line: thousands of runs are not worth taking apart only to indent them. */
function jsonLines(rows: readonly string[]): string {
  return rows.length === 0 ? '[]\n' : `[\n  ${rows.join(',\n  ')}\n]\n`
}
