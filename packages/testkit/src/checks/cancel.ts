import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import type { RunReference, RunStatus } from '@errand/core'
import { processIsAlive } from '../process-is-alive.ts'
import { bytesOf, finalStatus, findReport, hasPrinted, hasReported, isFinal, readEvents, reportMark, reportOf } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

const patientScript = `
import os, sys, time
with open(os.path.join('outputs', 'before.txt'), 'w') as file:
    file.write('so far')
print('ready')
sys.stdout.flush()
time.sleep(600)
`

const pidScript = `
import json, os, sys, time
print('${reportMark}' + json.dumps([os.getpid()]))
sys.stdout.flush()
time.sleep(600)
`

/** Ignores the polite signal, and so do its two children, of which one left for a session of its own. */
const stubbornScript = `
import json, os, signal, subprocess, sys, time
CHILD = """
import signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
sys.stdout.write('ready')
sys.stdout.flush()
time.sleep(600)
"""
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
children = [subprocess.Popen([sys.executable, '-c', CHILD], stdout=subprocess.PIPE, start_new_session=alone) for alone in (False, True)]
for child in children:
    assert child.stdout.read(5) == b'ready'
print('${reportMark}' + json.dumps([os.getpid()] + [child.pid for child in children]))
sys.stdout.flush()
time.sleep(600)
`

/** A run that is to end ends, and all of it. */
export function cancelChecks(): Check[] {
  return [
    { name: 'cancel ends a running run, twice is as good as once, and what it wrote so far is kept', body: cancelsRunning },
    {
      name: 'cancel right after the submit ends the run, started or not',
      async body(trial) {
        const reference = await trial.start({ 'main.py': pidScript })
        await trial.onRun(reference, (handle, options) => handle.cancel(options))
        const events = await trial.events(reference)
        assert.equal(finalStatus(events).state, 'cancelled')
        const pids = (findReport(events) ?? []) as number[]
        assert.deepEqual(await alive(trial, reference, pids), [], 'nothing of a run that has ended is alive')
      },
    },
    {
      name: 'cancel of a stubborn tree of processes leaves none of them alive',
      extraTime: (grace) => grace,
      async body(trial) {
        const { reference, pids } = await stubbornRun(trial)
        await trial.onRun(reference, (handle, options) => handle.cancel(options))
        await trial.onRun(reference, async (handle, options) => {
          // Looked at in the moment in which the end is told, not later.
          await readEvents(handle, options, (event) => event.type === 'status' && isFinal(event.status))
          assert.deepEqual(await alive(trial, reference, pids), [], 'nothing of a run that has ended is alive')
          assert.equal((await handle.status(options)).state, 'cancelled')
        })
      },
    },
    {
      name: 'cancel after the end changes nothing',
      async body(trial) {
        const reference = await trial.start({ 'main.py': "print('done')\n" })
        const before = finalStatus(await trial.events(reference))
        assert.equal(before.state, 'completed')
        await trial.onRun(reference, (handle, options) => handle.cancel(options))
        assert.deepEqual(await trial.onRun(reference, (handle, options) => handle.status(options)), before)
      },
    },
    {
      name: 'a time limit ends a run and all its processes',
      extraTime: (grace) => 2 * grace + longTimeLimit,
      async body(trial) {
        const { reference, pids, status } = await runToItsTimeLimit(trial)
        assert.deepEqual(await alive(trial, reference, pids), [], 'nothing of a run that has ended is alive')
        assert.ok(status.state === 'failed' && status.cause === 'time-limit', JSON.stringify(status))
      },
    },
  ]
}

async function cancelsRunning(trial: Trial): Promise<void> {
  const reference = await trial.start({ 'main.py': patientScript })
  const read = await trial.events(reference, hasPrinted('ready\n'))
  const cursor = read.at(-1)?.cursor
  assert.equal(bytesOf(read, 'stdout').toString(), 'ready\n')
  assert.equal((await trial.onRun(reference, (handle, options) => handle.status(options))).state, 'running')
  const cancel = () => trial.onRun(reference, (handle, options) => handle.cancel(options))
  await Promise.all([cancel(), cancel()])
  await cancel()
  const after = cursor === undefined ? {} : { cursor }
  const events = await trial.onRun(reference, (handle, options) => readEvents(handle, { ...options, ...after }))
  assert.equal(finalStatus(events).state, 'cancelled')
  await cancel()
  assert.equal((await trial.onRun(reference, (handle, options) => handle.status(options))).state, 'cancelled')
  const { directory, paths } = await trial.collect(reference)
  assert.deepEqual(paths, ['outputs/before.txt'])
  assert.equal(await readFile(`${directory}/outputs/before.txt`, 'utf8'), 'so far')
}

/** Started, and seen alive: what is not seen alive can't be seen to have gone. */
async function stubbornRun(trial: Trial): Promise<{ reference: RunReference; pids: readonly number[] }> {
  const reference = await trial.start({ 'main.py': stubbornScript })
  const events = await trial.events(reference, hasReported())
  const pids = reportOf(events) as number[]
  assert.equal(pids.length, 3)
  assert.deepEqual(await alive(trial, reference, pids), pids, 'the processes of the run are seen alive')
  return { reference, pids }
}

const shortTimeLimit = 2
/** For a place that is so busy that the short one is over before the script has told its processes. */
const longTimeLimit = 20

async function runToItsTimeLimit(trial: Trial, timeLimit = shortTimeLimit): Promise<Ended> {
  const reference = await trial.start({ 'main.py': stubbornScript }, { timeLimit })
  const events = await trial.events(reference)
  if (findReport(events) === undefined && timeLimit === shortTimeLimit) return runToItsTimeLimit(trial, longTimeLimit)
  const pids = reportOf(events) as number[]
  assert.equal(pids.length, 3)
  return { reference, pids, status: finalStatus(events) }
}

interface Ended {
  readonly reference: RunReference
  readonly pids: readonly number[]
  readonly status: RunStatus
}

async function alive(trial: Trial, reference: RunReference, pids: readonly number[]): Promise<number[]> {
  const { isAlive = processIsAlive } = trial.subject
  const answers = await Promise.all(pids.map(async (pid) => isAlive(pid, reference)))
  return pids.filter((_, index) => answers[index])
}
