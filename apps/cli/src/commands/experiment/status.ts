import type { RunRecord } from '@errand/core/history'
import { formatBytes } from '@errand/core'
import { RunCommand, runArgument, runFlag, targetFlag } from '../../run-command.ts'

export default class Status extends RunCommand {
  static override summary = 'Asks the place of a run how it is.'
  static override aliases = ['status']
  static override hiddenAliases = ['execute:status']
  static override examples = [
    '<%= config.bin %> status last',
    '<%= config.bin %> experiment status --run churn_1521077190506 --target docker',
  ]
  static override args = { ...runArgument }
  static override flags = { ...runFlag, ...targetFlag }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Status)
    await using context = await this.openContext()
    const chosen = this.findRun(context, { flag: flags.run, argument: args.run, target: flags.target })
    const { refresh } = await import('@errand/core/run')
    const { recordFor } = await import('@errand/core/history')
    await this.interruptible(async (signal) => {
      this.screen.report({ message: `asking ${chosen.target.name}` })
      let failure: unknown
      const run = await refresh(context, chosen.id, { signal }).catch((error: unknown) => {
        if (signal.aborted) throw error
        failure = error
        return context.history.get(chosen.id) ?? chosen
      })
      this.screen.clear()
      const asText = this.globals.output === undefined && this.globals.query === undefined
      const facts = factsOf(run, recordFor(context.history, run), asText ? inWords : asNumbers)
      // Batch files take the third word of the line with `state : `, so that this is text also in a pipe.
      const lines = Object.entries(facts).map(([name, value]) => `${name} : ${String(value).replaceAll(/\s+/g, ' ')}\n`)
      await (asText ? this.screen.out(lines.join('')) : this.print(facts))
      if (failure === undefined) return
      const age = run.statusAt === undefined ? '' : `, as of ${run.statusAt}`
      this.screen.notice(`WARNING: ${run.target.name} could not be asked. This is what is known${age}.`)
      throw failure
    })
  }
}

/** How amounts are given: to be read, or in bytes and seconds to be counted with. */
interface Amounts {
  readonly memory: (bytes: number) => string | number
  readonly time: (seconds: number) => string | number
}

const inWords: Amounts = { memory: formatBytes, time: (seconds) => `${seconds.toFixed(2)} s` }
const asNumbers: Amounts = { memory: (bytes) => bytes, time: (seconds) => seconds }

/** What there is to say, in the order in which a reader wants it; what is not known is not there. */
function factsOf(run: RunRecord, record: Readonly<Record<string, unknown>>, amounts: Amounts): Readonly<Record<string, unknown>> {
  const { status } = run
  const facts: Readonly<Record<string, unknown>> = {
    state: record['status'],
    reason: run.reason ?? (status !== undefined && 'reason' in status ? status.reason : undefined),
    detail: status !== undefined && 'detail' in status ? status.detail : undefined,
    exit_code: record['exit_code'] ?? undefined,
    signal: status !== undefined && 'signal' in status ? status.signal : undefined,
    run_id: run.id,
    script_name: run.script,
    target: run.target.name,
    place: run.reference?.externalId,
    created_utc: run.createdAt,
    start_time_utc: run.startedAt,
    end_time_utc: run.endedAt,
    duration: run.startedAt === undefined ? undefined : record['duration'],
    peak_memory: status?.peakMemory === undefined ? undefined : amounts.memory(status.peakMemory),
    processor_time: status?.processorTime === undefined ? undefined : amounts.time(status.processorTime),
    asked_utc: run.statusAt,
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}
