import { type Batch, isEnded } from '@errand/livy'
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
export const isMarked = (run: StoredRun, said: readonly string[]): boolean => says(said, markOf(run.id))

const says = (said: readonly string[], mark: string): boolean => said.some((line) => line.split(/[\s=,]/).includes(mark))

/** Whether it has named any. */
const isMarkedForAny = (said: readonly string[]): boolean => said.some((line) => line.includes(markOf('')))

const known = 'known'

/** Notes that the run's batch was known by more than its number: from then on the number proves nothing. A folder, which one request makes. */
export async function noteKnown({ cluster: { storage }, folder }: StoredRun, call: Call): Promise<void> {
  await storage.makeDirectory(`${folder}/${known}`, call)
}

/**
 * Where nobody knows the run's application: by what spark-submit has said, unless that is nothing yet, or its beginning may be forgotten. What
 * ended with other words is the run's when nobody has come to see those words since Livy answered with the number: its client was killed then.
 */
export async function mayBeOf(run: StoredRun, batch: Batch, call: Call): Promise<boolean> {
  const said = await saidBy(run, batch.id, call)
  if (said.length === 0 || said.length >= keptLines) return true
  if (!isMarked(run, said)) return hasEndedUnnamed(batch, said) && !(await run.exists(known, call))
  // A storage that takes no more, which is full for example, does not keep anybody from seeing how the run is.
  await noteKnown(run, call).catch(() => call.signal.throwIfAborted())
  return true
}

const hasEndedUnnamed = (batch: Batch, said: readonly string[]): boolean =>
  isEnded(batch) && (batch.appId ?? null) === null && !isMarkedForAny(said)
