import assert from 'node:assert/strict'
import { posix } from 'node:path'
import type { RunRequest } from '@errand/core'
import { bytesOf, finalStatus, reportMark, reportOf } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

/** Says that it started: on its output and, where runs share a folder, as a line of a file there. */
const countedScript = `
import os, sys
if len(sys.argv) > 1:
    descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(descriptor, b'started\\n')
    os.close(descriptor)
print('started')
`

const countingScript = `
import json, os, sys
with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
os.unlink(sys.argv[1])
print('${reportMark}' + json.dumps(lines))
`

/** One run id is one run. */
export function submitChecks(): Check[] {
  return [
    {
      name: 'a second submit with the same run id gives the first run, while it runs and after its end',
      async body(trial) {
        const { request, counter } = await countedRequest(trial)
        const first = await trial.submit(request)
        assert.deepEqual(await trial.submit(request), first)
        assert.equal(finalStatus(await trial.events(first)).state, 'completed')
        assert.deepEqual(await trial.submit(request), first)
        const events = await trial.events(first)
        assert.equal(bytesOf(events, 'stdout').toString(), 'started\n')
        await assertStartedOnce(trial, counter)
      },
    },
    {
      name: 'two submits with the same run id at once give one run',
      async body(trial) {
        const { request, counter } = await countedRequest(trial)
        const prepared = await trial.prepare()
        const submit = () => trial.step((target, options) => target.submit(request, prepared, options))
        const references = await Promise.all([submit(), submit()])
        for (const reference of references) trial.remember(reference)
        assert.deepEqual(references[0], references[1])
        const events = await trial.events(references[0])
        assert.equal(finalStatus(events).state, 'completed')
        assert.equal(bytesOf(events, 'stdout').toString(), 'started\n')
        await assertStartedOnce(trial, counter)
      },
    },
    {
      name: 'two processes that submit with the same run id at once start one run',
      async body(trial) {
        const { request, counter } = await countedRequest(trial)
        const [first, ...others] = await trial.submitFromProcesses(2, request)
        assert.ok(first !== undefined)
        assert.deepEqual(others, [first])
        const events = await trial.events(first)
        assert.equal(finalStatus(events).state, 'completed')
        assert.equal(bytesOf(events, 'stdout').toString(), 'started\n')
        await assertStartedOnce(trial, counter)
      },
    },
    { name: 'find knows a started run, and neither another nor one of another project', body: findsItsOwn },
    {
      name: 'run options are refused by a type that has none',
      async body(trial) {
        if (trial.subject.definition.runOptions !== undefined) return
        const request = await trial.request({ 'main.py': 'print(1)' }, { options: { memory: '1 GB' } })
        await assert.rejects(trial.submit(request), 'what is not supported is refused, never dropped')
        assert.equal(await trial.step((target, options) => target.find(request.runId, options)), undefined)
      },
    },
  ]
}

async function countedRequest(trial: Trial): Promise<{ request: RunRequest; counter: string | undefined }> {
  const { sharedFolder } = trial.subject
  const files = { 'main.py': countedScript, 'count.py': countingScript }
  const request = await trial.request(files)
  if (sharedFolder === undefined) return { request, counter: undefined }
  const counter = posix.join(sharedFolder, `${request.runId}.count`)
  return { request: { ...request, arguments: [counter] }, counter }
}

/** Asks a run of its own, since only runs see the place's files. */
async function assertStartedOnce(trial: Trial, counter: string | undefined): Promise<void> {
  if (counter === undefined) return
  const reader = await trial.start({ 'count.py': countingScript }, { arguments: [counter] })
  assert.deepEqual(reportOf(await trial.events(reader)), ['started'], 'the script was started once')
}

async function findsItsOwn(trial: Trial): Promise<void> {
  const request = await trial.request({ 'main.py': 'print(1)' })
  const find = (runId: string) => trial.step((target, options) => target.find(runId, options))
  assert.equal(await find(request.runId), undefined, 'what was not submitted is not found')
  const reference = await trial.submit(request)
  assert.deepEqual(await find(request.runId), reference)
  assert.equal(await find(`${request.runId}-other`), undefined)
  assert.equal(await find(request.runId.slice(0, -1)), undefined, 'a beginning of an id is not the id')
  await using stranger = await trial.open('another-project')
  assert.equal(await stranger.find(request.runId, trial.options), undefined, 'the run of one project is not found for another')
  assert.equal(finalStatus(await trial.events(reference)).state, 'completed')
  assert.deepEqual(await find(request.runId), reference, 'it is found after its end as well')
  await trial.onRun(reference, (handle, options) => handle.remove(options))
  assert.equal(await find(request.runId), undefined, 'a removed run is not found')
}
