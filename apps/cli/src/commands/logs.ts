import { Args, Flags } from '../oclif-core.ts'
import type { RunRecord, StoredLogRecord } from '@errand/core/history'
import type { RunContext } from '@errand/core/run'
import { lastLines } from '../last-lines.ts'
import { RunCommand, runFlag, targetFlag } from '../run-command.ts'
import { keepMemorySmall } from '../small-memory.ts'

export default class Logs extends RunCommand {
  static override summary = 'Shows what a run, several runs or a sweep has written.'
  static override description =
    'What the script wrote to its standard output goes to standard output, the rest to standard error, in the order in which it came. With -o json each piece is one line of JSON on standard output: {"stream": "stdout", "text": "…"}. Of several runs each line has the run in front of it, and each object its run_id.'
  static override examples = [
    '<%= config.bin %> logs last',
    { description: 'Several at once, each line with its run', command: '<%= config.bin %> logs -f last last~1' },
    { description: 'Follow it to its end', command: '<%= config.bin %> logs -f churn_1521077190506' },
  ]
  static override args = {
    runs: Args.string({ description: 'The run, instead of --run; or several, or a sweep.', multiple: true, ignoreStdin: true }),
  }
  static override flags = {
    ...runFlag,
    ...targetFlag,
    follow: Flags.boolean({ char: 'f', summary: 'Go on until the run ends.' }),
    tail: Flags.integer({ summary: 'Begin with the last N lines.', helpValue: 'N', min: 0 }),
    control: Flags.boolean({ summary: 'Also show what was done for the run, on standard error.' }),
  }

  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder(), control: new TextDecoder() }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logs)
    await using context = await this.openContext()
    const names: readonly string[] = [args.runs ?? []].flat()
    const [first, ...others] = names
    const run = this.findRun(context, { flag: flags.run, argument: first, target: flags.target })
    if (others.length > 0 || run.kind === 'sweep') {
      const more = others.map((name) => this.findRun(context, { flag: undefined, argument: name, target: flags.target }))
      return await this.#showSeveral(context, [run, ...more], flags)
    }
    const control = flags.control || this.globals.verbose || run.kind === 'prepare'
    keepMemorySmall()
    const { follow } = await import('@errand/core/run')
    await this.interruptible(async (signal) => {
      const from = flags.tail === undefined ? undefined : await this.#showTail(context, run, flags.tail, control, signal)
      let silent = from === undefined
      for await (const update of follow(context, run.id, { signal, live: flags.follow, ...(from === undefined ? {} : { from }) })) {
        if (update.type === 'log') {
          silent = false
          await this.#show(update, control)
        } else await this.showAside(update)
        if (update.type === 'ended' && silent) this.#sayWhyNothing(update.run)
      }
    })
  }

  /** Of a run that failed before its script began there is nothing to show but the reason. */
  #sayWhyNothing({ id, state, reason }: RunRecord): void {
    if (state !== 'completed' && reason !== undefined) this.screen.notice(`${id} wrote nothing: ${reason}`)
  }

  async #showSeveral(
    context: RunContext,
    runs: readonly RunRecord[],
    flags: { readonly follow: boolean; readonly control: boolean; readonly tail?: number | undefined },
  ): Promise<void> {
    const { showSeveralLogs } = await import('../several-logs.ts')
    const unique = [...new Map(runs.map((run) => [run.id, run])).values()]
    const asObjects = this.globals.output !== undefined
    const control = flags.control || this.globals.verbose
    const decoders = new Map<string, InstanceType<typeof TextDecoder>>()
    const showObject = async (run: RunRecord, stream: StoredLogRecord['stream'], data: Uint8Array): Promise<void> => {
      const decoder = decoders.get(`${run.id} ${stream}`) ?? new TextDecoder()
      decoders.set(`${run.id} ${stream}`, decoder)
      const text = decoder.decode(data, { stream: true })
      if (text !== '') await this.screen.out(`${JSON.stringify({ run_id: run.id, stream, text })}\n`)
    }
    await this.interruptible(async (signal) =>
      showSeveralLogs(context, unique, {
        ...flags,
        control,
        signal,
        prefix: !asObjects,
        show: asObjects ? showObject : async (_run, stream, data) => (stream === 'stdout' ? this.screen.out(data) : this.screen.err(data)),
        aside: (update) => this.showAside(update),
      }),
    )
  }

  async #show({ stream, data }: Pick<StoredLogRecord, 'stream' | 'data'>, control: boolean): Promise<void> {
    if (this.globals.output !== undefined) await this.#showObject(stream, data, control)
    else if (stream === 'stdout') await this.screen.out(data)
    else if (stream === 'stderr' || control) await this.screen.err(data)
  }

  /** One object a line, so that a reader need not wait for the end; characters that a block cuts in two are put together again. */
  async #showObject(stream: StoredLogRecord['stream'], data: Uint8Array, control: boolean): Promise<void> {
    if (stream === 'control' && !control) return
    const text = this.#decoders[stream].decode(data, { stream: true })
    if (text !== '') await this.screen.out(`${JSON.stringify({ stream, text })}\n`)
  }

  /** Brings the history up to date, shows the last lines of its copy of the log, and answers where that copy ends. */
  async #showTail(context: RunContext, run: RunRecord, lines: number, control: boolean, signal: AbortSignal): Promise<number | undefined> {
    const { refresh } = await import('@errand/core/run')
    await refresh(context, run.id, { signal })
    const tail = lastLines(context.history.readLog(run.id), lines, (record) => control || record.stream !== 'control')
    for (const piece of tail.pieces) await this.#show(piece, control)
    return tail.end
  }
}
