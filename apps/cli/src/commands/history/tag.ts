import { Args, Flags } from '../../oclif-core.ts'
import { ErrandError } from '@errand/core'
import { RunCommand } from '../../run-command.ts'

export default class HistoryTag extends RunCommand {
  static override summary = 'Sets or removes tags of a run, or shows them.'
  static override description = 'A tag that is there gets the new value. history list --tag NAME=VALUE finds the runs.'
  static override usage = '<%= command.id %> RUN [NAME=VALUE …] [--remove NAME …]'
  static override examples = [
    '<%= config.bin %> history tag last stage=final owner=ann',
    '<%= config.bin %> history tag last --remove stage',
  ]
  static override strict = false
  static override args = {
    run: Args.string({ description: 'The run: its id, the beginning of one, or last, last~1, …', ignoreStdin: true }),
  }
  static override flags = {
    remove: Flags.string({
      summary: 'Remove this tag; may be given several times.',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
    }),
  }

  async run(): Promise<void> {
    const { args, argv, flags } = await this.parse(HistoryTag)
    await using context = await this.openHistory()
    const run = this.findRun(context, { flag: undefined, argument: args.run })
    const { history } = context
    const removed = (flags.remove ?? []).map((name): [string, null] => [name, null])
    const set = argv.slice(1).map(String).map(tagOf)
    if (removed.length + set.length > 0) history.setLabels(run.id, { tags: Object.fromEntries([...removed, ...set]) })
    const tags = history.tags(run.id).filter(({ type }) => type === 'tag')
    await this.printOutcome(
      tags.length === 0 ? `${run.id} has no tags.` : tags.map(({ name, value = '' }) => `${name}=${value}`).join('\n'),
      Object.fromEntries(tags.map(({ name, value = '' }) => [name, value])),
    )
  }
}

function tagOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  throw new ErrandError('TAG_INVALID', `${JSON.stringify(text)} is no tag: it has to be NAME=VALUE.`, {
    hint: 'For example: errand history tag last stage=final',
  })
}
