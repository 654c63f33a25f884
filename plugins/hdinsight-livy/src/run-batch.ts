import { setTimeout as sleep } from 'node:timers/promises'
import { ErrandError, errorCode } from '@errand/core'
import { type Batch, isEnded } from '@errand/livy'
import { tagOf } from './batch-request.ts'
import { isOfDriver } from './claim.ts'
import { mayBeOf } from './first-words.ts'
import type { Call, Claim, StoredRun } from './stored-run.ts'

/** What was written down of the batch once Livy had answered. */
export interface StoredBatch {
  readonly id: number
}

/** What Livy has said of the batch's application, for when it counts from 0 again and another batch has the number. */
interface StoredApplication {
  readonly id: string
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
  const found = batch?.appId ?? null
  if (batch !== undefined && (application === undefined ? await mayBeOf(run, batch, call) : found === application)) {
    if (application === undefined) await noteApplication(run, batch, call).catch(() => call.signal.throwIfAborted())
    return batch
  }
  return typeof application === 'string' ? batchOfApplication(await batches(run, call), application) : undefined
}

/** False when the run's batch has no application yet. */
export async function noteApplication(run: StoredRun, { appId }: Batch, call: Call): Promise<boolean> {
  if (appId === undefined || appId === null) return false
  await run.put('application.json', { id: appId } satisfies StoredApplication, call)
  return true
}

const batchOfApplication = (list: readonly Batch[], application: string): Batch | undefined =>
  list.find(({ appId }) => appId === application)

/** All that Livy remembers. */
async function batches({ cluster: { livy } }: StoredRun, call: Call): Promise<readonly Batch[]> {
  const size = 100
  const all: Batch[] = []
  for (let from = 0; ; from += size) {
    const { sessions, total } = await livy.list({ from, size }, call)
    all.push(...sessions)
    if (sessions.length === 0 || from + size >= total) return all
  }
}

/**
 * The application that runs the script: by its driver's claim, else by the run's tag where YARN can be asked, else as it was noted. Null: YARN
 * has none, so a batch that has an application is another's; undefined: nobody can say.
 */
export async function applicationOf(run: StoredRun, call: Call): Promise<string | null | undefined> {
  const claim = await run.read<Claim>('claim', call)
  const told = isOfDriver(claim) ? applicationIdOf(claim) : await toldByYarn(run, call)
  return told === undefined ? (await run.read<StoredApplication>('application.json', call))?.id : told
}

async function toldByYarn(run: StoredRun, call: Call): Promise<string | null | undefined> {
  try {
    const applications = await run.cluster.yarn(undefined)?.applicationsWithTag(tagOf(run.id), call)
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

/** Milliseconds within which a batch that was asked for shows in Livy, and one that runs gets its application there. */
const patience = 45_000
/** Milliseconds that a batch without an application, which may be another's, is waited for. */
const longestStart = 600_000

/**
 * Where Livy knows no names and its answer was lost: the batch whose application is the run's. Undefined when there is no sign of the run, and
 * no batch that may still become it. Error `BATCH_NOT_FOUND`: the run has started, and no batch of Livy can be told to be its own.
 */
export async function findBatch(run: StoredRun, call: Call): Promise<Batch | undefined> {
  const asked = Date.now()
  for (let started: number | undefined; ; await sleep(1000, undefined, { signal: call.signal })) {
    const [application, claim] = [await applicationOf(run, call), await run.read<Claim>('claim', call)]
    const list = await batches(run, call)
    const batch = typeof application === 'string' ? batchOfApplication(list, application) : undefined
    if (batch !== undefined) return batch
    if (typeof application === 'string' || claim !== undefined) started ??= Date.now()
    const waited = Date.now() - (started ?? asked)
    if (started !== undefined) {
      // Where there is no YARN a batch has no application to tell it by.
      if (waited > patience || typeof application !== 'string')
        throw new ErrandError('BATCH_NOT_FOUND', `The run ${run.id} has started, and Livy tells of no batch that is its own.`)
    } else if (waited > (list.some(mayStart) ? longestStart : patience)) return undefined
  }
}

const mayStart = (batch: Batch): boolean => (batch.appId ?? null) === null && !isEnded(batch)
