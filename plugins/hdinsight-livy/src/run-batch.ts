import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '@errand/core'
import type { Batch } from '@errand/livy'
import { tagOf } from './batch-request.ts'
import type { Call, Claim, StoredRun } from './stored-run.ts'

/** What was written down of the batch once Livy had answered. */
export interface StoredBatch {
  readonly id: number
}

/**
 * Livy's batch of a run: by its name, or, where Livy knows none (before 0.6), by the number that it answered with. Numbers begin anew when
 * Livy does, and a second batch may have been made when an answer was lost: the driver's claim decides whose number it is.
 */
export async function batchOf(run: StoredRun, call: Call): Promise<Batch | undefined> {
  return byName(
    () => run.cluster.livy.get(run.id, call),
    () => batchByNumber(run, call),
  )
}

/** Has Livy end the run's application, when it runs, and forget it. */
export async function deleteBatch(run: StoredRun, call: Call): Promise<void> {
  const { livy } = run.cluster
  await byName(
    () => livy.delete(run.id, call),
    async () => {
      const batch = await batchByNumber(run, call)
      return batch !== undefined && livy.delete(batch.id, call)
    },
  )
}

async function byName<Value>(named: () => Promise<Value>, numbered: () => Promise<Value>): Promise<Value> {
  try {
    return await named()
  } catch (error) {
    if (errorCode(error) === 'NAMES_UNKNOWN') return numbered()
    throw error
  }
}

async function batchByNumber(run: StoredRun, call: Call): Promise<Batch | undefined> {
  const [stored, application] = await Promise.all([run.read<StoredBatch>('batch.json', call), applicationOf(run, call)])
  const batch = stored && (await run.cluster.livy.get(stored.id, call))
  if (batch !== undefined && (application === undefined || (batch.appId ?? application) === application)) return batch
  return typeof application !== 'string' ? undefined : batchOfApplication(run, application, call)
}

async function batchOfApplication({ cluster: { livy } }: StoredRun, application: string, call: Call): Promise<Batch | undefined> {
  const size = 100
  for (let from = 0; ; from += size) {
    const { sessions, total } = await livy.list({ from, size }, call)
    const found = sessions.find(({ appId }) => appId === application)
    if (found !== undefined || sessions.length === 0 || from + size >= total) return found
  }
}

/**
 * The application that runs the script: by its driver's claim, else by the run's tag where YARN can be asked. Null: YARN has none, so a batch
 * that has an application is another's; undefined: nobody can say.
 */
async function applicationOf(run: StoredRun, call: Call): Promise<string | null | undefined> {
  const claim = await run.read<Claim>('claim', call)
  if (claim?.container !== undefined) return applicationIdOf(claim)
  try {
    const applications = await run.cluster.yarn(claim?.manager ?? undefined)?.applicationsWithTag(tagOf(run.id), call)
    return applications && (applications[0]?.id ?? null)
  } catch {
    call.signal.throwIfAborted()
    return undefined
  }
}

/** `container_e01_1700000000000_0001_01_000001` belongs to `application_1700000000000_0001`. */
export function applicationIdOf(claim: Claim | undefined): string | undefined {
  const [, cluster, number] = /^container_(?:e\d+_)?(\d+)_(\d+)_/.exec(claim?.container ?? '') ?? []
  return cluster === undefined ? undefined : `application_${cluster}_${number}`
}

/** Milliseconds within which the application of a batch shows in YARN, or its driver claims the run. */
const patience = 45_000

/** Where Livy knows no names and its answer was lost: waits for signs of the batch in YARN and in the storage. */
export async function findNumber(run: StoredRun, call: Call): Promise<number | undefined> {
  for (const until = Date.now() + patience; ;) {
    const application = await applicationOf(run, call)
    const batch = typeof application !== 'string' ? undefined : await batchOfApplication(run, application, call)
    if (batch !== undefined || Date.now() > until) return batch?.id
    await sleep(1000, undefined, { signal: call.signal })
  }
}
