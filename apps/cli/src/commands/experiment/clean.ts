import { Flags } from '../../oclif-core.ts'
import { ErrandError, errorCode } from '@errand/core'
import type { RunContext, Cleaned } from '@errand/core/run'
import { formatBytes } from '@errand/core'
import { RunCommand, runArgument, runFlag, targetFlag } from '../../run-command.ts'

export default class Clean extends RunCommand {
  static override summary = 'Removes what runs have left at their place.'
  static override description =
    'Of one run, or with --all of all runs at a target, together with what is kept there to make the next ones quick. Files of a run are brought here first; runs that go on are left alone.'
  static override aliases = ['clean']
  static override hiddenAliases = ['execute:clean']
  static override examples = ['<%= config.bin %> clean last', '<%= config.bin %> experiment clean --all -t gpu']
  static override args = { ...runArgument }
  static override flags = {
    ...runFlag,
    ...targetFlag,
    all: Flags.boolean({ char: 'a', default: false, summary: 'Of all runs at the target that -t names.' }),
    force: Flags.boolean({ char: 'f', summary: 'Also runs whose files were never brought here.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Clean)
    const name = flags.run ?? args.run
    if (flags.all === (name !== undefined))
      throw new ErrandError(
        'CLEAN_WHAT',
        flags.all ? 'Say one of -r ID and --all, not both.' : 'Say what to clean: -r ID, or --all -t TARGET.',
      )
    if (flags.all && flags.target === undefined)
      throw new ErrandError('TARGET_MISSING', 'Say where: --all -t TARGET.', { hint: 'errand computetarget list' })
    await using context = await this.openContext()
    const { cleanRun, cleanTarget } = await import('@errand/core/run')
    await this.interruptible(async (signal) => {
      const options = { signal, force: flags.force }
      const run = {
        id: this.#runId(context, flags.run, args.run, flags.target),
        ...(flags.target === undefined ? {} : { target: flags.target }),
      }
      this.screen.report({ message: `looking at ${flags.target ?? run.id}` })
      await this.#show(
        flags.all ? cleanTarget(context, flags.target ?? '', options) : cleanRun(context, run, options),
        flags.all ? undefined : run.id,
      )
    })
  }

  /** A run that the history does not know may still be at the target that is named. */
  #runId(context: RunContext, flag: string | undefined, argument: string | undefined, target: string | undefined): string {
    const name = flag ?? argument
    if (name === undefined) return ''
    try {
      return this.findRun(context, { flag, argument, target }).id
    } catch (error) {
      if (errorCode(error) !== 'RUN_NOT_FOUND' || target === undefined) throw error
      return name
    }
  }

  async #show(cleaned: AsyncIterable<Cleaned>, run: string | undefined): Promise<void> {
    const all: Cleaned[] = []
    for await (const one of cleaned) {
      all.push(one)
      if (one.outcome === 'kept') this.screen.notice(`Kept: ${one.reason ?? one.leftover.id}`)
      else if (this.speaks) await this.say(`${sentence(one)}\n`)
    }
    this.screen.clear()
    if (!this.speaks)
      await this.print(
        all.map(({ leftover, ...rest }) => ({ id: leftover.id, kind: leftover.kind, run_id: leftover.runId ?? null, ...rest })),
      )
    else if (all.length === 0) await this.say(run === undefined ? 'Nothing is left there.\n' : `Nothing of ${run} is left at its place.\n`)
  }
}

const words: Readonly<Record<Cleaned['leftover']['kind'], string>> = {
  run: 'temporary run directory',
  environment: 'environment',
  image: 'image',
  cache: 'kept working copy',
  volume: 'volume',
  objects: 'unused file contents',
}

function sentence({ leftover: { id, kind, runId }, bytes }: Cleaned): string {
  if (kind === 'cache' && id.startsWith('tool:')) return `Removed tool ${id.slice(5)} (${formatBytes(bytes)})`
  if (kind === 'cache' && id.startsWith('probe:')) return `Removed container ${id.slice(6, 18)} (${formatBytes(bytes)})`
  if (id === 'files:environments') return `Removed package files of environments (${formatBytes(bytes)})`
  const name = kind === 'objects' ? '' : ` ${runId ?? id.replace(/^\w+:/, '')}`
  return `Removed ${words[kind]}${name} (${formatBytes(bytes)})`
}
