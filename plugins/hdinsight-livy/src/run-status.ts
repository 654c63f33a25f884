import { setTimeout as sleep } from 'node:timers/promises'
import { type RunStatus, errorCode, errorMessage } from '@errand/core'
import type { Batch } from '@errand/livy'
import { isOfDriver, isOfNobody, takeClaim } from './claim.ts'
import { type Outlook, endOfBatch, lookAt } from './outlook.ts'
import { type Call, type Claim, type StoredRun, putEnd } from './stored-run.ts'

const lostRun: RunStatus = { state: 'lost', reason: 'The storage of the cluster has no such run.' }

/** The end of a run, once it is written and, for a cancelled one, true: then nothing of it runs any more. */
export async function finalStatus(run: StoredRun, call: Call): Promise<RunStatus | undefined> {
  const final = await run.read<RunStatus>('final.json', call)
  if (final?.state !== 'cancelled') return final
  const outlook = await lookAt(run, call)
  return outlook.state === 'alive' ? undefined : final
}

/** What is known of a run that has no end yet, without asking Livy. */
export async function writtenStatus(run: StoredRun, call: Call): Promise<RunStatus | undefined> {
  return run.read<RunStatus>('started.json', call)
}

/** The status of a run by all that can be asked. One whose driver ended without a word is given its end here. */
export async function currentStatus(run: StoredRun, call: Call): Promise<RunStatus> {
  const final = await finalStatus(run, call)
  if (final !== undefined) return final
  const request = await run.cluster.storage.status(`${run.folder}/request.json`, call)
  if (request === undefined) return lostRun
  const started = await writtenStatus(run, call)
  const outlook = await lookAt(run, call)
  const waiting = (detail: string): RunStatus => started ?? { state: 'queued', queuedAt: new Date(request.modified).toISOString(), detail }
  if (outlook.state === 'alive') return waiting(outlook.detail)
  // Between a look at the storage and one at Livy a driver may have written its end.
  return (await finalStatus(run, call)) ?? (await settled(run, { started, outlook, waiting }, call))
}

/** Gives its end to a run whose batch was seen to end before anything of the run began. */
export async function endUnstarted(run: StoredRun, batch: Batch, call: Call): Promise<void> {
  const outlook = await endOfBatch(run, batch, { claimed: false }, call)
  await settled(run, { started: undefined, outlook, waiting: (detail) => ({ state: 'queued', detail }) }, call)
}

interface Known {
  readonly started: RunStatus | undefined
  readonly outlook: Exclude<Outlook, { readonly state: 'alive' }>
  /** The status of one that is not over after all. */
  waiting(detail: string): RunStatus
}

/** Object stores tell of a new file a moment late. */
const lateness = 1500

async function settled(run: StoredRun, known: Known, call: Call): Promise<RunStatus> {
  await sleep(lateness, undefined, { signal: call.signal })
  const late = await finalStatus(run, call)
  if (late !== undefined) return late
  const end = await endOf(run, known, call)
  if (!isFinal(end)) return end
  const times = {
    ...(known.started?.startedAt === undefined ? {} : { startedAt: known.started.startedAt }),
    endedAt: new Date().toISOString(),
  }
  const final = { ...times, ...end }
  try {
    if (await putEnd(run, final, call)) return final
  } catch (error) {
    if (errorCode(error) !== 'NO_SPACE') throw error
    // The driver could not write its end either. Whoever looks next finds the same.
    return 'reason' in final ? { ...final, reason: `The storage of the cluster is full: ${errorMessage(error)}` } : final
  }
  return (await run.read<RunStatus>('final.json', call)) ?? final
}

const isFinal = ({ state }: RunStatus): boolean => state === 'failed' || state === 'cancelled'

async function endOf(run: StoredRun, { started, outlook, waiting }: Known, call: Call): Promise<RunStatus> {
  if (await run.exists('cancel', call)) return { state: 'cancelled' }
  const claimed = started !== undefined || outlook.claimed
  // Livy and YARN were asked before it came.
  if (!claimed && isOfDriver(await run.read<Claim>('claim', call))) return waiting('its driver has just come')
  if (!claimed && outlook.state === 'unknown') {
    if (await isYoung(run, call)) return { state: 'lost', reason: 'The run was not submitted to Livy, or Livy has forgotten it.' }
    // Nobody has seen it end: YARN may have it still in a queue.
    if (!outlook.asked) return waiting(`it has not started yet. ${outlook.words}`)
  }
  // What is told of may be another's, or told too early: no driver may come after an end.
  if (!claimed && !(await takeClaim(run, call)) && !(await isOfNobody(run, call))) return waiting('its driver has just come')
  if (outlook.state === 'unknown')
    return { state: 'failed', cause: 'machine', reason: `The driver of the run is gone without a word. ${outlook.words}` }
  const words = outlook.words.slice(0, 2000)
  if (outlook.killed) return { state: 'failed', cause: 'preempted', reason: `The cluster ended the application of the run: ${words}` }
  if (/beyond (the )?'?(physical|virtual)'? memory limit|exit(ed with)? ?(code|status)?:? ?137/i.test(words))
    return { state: 'failed', cause: 'out-of-memory', reason: `The cluster ended the driver for want of memory: ${words}` }
  if (storageGone.test(outlook.words)) return { state: 'failed', cause: 'machine', reason: lostEnd }
  if (!claimed) return { state: 'failed', cause: 'start', reason: `The cluster did not start the run: ${words}` }
  return { state: 'failed', cause: 'machine', reason: `The driver of the run ended without a word: ${words}` }
}

/** `STORAGE_GONE` of the driver's agent, in the words of Spark. */
const storageGone = /User application exited with (status )?75\b/

const lostEnd =
  'The storage of the cluster gave the driver no answer for as long as it waits when no script runs: how far the run came, and what it ' +
  'wrote at last, is lost.'

/** A submit of another process may still be on its way. */
async function isYoung(run: StoredRun, call: Call): Promise<boolean> {
  return !(await run.exists('batch.json', call))
}
