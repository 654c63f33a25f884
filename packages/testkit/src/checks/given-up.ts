import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { CallOptions, RunHandle, Target } from '@errand/core'
import { finalStatus, hasPrinted, readEvents } from '../run-events.ts'
import type { Trial } from '../trial.ts'
import { collectAll } from './place.ts'

const waitingScript = "import sys, time\nprint('ready')\nsys.stdout.flush()\ntime.sleep(600)\n"

/** More than a connection carries at once by the default of an SSH server. */
const readers = 20
/** Milliseconds after which a call is given up: in the same turn, in the next, on its way. */
const moments = [0, 1, 30]
/** Seconds in which what was held must have gone once the target is closed, unless the suite has a patience of its own. */
const defaultPatience = 120

type Call = (options: CallOptions) => Promise<unknown>

/**
 * Gives up every call at several moments. Each of them must end, the target must go on working, and when it is closed nothing may be left:
 * no connection and no process keeps this process alive.
 */
export async function freesWhatItHeld(trial: Trial): Promise<void> {
  const request = await trial.request({ 'main.py': waitingScript })
  const reference = await trial.submit(request)
  await trial.events(reference, hasPrinted('ready\n'))
  const prepared = await trial.prepare()
  const other = { ...request, runId: `${request.runId}-other` }
  using held = heldFromNow()

  await trial.step(async (target, options) => {
    await using handle = await target.attach(reference, options)
    const calls: readonly Call[] = [
      (given) => collectAll(target.check(given)),
      (given) => target.plan(request, given),
      (given) => target.prepare(request, { ...given, build: true }),
      (given) => target.find(request.runId, given),
      (given) => collectAll(target.leftovers(given)),
      (given) => target.submit(other, prepared, given),
      (given) => target.attach(reference, given).then((attached) => attached[Symbol.asyncDispose]()),
      (given) => handle.status(given),
      (given) => handle.collect(trial.directory, { ...given, include: ['outputs/**'] }),
    ]
    for (const call of calls) for (const moment of moments) await giveUp(call, moment, options)
    await giveUpReading(handle, options)
    assert.ok(['queued', 'running'].includes((await handle.status(options)).state), 'the run goes on, and the target answers')
    await forget(trial, target, other.runId)
    for (const moment of moments) await giveUp((given) => handle.cancel(given), moment, options)
    await handle.cancel(options)
    assert.equal(finalStatus(await readEvents(handle, options)).state, 'cancelled')
    for (const moment of moments) await giveUp((given) => handle.remove(given), moment, options)
    await handle.remove(options)
  })

  const patience = trial.subject.patience ?? defaultPatience
  for (let waited = 0; waited < patience * 1000 && held.kinds().length > 0; waited += 50) await pause(50)
  assert.deepEqual(held.kinds(), [], 'nothing is held by a target that is closed')
}

/** Ends when the call has ended, in whatever way: one that was quick has its answer. */
async function giveUp(call: Call, moment: number, options: CallOptions): Promise<void> {
  const given = new AbortController()
  const ended = call({ ...options, signal: given.signal }).catch(() => {})
  if (moment > 0) await pause(moment)
  given.abort(new Error('given up'))
  await ended
}

/** All of them wait for what the run will print. */
async function giveUpReading(handle: RunHandle, options: CallOptions): Promise<void> {
  const given = new AbortController()
  const reading = Array.from({ length: readers }, () => {
    const first = Promise.withResolvers<void>()
    const ended = assert.rejects(async () => {
      const whole = hasPrinted('ready\n')
      for await (const event of handle.events({ ...options, signal: given.signal })) if (whole(event)) first.resolve()
    }, 'a reader that is given up rejects')
    return { first: Promise.race([first.promise, ended]), ended }
  })
  await Promise.all(reading.map(({ first }) => first))
  given.abort(new Error('given up'))
  await Promise.all(reading.map(({ ended }) => ended))
}

/** A submit that was given up late has started its run. */
async function forget(trial: Trial, target: Target, runId: string): Promise<void> {
  const begun = await target.find(runId, trial.options)
  if (begun !== undefined) trial.remember(begun)
}

type Held = Disposable & { readonly kinds: () => readonly string[] }

const heldKinds: Readonly<Record<string, string>> = {
  PROCESSWRAP: 'process',
  PIPEWRAP: 'pipe',
  TCPWRAP: 'connection',
}

/**
 * What of the system was made since and keeps this process alive. Each handle is known by itself: to compare their number would take what is
 * left of an earlier step, and on its way out, for room that another may fill.
 */
function heldFromNow(): Held {
  const open = new Map<number, { readonly kind: string; readonly resource: { hasRef?(): boolean } }>()
  const hook = createHook({
    init(id, type, _trigger, resource) {
      const kind = heldKinds[type]
      if (kind !== undefined) open.set(id, { kind, resource })
    },
    destroy: (id) => void open.delete(id),
  }).enable()
  return {
    kinds: () => [...open.values()].filter(({ resource }) => resource.hasRef?.() !== false).map(({ kind }) => kind),
    [Symbol.dispose]: () => void hook.disable(),
  }
}
