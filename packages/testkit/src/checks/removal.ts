import assert from 'node:assert/strict'
import type { Leftover, RunReference } from '@errand/core'
import { finalStatus, readEvents } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'
import { collectAll } from './place.ts'

/** After the end: what is kept until it is removed, and what a place says of a run that it does not know. */
export function removalChecks(): Check[] {
  return [
    {
      name: 'a run is among the leftovers until it is removed, and twice removed is removed',
      async body(trial) {
        const request = await trial.request({ 'main.py': "print('done')\n" })
        const reference = await trial.submit(request)
        assert.equal(finalStatus(await trial.events(reference)).state, 'completed')
        assert.equal((await leftoversOf(trial, request.runId)).length, 1)
        await trial.onRun(reference, (handle, options) => handle.remove(options))
        await trial.onRun(reference, (handle, options) => handle.remove(options))
        assert.deepEqual(await leftoversOf(trial, request.runId), [])
      },
    },
    {
      name: 'a leftover run can be removed by its id',
      async body(trial) {
        const request = await trial.request({ 'main.py': "print('done')\n" })
        const reference = await trial.submit(request)
        assert.equal(finalStatus(await trial.events(reference)).state, 'completed')
        for (const { id } of await leftoversOf(trial, request.runId))
          await trial.step((target, options) => target.removeLeftover(id, options))
        assert.equal((await trial.onRun(reference, (handle, options) => handle.status(options))).state, 'lost')
        assert.deepEqual(await leftoversOf(trial, request.runId), [])
      },
    },
    {
      name: 'a run that the place does not know is lost, which is not failed',
      async body(trial) {
        const reference = await trial.start({ 'main.py': "print('done')\n" })
        assert.equal(finalStatus(await trial.events(reference)).state, 'completed')
        await trial.onRun(reference, (handle, options) => handle.remove(options))
        await assertLost(trial, reference)
        if (trial.subject.unknownReference !== undefined) await assertLost(trial, trial.subject.unknownReference)
      },
    },
  ]
}

async function assertLost(trial: Trial, reference: RunReference): Promise<void> {
  const status = await trial.onRun(reference, (handle, options) => handle.status(options))
  assert.equal(status.state, 'lost', JSON.stringify(status))
  assert.ok('reason' in status && status.reason.length > 0, 'it has a reason')
  const events = await trial.onRun(reference, (handle, options) => readEvents(handle, options))
  assert.equal(finalStatus(events).state, 'lost')
}

async function leftoversOf(trial: Trial, runId: string): Promise<Leftover[]> {
  const all = await trial.step((target, options) => collectAll<Leftover>(target.leftovers(options)))
  return all.filter((leftover) => leftover.runId === runId)
}
