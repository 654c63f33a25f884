import assert from 'node:assert/strict'
import type { RunEvent, RunStatus } from '@errand/core'
import { bytesOf, finalStatus } from '../run-events.ts'
import type { Check, Trial } from '../trial.ts'

type Failed = Extract<RunStatus, { readonly state: 'failed' }>

/** How a run ends is told as it was. */
export function endingChecks(): Check[] {
  const fails = (name: string, script: string, judge: (status: Failed, events: readonly RunEvent[]) => void): Check => ({
    name,
    async body(trial) {
      const { status, events } = await endOf(trial, script)
      assert.equal(status.state, 'failed', JSON.stringify(status))
      if (status.state !== 'failed') return
      assert.ok(status.reason.length > 0, 'a failure has a reason')
      judge(status, events)
    },
  })
  const exits = (code: number) =>
    fails(`exit code ${code} is a failure with that code`, `import sys\nsys.exit(${code})\n`, (status) => {
      assert.equal(status.cause, 'exit')
      assert.equal(status.exitCode, code)
    })

  return [
    {
      name: 'exit code 0 is completed, with the times of its start and end',
      async body(trial) {
        const { status } = await endOf(trial, "print('done')\n")
        assert.equal(status.state, 'completed', JSON.stringify(status))
        const { startedAt = '', endedAt = '' } = status
        for (const time of [startedAt, endedAt]) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
        assert.ok(startedAt <= endedAt, 'it starts before it ends')
      },
    },
    exits(1),
    exits(3),
    exits(137),
    fails(
      'a signal is a failure with the name of the signal',
      'import os, resource, signal\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nos.kill(os.getpid(), signal.SIGSEGV)\n',
      (status) => {
        assert.equal(status.cause, 'signal')
        assert.equal(status.signal, 'SIGSEGV')
      },
    ),
    { name: 'too little memory is told as such', body: wantsMemory },
    {
      name: 'an exception shows the frames of the user alone, and names itself in the reason',
      async body(trial) {
        const files = { 'main.py': 'import other\nother.fail()\n', 'other.py': "def fail():\n    raise KeyError('no such column')\n" }
        const events = await trial.events(await trial.start(files))
        const status = finalStatus(events)
        assert.ok(status.state === 'failed' && status.exitCode === 1, JSON.stringify(status))
        assert.match(status.reason, /KeyError: 'no such column'/)
        const printed = bytesOf(events, 'stderr').toString('utf8')
        const frames = [...printed.matchAll(/File "([^"]*)", line (\d+)/g)].map(([, file, line]) => `${file?.split('/').at(-1)}:${line}`)
        assert.deepEqual(frames, ['main.py:2', 'other.py:2'], printed)
      },
    },
  ]
}

const greedyScript = `
import sys
if len(sys.argv) > 1:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
held = []
while True:
    held.append(b'x' * 10000000)
`

/** Where a run can be given little, the kernel ends what takes more; elsewhere the script asks for a limit, and Python says what is wrong. */
async function wantsMemory(trial: Trial): Promise<void> {
  const { smallMemory } = trial.subject
  const changes = smallMemory ?? { arguments: [String(1024 ** 3)] }
  const status = finalStatus(await trial.events(await trial.start({ 'main.py': greedyScript }, changes)))
  assert.ok(status.state === 'failed', JSON.stringify(status))
  if (smallMemory === undefined) assert.match(status.reason, /MemoryError/)
  else assert.equal(status.cause, 'out-of-memory', status.reason)
}

/** The end as the events tell it; asking for the status must say the same. */
async function endOf(trial: Trial, script: string): Promise<{ status: RunStatus; events: readonly RunEvent[] }> {
  const reference = await trial.start({ 'main.py': script })
  const events = await trial.events(reference)
  const status = finalStatus(events)
  assert.deepEqual(await trial.onRun(reference, (handle, options) => handle.status(options)), status)
  const finals = events.filter((event) => event.type === 'status' && event.status.state !== 'queued' && event.status.state !== 'running')
  assert.equal(finals.length, 1, 'a run ends once')
  return { status, events }
}
