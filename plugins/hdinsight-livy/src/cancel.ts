import { setTimeout as sleep } from 'node:timers/promises'
import { cancelGrace } from '@errand/agent'
import { lookAt } from './outlook.ts'
import { deleteBatch } from './run-batch.ts'
import type { Call, StoredRun } from './stored-run.ts'

const defaultGrace = 30
/** Seconds beyond the grace for the driver to bring its files and to write its end. */
const patience = 20

/** Seconds between the polite and the hard end, from `ERRAND_CANCEL_GRACE`. */
const grace = (): number => cancelGrace(process.env['ERRAND_CANCEL_GRACE']) ?? defaultGrace

/**
 * Asks the driver's agent to end the script, or, when no driver has taken the run yet, takes it away from all of them. A driver that does
 * not answer in time is ended by Livy. Returns when the cluster runs nothing of it.
 */
export async function cancelRun(run: StoredRun, call: Call): Promise<void> {
  if (await run.exists('final.json', call)) return
  await run.put('cancel', { grace: grace() }, call)
  if (await claimedByUs(run, call)) {
    await deleteBatch(run, call)
  } else {
    const ended = await hasEnded(run, (grace() + patience) * 1000, call)
    if (!ended) await deleteBatch(run, call)
  }
  await gone(run, call)
  await run.put('final.json', { state: 'cancelled', endedAt: new Date().toISOString() }, call)
}

/** Whoever makes the claim has the run: a driver that comes later ends at once. */
async function claimedByUs({ cluster: { storage }, folder }: StoredRun, call: Call): Promise<boolean> {
  try {
    await storage.write(`${folder}/claim`, JSON.stringify({ cancelled: true }), { ...call, overwrite: false })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['EXISTS', 'FORBIDDEN'].includes(String(error.code))) return false
    throw error
  }
}

async function hasEnded(run: StoredRun, limit: number, call: Call): Promise<boolean> {
  for (const until = Date.now() + limit; Date.now() < until; await sleep(400, undefined, { signal: call.signal })) {
    if (await run.exists('final.json', call)) return true
    if ((await lookAt(run, call)).state !== 'alive') return false
  }
  return false
}

async function gone(run: StoredRun, call: Call): Promise<void> {
  while ((await lookAt(run, call)).state === 'alive') await sleep(400, undefined, { signal: call.signal })
}
