import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { CallOptions, RunHandle, Target } from '@errand/core'
import { bytesOf, finalStatus, hasPrinted, readEvents } from '../run-events.ts'
import type { Abilities } from '../suite.ts'
import type { Check, Trial } from '../trial.ts'
import { freesWhatItHeld } from './given-up.ts'
import { collectAll } from './place.ts'

const waitingScript = "import sys, time\nprint('ready')\nsys.stdout.flush()\ntime.sleep(600)\n"

const namedScript = `
import os, sys
for number in range(200):
    print('%s %d' % (sys.argv[1], number))
with open(os.path.join('outputs', 'name.txt'), 'w') as file:
    file.write(sys.argv[1])
`

const manyRuns = 20
/** On a machine that is busy with them, beyond the suite's patience. */
const secondsForEach = 20
/** For some thirty calls one after another, beyond the suite's patience. */
const secondsForCalls = 120

/** Calls overlap, and each can be given up alone. */
export function callChecks({ runsAtOnce: count = manyRuns }: Abilities): Check[] {
  return [
    {
      name: 'an aborted call rejects and leaves the target and the run as they are',
      async body(trial) {
        const reference = await trial.start({ 'main.py': waitingScript })
        await trial.events(reference, hasPrinted('ready\n'))
        await trial.onRun(reference, async (handle, options) => {
          await assert.rejects(abortedReading(handle, options), 'waiting for events ends with the signal')
          assert.equal((await handle.status(options)).state, 'running')
          const again = await readEvents(handle, options, hasPrinted('ready\n'))
          assert.equal(bytesOf(again, 'stdout').toString(), 'ready\n')
        })
      },
    },
    { name: 'a call with an aborted signal does nothing', body: abortedCallsDoNothing },
    {
      name: 'a call that is aborted takes no other with it',
      async body(trial) {
        await using target = await trial.open()
        const given = new AbortController()
        const first = assert.rejects(target.find('no-such-run', { ...trial.options, signal: given.signal }))
        const second = target.find('no-such-run', trial.options)
        given.abort(new Error('given up'))
        await first
        assert.equal(await second, undefined)
      },
    },
    { name: 'calls that are given up on their way free what they held', extraTime: () => secondsForCalls, body: freesWhatItHeld },
    {
      name: `${count} runs at once are ${count} runs`,
      extraTime: () => count * secondsForEach,
      body: (trial) => manyAtOnce(trial, count),
    },
  ]
}

/** Reads until nothing is left to come, then gives up. */
async function abortedReading(handle: RunHandle, options: CallOptions): Promise<void> {
  const given = new AbortController()
  const whole = hasPrinted('ready\n')
  for await (const event of handle.events({ ...options, signal: given.signal })) {
    if (whole(event)) setImmediate(() => given.abort(new Error('given up')))
  }
}

async function abortedCallsDoNothing(trial: Trial): Promise<void> {
  const request = await trial.request({ 'main.py': waitingScript })
  const reference = await trial.submit(request)
  const prepared = await trial.prepare()
  const other = { ...request, runId: `${request.runId}-other` }
  await trial.step(async (target, options) => {
    await using handle = await target.attach(reference, options)
    const aborted: CallOptions = { ...options, signal: AbortSignal.abort(new Error('given up')) }
    const calls: Readonly<Record<string, () => Promise<unknown>>> = {
      check: () => collectAll(target.check(aborted)),
      plan: () => target.plan(request, aborted),
      prepare: () => target.prepare(request, { ...aborted, build: true }),
      submit: () => target.submit(other, prepared, aborted),
      find: () => target.find(request.runId, aborted),
      leftovers: () => collectAll(target.leftovers(aborted)),
      status: () => handle.status(aborted),
      events: () => readEvents(handle, aborted),
      cancel: () => handle.cancel(aborted),
      collect: () => handle.collect(trial.directory, { ...aborted, include: ['outputs/**'] }),
      remove: () => handle.remove(aborted),
    }
    for (const [name, call] of Object.entries(calls)) await assert.rejects(call, `${name} rejects`)
    assert.equal(await target.find(other.runId, options), undefined, 'nothing was submitted')
    assert.ok(['queued', 'running'].includes((await handle.status(options)).state), 'the run was neither cancelled nor removed')
  })
}

async function manyAtOnce(trial: Trial, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, number) => `run-${number}`)
  const prepared = await trial.prepare()
  const requests = await Promise.all(names.map((name) => trial.request({ 'main.py': namedScript }, { arguments: [name] })))
  const references = await trial.step(async (target, options) => {
    const submits = requests.map(async (request) => {
      const reference = await target.submit(request, prepared, options)
      trial.remember(reference)
      return reference
    })
    return Promise.all(submits)
  })
  assert.equal(new Set(references.map((reference) => JSON.stringify(reference))).size, names.length)
  const outputs = await trial.step((target) => Promise.all(references.map(async (reference) => outputOf(target, reference, trial))))
  assert.deepEqual(
    outputs,
    names.map((name) => Array.from({ length: 200 }, (_, number) => `${name} ${number}\n`).join('')),
  )
  for (const [index, reference] of references.entries()) {
    const { directory } = await trial.collect(reference)
    assert.equal(await readFile(`${directory}/outputs/name.txt`, 'utf8'), names[index])
  }
}

async function outputOf(target: Target, reference: Parameters<Target['attach']>[0], { options }: Trial): Promise<string> {
  await using handle = await target.attach(reference, options)
  const events = await readEvents(handle, options)
  assert.equal(finalStatus(events).state, 'completed')
  return bytesOf(events, 'stdout').toString()
}
