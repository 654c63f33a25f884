import { Flags } from '../../oclif-core.ts'
import type { UnneededPlan } from '@errand/core/archive'
import { formatBytes } from '@errand/core'
import { RunCommand } from '../../run-command.ts'

export default class HistoryGc extends RunCommand {
  static override summary = 'Removes what the history holds and no run needs.'
  static override description = `Shows what may go and how much it takes, then asks; --yes answers. Without a terminal and without --yes it only shows.
Copied project files go when no run has them any more (history delete), and with them what killed commands have left.`
  static override examples = ['<%= config.bin %> history gc --dry-run', '<%= config.bin %> history gc --yes']
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only show what may go.' }) }

  async run(): Promise<void> {
    const { flags } = await this.parse(HistoryGc)
    await using context = await this.openContext()
    const { planUnneeded, removeUnneeded } = await import('@errand/core/archive')
    const plan = planUnneeded(context.history)
    if (plan.kept !== undefined) this.screen.notice(`Copied files stay for now: ${plan.kept}.`)
    const hasTerminal = process.stdin.isTTY && process.stderr.isTTY
    if (plan.items.length === 0 || flags['dry-run'] || (!this.globals.yes && !hasTerminal)) {
      await this.#show(plan, false)
      if (plan.items.length > 0 && !this.globals.quiet) this.screen.notice('Nothing was removed. To remove it: errand history gc --yes')
      return
    }
    if (this.speaks) await this.say(tableOf(plan))
    const bytes = plan.items.reduce((sum, item) => sum + item.bytes, 0)
    const answer = await context.ask({
      kind: 'confirm',
      text: `Remove this (${formatBytes(bytes)})? [y/N]`,
      withoutTerminal: { hint: 'errand history gc --yes' },
    })
    if (answer !== 'yes') return
    const removed = removeUnneeded(context.history)
    const total = removed.items.reduce((sum, item) => sum + item.bytes, 0)
    await (this.speaks ? this.say(`Removed ${formatBytes(total)}.\n`) : this.#show(removed, true))
  }

  async #show(plan: UnneededPlan, removed: boolean): Promise<void> {
    if (this.speaks) await this.say(plan.items.length === 0 ? 'Nothing may go.\n' : tableOf(plan))
    else
      await this.print({
        removed,
        bytes: plan.items.reduce((sum, { bytes }) => sum + bytes, 0),
        items: plan.items,
        kept: plan.kept ?? null,
      })
  }
}

const words: Readonly<Record<UnneededPlan['items'][number]['kind'], string>> = {
  contents: 'contents of copied files',
  snapshots: 'lists of copied files',
  'run folders': 'folders of deleted runs',
  'unfinished copies': 'unfinished copies',
}

function tableOf({ items }: UnneededPlan): string {
  return items.map(({ kind, count, bytes }) => `${formatBytes(bytes).padStart(9)}  ${count} ${words[kind]}\n`).join('')
}
