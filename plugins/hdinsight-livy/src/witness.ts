import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOptions } from '@errand/core'
import { type Batch, isEnded } from '@errand/livy'
import { isMarked, noteKnown, saidBy } from './first-words.ts'
import { applicationOf, noteApplication } from './run-batch.ts'
import { endUnstarted } from './run-status.ts'
import type { StoredRun } from './stored-run.ts'

/** Where a batch has a number alone, and YARN can't be asked: sees whose it is while that number can be no other's yet. */
export async function witness(run: StoredRun, batch: Batch, options: CallOptions): Promise<void> {
  try {
    const ended = (await applicationOf(run, options)) === undefined ? await endedWithoutMark(run, batch, options) : undefined
    await (ended === undefined ? noteKnown(run, options) : endUnstarted(run, ended, options))
  } catch {
    // The run is submitted: who follows it meets what is wrong with the cluster.
    options.signal.throwIfAborted()
  }
}

/** Milliseconds. Livy needs longer than that to start, so whoever has a number at the next look had it at the last. */
const lookEvery = 500

/**
 * Looks at a batch that can be told by its words alone, from when Livy has answered with its number until it is known whose it is. A
 * spark-submit that dies before it has read its settings, for want of Java for example, never says that, and only who was there from the
 * beginning, or comes when nobody was, can tell that the end is the run's: then that batch, else undefined.
 */
async function endedWithoutMark(run: StoredRun, { id }: Batch, { signal, report }: CallOptions): Promise<Batch | undefined> {
  for (let told = ''; ; await sleep(lookEvery, undefined, { signal })) {
    const batch = await run.cluster.livy.get(id, { signal })
    if (batch === undefined || (await noteApplication(run, batch, { signal }))) return undefined
    const said = await saidBy(run, id, { signal })
    if (isMarked(run, said) || (await run.exists('claim', { signal }))) return undefined
    if (isEnded(batch)) return batch
    const first = said.find((line) => line.trim() !== '')?.trim() ?? ''
    if (first !== told) report({ message: `spark-submit says: ${(told = first).slice(0, 200)}` })
  }
}
