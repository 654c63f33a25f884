import { Flags } from '../oclif-core.ts'
import { ErrandError, exitCodes } from '@errand/core'
import type { RunRecord } from '@errand/core/history'
import type { RunContext, SubmitOptions } from '@errand/core/run'
import type { Point, StoredSweep, SweepRow, SweepUpdate } from '@errand/core/sweep'
import { dryRunFlag } from '../dry-run-flag.ts'
import { environmentFlags, planOptions } from '../environment-flags.ts'
import { RunCommand, runError } from '../run-command.ts'
import { splitArranged } from '../script-words.ts'
import { openSweepView } from '../sweep-view.ts'

const { untracked: _untracked, ...sharedFlags } = environmentFlags

export default class Sweep extends RunCommand {
  static override summary = 'Runs a script once for each combination of values.'
  static override description = `Each --each names an argument of the script and its values: it arrives as --alpha 0.1, or where an argument holds {alpha}.
One copy of the project, one environment, one record with a run below it for each combination. Ctrl-C leaves the runs that have started;
--resume goes on with the rest, also when the command was killed. No combination is run twice.
Behind SCRIPT, --each, --random, --parallel, --stop-after and --best are still options of the sweep; all other words belong to the script.
Another long option of errand there is refused, unless it stands behind --.
Exit code: 0 when all runs completed, 1 when one did not, 130 after Ctrl-C.`
  static override usage = ['<%= command.id %> -c NAME SCRIPT [ARGUMENTS] --each NAME=VALUE,VALUE…', '<%= command.id %> --resume SWEEP']
  static override examples = [
    '<%= config.bin %> sweep -c local train.py --each alpha=0.1,0.5,1 --each depth=2,4 --best Accuracy',
    {
      description: 'Values inside other arguments, two runs at a time',
      command: '<%= config.bin %> sweep -c local train.py out/{alpha} {alpha} --each alpha=0.1,1 --parallel 2',
    },
    { description: 'Go on with one that was interrupted', command: '<%= config.bin %> sweep --resume last' },
  ]
  static override flags = {
    ...sharedFlags,
    ...dryRunFlag,
    each: Flags.string({
      summary: 'A parameter and its values; may be given several times.',
      helpValue: 'NAME=VALUE,VALUE…',
      multiple: true,
      multipleNonGreedy: true,
    }),
    random: Flags.integer({ summary: 'Only N of the combinations, chosen at random.', helpValue: 'N', min: 1 }),
    parallel: Flags.integer({ summary: 'Runs at a time; without it one.', helpValue: 'N', min: 1, max: 256 }),
    'stop-after': Flags.string({ summary: 'Start no more after so many runs that did not complete: 3-failures.', helpValue: 'N-failures' }),
    best: Flags.string({
      summary: 'Metric that the table is sorted by, highest first; Loss:min puts the lowest first.',
      helpValue: 'METRIC',
    }),
    prepare: Flags.boolean({ summary: 'Prepare the environment first.' }),
    resume: Flags.string({ summary: 'Go on with this sweep.', helpValue: 'SWEEP' }),
  }

  async run(): Promise<void> {
    const { own, script: words } = splitArranged(this.argv)
    const { flags } = await this.parse(Sweep, [...own])
    const [script, ...parameters] = words
    const stopAfter = readStopAfter(flags['stop-after'])
    const changes = {
      ...(flags.parallel === undefined ? {} : { parallel: flags.parallel }),
      ...(stopAfter === undefined ? {} : { stopAfter }),
      ...(flags.best === undefined ? {} : { best: flags.best }),
    }
    const { checkArguments, readParameters, resumeSweep, runSweep, sweepPoints } = await import('@errand/core/sweep')
    if (flags.resume !== undefined) {
      if (script !== undefined || flags.each !== undefined)
        throw new ErrandError('SWEEP_GIVEN', 'A sweep that goes on has its script and its values already.', {
          hint: `errand sweep --resume ${flags.resume}`,
        })
      if (flags['dry-run'])
        throw new ErrandError('SWEEP_GIVEN', 'A sweep that goes on is not planned again.', { hint: `errand show ${flags.resume}` })
      await using context = await this.openContext()
      const found = this.#findSweep(context, flags.resume)
      return await this.#show(context, (signal) => resumeSweep(context, found.id, { signal, change: changes }))
    }
    if (flags.each === undefined)
      throw new ErrandError('SWEEP_EMPTY', 'Say which values to try.', { hint: 'Give at least one: --each alpha=0.1,0.5,1' })
    const each = readParameters(flags.each)
    checkArguments(parameters, each)
    const sweep: StoredSweep = { points: sweepPoints(each, flags.random), parallel: 1, ...changes }
    const planned = {
      ...planOptions({ ...flags, untracked: false }, await this.runConfigurationOf(flags), this.typedFrom),
      arguments: parameters,
      prepare: flags.prepare,
    }
    if (flags['dry-run']) return await this.#plan({ ...planned, ...(script === undefined ? {} : { script }) }, sweep.points)
    await using context = await this.openContext()
    const options = { ...planned, ...(script === undefined ? {} : { script }), sweep }
    await this.#show(context, (signal) => runSweep(context, { ...options, signal }))
  }

  /** What its first run would do, and the arguments of all of them. */
  async #plan(planned: Omit<SubmitOptions, 'signal'>, points: readonly Point[]): Promise<void> {
    const surroundings = await this.openSurroundings()
    const { dryRunSubmit } = await import('@errand/core/run')
    const { pointArguments } = await import('@errand/core/sweep')
    const runs = points.map((parameters) => ({ parameters, arguments: pointArguments(planned.arguments, parameters) }))
    await this.interruptible(async (signal) => {
      const first = { ...planned, arguments: runs[0]?.arguments ?? planned.arguments, signal }
      const plan = await dryRunSubmit(surroundings, first, this.screen.report)
      if (this.speaks) await this.screen.out((await import('../render/dry-run.ts')).sweepPlanLines(runs))
      await this.showDryRun(plan, { runs })
    })
  }

  /** Behind `last` and `last~1` are sweeps here, whatever was run since. */
  #findSweep(context: RunContext, name: string): RunRecord {
    if (!/^last(~\d+)?$/.test(name)) return this.findRun(context, { flag: undefined, argument: name })
    return context.history.resolve(name, { kind: 'sweep' })
  }

  async #show(context: RunContext, start: (signal: AbortSignal) => AsyncIterable<SweepUpdate>): Promise<void> {
    let parent: RunRecord | undefined
    let ended: RunRecord | undefined
    await this.interruptible(
      async (signal) => {
        using view = openSweepView(context, this.screen, { quiet: this.globals.quiet, onlyErrors: !this.speaks })
        for await (const update of start(signal)) {
          if (update.type === 'created') parent = update.run
          if (update.type === 'ended') ended = update.run
          if (update.type !== 'point') await this.showAside(update)
          await view.show(update)
        }
      },
      async () => this.#sayHowToGoOn(context, parent),
    )
    if (ended === undefined) return
    const { statusWords } = await import('@errand/core/history')
    const { sweepRows, storedSweep } = await import('@errand/core/sweep')
    const { bestLine, bestWarning, readBest, sweepLines, sweepOutput } = await import('../render/sweep.ts')
    const rows = sweepRows(context.history, ended)
    const { best: named } = storedSweep(ended).sweep
    const best = named === undefined ? undefined : readBest(named)
    const output = sweepOutput({ id: ended.id, status: statusWords[ended.state] }, rows, best)
    this.screen.clear()
    if (this.speaks) {
      const width = process.stdout.isTTY ? process.stdout.columns : undefined
      const lines = [...sweepLines(rows, best, width), ...(output.best === null ? [] : ['', bestLine(output)])]
      await this.say(`\n${lines.join('\n')}\n`)
    } else await this.print(output)
    const warning = bestWarning(rows, best)
    if (warning !== undefined) this.screen.notice(warning)
    if (ended.state !== 'completed') throw await this.#failure(context, ended, rows)
  }

  /** How it ended, and what the first runs that failed say: the table has no room for reasons. */
  async #failure(context: RunContext, ended: RunRecord, rows: readonly SweepRow[]): Promise<ErrandError> {
    const { failureLines } = await import('../render/sweep.ts')
    const error = runError(ended)
    const lines = failureLines(rows, (id) => context.history.get(id)?.reason)
    const hint = [error.hint ?? [], ...lines].flat().join('\n')
    return new ErrandError(error.code, error.message, hint === '' ? {} : { hint })
  }

  async #sayHowToGoOn(context: RunContext, parent: RunRecord | undefined): Promise<void> {
    process.exitCode = exitCodes.interrupted
    if (parent === undefined) return
    const { finalStates } = await import('@errand/core/history')
    const going = context.history
      .list({ parent: parent.id })
      .filter(({ state, startedAt }) => startedAt !== undefined && !finalStates.has(state))
    const where = `${parent.id}${this.projectOption}`
    const left = going.length === 0 ? 'No run is going on.' : `${going.length === 1 ? 'One run goes' : `${going.length} runs go`} on.`
    await this.screen.err(`\n${left} To go on with the rest:  errand sweep --resume ${where}\nTo cancel all:  errand cancel ${where}\n`)
  }
}

/** `3-failures`, `1-failure` or `3`. Error: `STOP_AFTER_INVALID`. */
function readStopAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, number] = /^(\d+)(?:-failures?)?$/.exec(text) ?? []
  if (number !== undefined && Number(number) > 0) return Number(number)
  throw new ErrandError('STOP_AFTER_INVALID', `--stop-after ${text} is no number of failures.`, {
    hint: 'Write it as --stop-after 3-failures',
  })
}
