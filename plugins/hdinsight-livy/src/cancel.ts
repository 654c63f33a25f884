import { setTimeout as sleep } from 'node:timers/promises'
import { cancelGrace } from '@errand/agent'
import type { Progress } from '@errand/core'
import { takeClaim } from './claim.ts'
import { lookAt } from './outlook.ts'
import { deleteBatch } from './run-batch.ts'
import { type Call, type StoredRun, putEnd } from './stored-run.ts'

/** Seconds beyond the grace for the driver to bring its files and to write its end. */
const patience = 20

/** A call that can say what it waits for. */
export interface CancelCall extends Call {
  tell?(message: string, amount?: Omit<Progress, 'message'>): void
}

/**
 * Asks the driver's agent to end the script, or, when no driver has taken the run yet, takes it away from all of them. A driver that does
 * not answer in time is ended by Livy. Returns when the cluster runs nothing of it.
 */
export async function cancelRun(run: StoredRun, call: CancelCall): Promise<void> {
  // One that was removed has ended: what is written for it would make its folder anew.
  if ((await run.exists('final.json', call)) || !(await run.exists('request.json', call))) return
  await run.put('cancel', { grace: cancelGrace() }, call)
  if (await takeClaim(run, call)) {
    call.tell?.('no driver has begun: Livy is asked to end what it has started')
    await deleteBatch(run, call)
  } else {
    call.tell?.('the driver is asked to end the script')
    if (!(await hasEnded(run, (cancelGrace() + patience) * 1000, call))) {
      call.tell?.('the driver has not ended the script: Livy is asked to end it')
      await deleteBatch(run, call)
    }
  }
  await gone(run, call)
  await putEnd(run, { state: 'cancelled', endedAt: new Date().toISOString() }, call)
}

async function hasEnded(run: StoredRun, limit: number, call: Call): Promise<boolean> {
  for (const until = Date.now() + limit; Date.now() < until; await sleep(400, undefined, { signal: call.signal })) {
    if (await run.exists('final.json', call)) return true
    if ((await lookAt(run, call)).state !== 'alive') return false
  }
  return false
}

async function gone(run: StoredRun, call: CancelCall): Promise<void> {
  for (let told = ''; ; await sleep(400, undefined, { signal: call.signal })) {
    const outlook = await lookAt(run, call)
    if (outlook.state !== 'alive') return
    if (outlook.detail !== told) call.tell?.(`waiting until nothing of the run is left alive: ${(told = outlook.detail)}`)
  }
}
