import { Flags } from '../../oclif-core.ts'
import { ErrandError, errorCode } from '@errand/core'
import type { RunRecord } from '@errand/core/history'
import type { RunContext } from '@errand/core/run'
import { RunCommand } from '../../run-command.ts'
import { runsFlag } from '../../runs-flag.ts'

export default class HistoryDelete extends RunCommand {
  static override summary = 'Deletes runs from the history: record, log and files.'
  static override description = `Asks before it does; --yes answers. Runs that go on are left alone, with --force they are forgotten where they are.
What runs have left at their place is removed with errand clean, the copied project files that no run needs any more with errand history gc.`
  static override usage = '<%= command.id %> RUN …'
  static override examples = ['<%= config.bin %> history delete last --yes']
  static override strict = false
  static override flags = {
    run: runsFlag,
    force: Flags.boolean({ char: 'f', summary: 'Also runs that have not ended.' }),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(HistoryDelete)
    await using context = await this.openContext()
    const names = [...(flags.run ?? []), ...argv.map(String)]
    if (names.length === 0) throw new ErrandError('RUN_MISSING', 'Say which run: its id, or last.', { hint: 'errand history list' })
    const chosen = [...new Set(names.map((name) => context.history.resolveId(name)))]
    const records = chosen.flatMap((id) => recordIfReadable(context, id))
    if (!flags.force) await this.#refuseLive(records)
    const what = chosen.length === 1 ? `the run ${chosen[0] ?? ''}` : `${chosen.length} runs`
    const answer = await context.ask({
      kind: 'confirm',
      text: `Delete ${what} from the history, with log and files? [y/N]`,
      withoutTerminal: { hint: `errand history delete ${chosen.join(' ')}${flags.force ? ' --force' : ''} --yes` },
    })
    if (answer !== 'yes') throw new ErrandError('NOT_CONFIRMED', 'Nothing was deleted.')
    for (const id of chosen) context.history.delete(id)
    const { finalStates } = await import('@errand/core/history')
    for (const run of records.filter((record) => mayHaveLeft(record, finalStates))) this.screen.notice(whatIsLeft(run, finalStates))
    await this.printOutcome(
      chosen.map((id) => `Deleted ${id}`).join('\n'),
      chosen.map((id) => ({ run_id: id })),
    )
  }

  async #refuseLive(records: readonly RunRecord[]): Promise<void> {
    const { finalStates } = await import('@errand/core/history')
    const live = records.filter((run) => isLive(run, finalStates))
    if (live.length === 0) return
    const ids = live.map(({ id }) => id).join(', ')
    throw new ErrandError('RUN_NOT_ENDED', `${ids} ${live.length === 1 ? 'has' : 'have'} not ended. Nothing was deleted.`, {
      hint: `errand cancel ${live[0]?.id ?? ''}   (or --force, which only forgets it)`,
    })
  }
}

/** A run that goes on can't be cancelled any more, as its record is gone: only its end can be waited for. */
function whatIsLeft(run: RunRecord, ended: ReadonlySet<string>): string {
  const clean = `errand experiment clean ${run.id} -t ${run.target.name} --force`
  if (isLive(run, ended)) return `${run.id} goes on at ${run.target.name}; when it has ended: ${clean}`
  return `What ${run.id} has left on ${run.target.name} is still there: ${clean}`
}

/** A run that never came to its place has nothing there. A run of a sweep may have come there before its client could note it. */
function mayHaveLeft({ removed, reference, state, parent }: RunRecord, ended: ReadonlySet<string>): boolean {
  if (removed) return false
  return reference !== undefined || !(ended.has(state) || (state === 'interrupted' && parent === undefined))
}

function isLive({ state }: RunRecord, ended: ReadonlySet<string>): boolean {
  return !ended.has(state) && state !== 'interrupted'
}

/** A record that can't be read may be deleted too. */
function recordIfReadable(context: RunContext, id: string): RunRecord[] {
  try {
    const run = context.history.get(id)
    return run === undefined ? [] : [run]
  } catch (error) {
    if (errorCode(error) !== 'HISTORY_CORRUPT') throw error
    return []
  }
}
