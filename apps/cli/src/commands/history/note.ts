import { Args, Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { RunCommand } from '../../run-command.ts'

export default class HistoryNote extends RunCommand {
  static override summary = 'Writes a note on a run, or shows it.'
  static override description =
    'The note is "description" in the record. A new one takes the place of the old one; - reads it from standard input.'
  static override examples = ['<%= config.bin %> history note last "the one in the paper"', '<%= config.bin %> history note last --remove']
  static override args = {
    run: Args.string({ description: 'The run: its id, the beginning of one, or last, last~1, …', ignoreStdin: true }),
    text: Args.string({ description: 'What to write; without it the note is shown.', ignoreStdin: true }),
  }
  static override flags = { remove: Flags.boolean({ summary: 'Take the note away.' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(HistoryNote)
    if (flags.remove && args.text !== undefined) throw new ErrandError('NOTE_WHAT', 'Say one of a text and --remove, not both.')
    await using context = await this.openHistory()
    const run = this.findRun(context, { flag: undefined, argument: args.run })
    const text = args.text === '-' ? await (await import('../../prompt.ts')).readStandardInput() : args.text
    const changed = flags.remove || text === '' ? null : text
    const { note } = changed === undefined ? run : context.history.update(run.id, { note: changed })
    await this.printOutcome(note ?? `${run.id} has no note.`, { run_id: run.id, note: note ?? null })
  }
}
