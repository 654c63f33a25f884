import type { CallOptions, RunReference, Target } from '@errand/core'
import { isFinal, readEvents } from './run-events.ts'
import type { Trial } from './trial.ts'

/** Ends and removes what a check has made, all at once: a check may have made many. */
export async function removeRuns(trial: Trial, references: ReadonlyMap<string, RunReference>): Promise<void> {
  if (references.size === 0) return
  await using target = await trial.open()
  const removed = await Promise.allSettled([...references.values()].map((reference) => removeRun(target, reference, trial.options)))
  for (const one of removed) if (one.status === 'rejected') throw one.reason
}

async function removeRun(target: Target, reference: RunReference, options: CallOptions): Promise<void> {
  await using handle = await target.attach(reference, options)
  if (!isFinal(await handle.status(options))) {
    await handle.cancel(options)
    await readEvents(handle, options)
  }
  await handle.remove(options)
}
