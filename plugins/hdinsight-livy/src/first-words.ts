import type { Batch } from '@errand/livy'
import { markOf } from './batch-request.ts'
import type { Call, StoredRun } from './stored-run.ts'

/** Lines that Livy keeps of each stream of spark-submit. */
const keptLines = 200

/** What spark-submit has said in a batch, without Livy's headings. */
export async function saidBy({ cluster: { livy } }: StoredRun, batch: number, call: Call): Promise<readonly string[]> {
  const log = (await livy.log(batch, { from: 0, size: 1000 }, call))?.log ?? []
  return log.filter((line) => !/^\s*(stdout|stderr|YARN Diagnostics): ?$/.test(line))
}

/** Whether spark-submit has named the run. */
export const isMarked = (run: StoredRun, said: readonly string[]): boolean =>
  said.some((line) => line.split(/[\s=,]/).includes(markOf(run.id)))

/** Where nobody knows the run's application: by what spark-submit has said, unless that is nothing yet, or its beginning may be forgotten. */
export async function mayBeOf(run: StoredRun, batch: Batch, call: Call): Promise<boolean> {
  const said = await saidBy(run, batch.id, call)
  return said.length === 0 || said.length >= keptLines || isMarked(run, said)
}
