import { Flags } from '../../oclif-core.ts'
import type { DamagedRun, History, ListedRun, RunFilter, RunSummary } from '@errand/core/history'
import { RunCommand } from '../../run-command.ts'
import { refuseUnknownColumns } from '../../unknown-columns.ts'

export default class HistoryList extends RunCommand {
  static override summary = 'Lists the runs of the project, newest first.'
  static override description = `Shows what is known here and asks no place: a run that goes on may have ended since. --refresh asks, errand status asks for one.
A table has the metrics that fit; -o json has all of them. Of a metric that was logged several times the last value is compared and sorted by.`
  static override examples = [
    '<%= config.bin %> history list',
    {
      description: 'The best three of the last week',
      command: "<%= config.bin %> history list --since 7d --metric 'Accuracy>0.9' --sort Accuracy --limit 3",
    },
    {
      description: 'What was run with which arguments, at which commit',
      command: '<%= config.bin %> history list --columns run_id,arguments,commit,dirty,Accuracy',
    },
    {
      description: 'The best accuracy',
      command: '<%= config.bin %> history list --query "[?Accuracy != null] | max_by(@, &Accuracy).Accuracy"',
    },
  ]
  static override aliases = ['runs']
  static override flags = {
    status: Flags.string({
      char: 's',
      summary: 'Only runs of this status: completed, canceled, failed, running or notstarted. May be given several times, as all of these.',
      helpValue: 'STATUS',
      multiple: true,
      multipleNonGreedy: true,
    }),
    run: Flags.string({ char: 'r', summary: 'Only this run.', helpValue: 'RUN', multiple: true, multipleNonGreedy: true }),
    parent: Flags.string({ summary: 'Only runs of this sweep.', helpValue: 'RUN' }),
    target: Flags.string({ char: 't', summary: 'Only runs at this target.', helpValue: 'TARGET', multiple: true, multipleNonGreedy: true }),
    script: Flags.string({ summary: 'Only runs of this script.', helpValue: 'SCRIPT', multiple: true, multipleNonGreedy: true }),
    tag: Flags.string({ summary: 'Only runs with this tag.', helpValue: 'NAME[=VALUE]', multiple: true, multipleNonGreedy: true }),
    metric: Flags.string({
      summary: "Only runs whose metric is so: 'Accuracy>0.9'. All conditions have to hold.",
      helpValue: 'CONDITION',
      multiple: true,
      multipleNonGreedy: true,
    }),
    since: Flags.string({ summary: 'Only runs made since then: 12h, 7d, yesterday, 2026-03-01, …', helpValue: 'TIME' }),
    limit: Flags.integer({ char: 'n', summary: 'Only the first N; without --sort these are the newest.', helpValue: 'N', min: 1 }),
    sort: Flags.string({ summary: 'Sort by this metric or column, largest first; runs without it are last.', helpValue: 'NAME' }),
    order: Flags.option({
      summary: 'desc (largest first) or asc.',
      helpValue: 'ORDER',
      options: ['asc', 'desc'] as const,
      default: 'desc' as const,
    })(),
    columns: Flags.string({
      summary: 'Show these columns: metrics, tags.NAME, run_id, status, arguments, commit, branch, dirty, note, …',
      helpValue: 'NAME,…',
      multiple: true,
      multipleNonGreedy: true,
    }),
    refresh: Flags.boolean({ summary: 'Ask the places of runs that have not ended.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(HistoryList)
    if (flags.refresh) await this.#refresh()
    const { chooseRuns, listRowText, metricCondition, openHistoryIfPresent, sinceTime, statesNamed } = await import('@errand/core/history')
    const conditions = (flags.metric ?? []).map(metricCondition)
    using history = openHistoryIfPresent(this.projectDirectory)
    if (history === undefined) await this.#checkProject()
    const works = conditions.length > 0 || flags.sort !== undefined
    const filter: RunFilter = {
      ...(flags.status === undefined ? {} : { states: flags.status.flatMap(statesNamed) }),
      ...(flags.run === undefined ? {} : { ids: flags.run.map((name) => history?.resolve(name).id ?? name) }),
      ...(flags.parent === undefined ? {} : { parent: history?.resolve(flags.parent, { kind: 'sweep' }).id ?? flags.parent }),
      ...(flags.target === undefined ? {} : { targets: flags.target }),
      ...(flags.script === undefined ? {} : { scripts: flags.script }),
      ...(flags.tag === undefined ? {} : { tags: flags.tag.map(tagCondition) }),
      ...(flags.since === undefined ? {} : { since: sinceTime(flags.since) }),
      ...(flags.limit === undefined || works ? {} : { limit: flags.limit }),
    }
    if (history !== undefined) await this.#warnOfNoRuns(history, flags)
    const now = new Date()
    const columns = flags.columns?.flatMap((names) => names.split(',')).filter((name) => name !== '')
    const read = this.#reader(history)
    if (!works && columns === undefined) {
      if (this.globals.query !== undefined) return await this.print(rowsOf(read.lines(filter, now)), { plain: true })
      if (this.format === 'json') return await this.#showLines(read.lines(filter, now))
    }
    const names = [...conditions.map(({ name }) => name), ...(flags.sort === undefined ? [] : [flags.sort]), ...(columns ?? [])]
    const { sort, order, limit } = flags
    const { chosen: listed, unknown, last } = chooseRuns(read.pages(filter), { conditions, sort, order, limit, names }, now)
    const lost = columns?.filter((name) => unknown.includes(name)) ?? []
    if (history !== undefined && lost.length > 0) await refuseUnknownColumns(history, lost, now)
    if (last.length > 0) await this.#warnOfUnknown(unknown, last)
    if (this.format === 'json' && this.globals.query === undefined && columns === undefined)
      return await this.#showLines([listed.map(({ run }) => listRowText(run, now))])
    const filtered = works || Object.keys(filter).length > 0
    const empty = filtered ? 'No run is like that.' : 'Nothing was run yet. Run a script: errand submit -c local SCRIPT'
    await this.#show(listed, columns, empty)
  }

  /** A JSON array with one run on each line: thousands of runs are not worth taking apart only to indent them. */
  async #showLines(pages: Iterable<readonly string[]>): Promise<void> {
    // As bytes, which are not moved about in memory. They are written when all is read: half an array would be no JSON.
    const texts: Buffer[] = []
    for (const page of pages) if (page.length > 0) texts.push(Buffer.from(`${texts.length === 0 ? '[' : ','}\n  ${page.join(',\n  ')}`))
    if (texts.length === 0) await this.screen.out('[]')
    for (const text of texts) await this.screen.out(text)
    await this.screen.out(texts.length === 0 ? '\n' : '\n]\n')
  }

  async #show(listed: readonly ListedRun[], columns: readonly string[] | undefined, empty: string): Promise<void> {
    const { fieldOf } = await import('@errand/core/history')
    const rows = listed.map((run) =>
      columns === undefined ? run.row : Object.fromEntries(columns.map((name) => [name, fieldOf(run, name) ?? null])),
    )
    if (this.globals.query !== undefined || this.format === 'json') {
      await this.print(rows, { plain: true })
      return
    }
    const { historyTable } = await import('../../render/history-table.ts')
    const width = process.stdout.isTTY ? process.stdout.columns : undefined
    await this.print(rows, { ...historyTable(listed, columns, width), empty })
  }

  /** Reads in pages, and says behind the last one which records can't be read. */
  #reader(history: History | undefined) {
    const damaged: DamagedRun[] = []
    const onDamaged = (run: DamagedRun) => damaged.push(run)
    const warn = () => this.#warnOfDamage(damaged)
    return {
      *pages(filter: RunFilter): Generator<readonly RunSummary[]> {
        if (history !== undefined) yield* history.pages(filter, onDamaged)
        warn()
      },
      *lines(filter: RunFilter, now: Date): Generator<readonly string[]> {
        if (history !== undefined) yield* history.lines(filter, onDamaged, now)
        warn()
      },
    }
  }

  #warnOfDamage(damaged: readonly DamagedRun[]): void {
    for (const { id, number, reason } of damaged.slice(0, 10)) {
      this.screen.notice(
        `WARNING: The record of the run ${id ?? `number ${number}`} can't be read (${reason.replace(/\.$/, '')}). It was left as it is.`,
      )
    }
    if (damaged.length > 10) this.screen.notice(`WARNING: ${damaged.length - 10} more records can't be read.`)
  }

  /** Names the nearest of what some of the runs have. */
  async #warnOfUnknown(unknown: readonly string[], listed: readonly ListedRun[]): Promise<void> {
    if (unknown.length === 0) return
    const { fieldNames, metricNames } = await import('@errand/core/history')
    const { didYouMean } = await import('@errand/core/project')
    const known = [...metricNames(listed), ...fieldNames]
    for (const name of unknown) {
      const near = didYouMean(name, known)
      this.screen.notice(`WARNING: None of these runs has ${name}${near === undefined ? '' : ` (${near})`}.`)
    }
  }

  /** A target or a script of which there is no run is mostly a typing mistake. */
  async #warnOfNoRuns(
    history: History,
    { target = [], script = [] }: { readonly target?: string[] | undefined; readonly script?: string[] | undefined },
  ): Promise<void> {
    const missing = [
      ...target.filter((name) => history.list({ targets: [name], limit: 1 }).length === 0).map((name) => ({ name, of: 'target' as const })),
      ...script.filter((name) => history.list({ scripts: [name], limit: 1 }).length === 0).map((name) => ({ name, of: 'script' as const })),
    ]
    if (missing.length === 0) return
    const { didYouMean } = await import('@errand/core/project')
    const runs = history.list({}, () => undefined)
    const known = { target: runs.map((run) => run.target.name), script: runs.flatMap((run) => run.script ?? []) }
    for (const { name, of } of missing) {
      const near = didYouMean(name, [...new Set(known[of])])
      this.screen.notice(`WARNING: No run has the ${of} ${name}${near === undefined ? '' : ` (${near})`}.`)
    }
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
      for (const { id } of context.history.list({}, () => undefined)) {
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

/** One parse a page: rows of the same keys are made together. */
function rowsOf(pages: Iterable<readonly string[]>): readonly unknown[] {
  const rows: unknown[] = []
  for (const page of pages) rows.push(...(JSON.parse(`[${page.join(',')}]`) as unknown[]))
  return rows
}

function tagCondition(text: string): { name: string; value?: string } {
  const at = text.indexOf('=')
  return at === -1 ? { name: text } : { name: text.slice(0, at), value: text.slice(at + 1) }
}
