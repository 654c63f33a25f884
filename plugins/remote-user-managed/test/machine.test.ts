import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findingsOf, outputOf } from '@errand/testkit'
import { sshdProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient, options } from './remote-client.ts'
import { type RemoteMachine, startMachine } from './remote-suite.ts'

const problem = sshdProblem()

describe.skipIf(problem)(`a machine that is not as it should be${problem === undefined ? '' : ` (${problem})`}`, () => {
  let machine: RemoteMachine
  beforeAll(async () => {
    machine = await startMachine()
  })
  afterAll(() => machine[Symbol.asyncDispose]())

  const newClient = (changes: Parameters<typeof openClient>[2] = {}) => openClient(machine, machine.server.port, changes)

  /** A program there that its user may run. */
  function program(name: string, text: string): string {
    const path = join(machine.sharedFolder, name)
    writeFileSync(path, text)
    chmodSync(path, 0o755)
    return path
  }

  it('that was restarted during a run says so: failed, never running for ever', async () => {
    await using client = newClient()
    const request = await client.request({ 'main.py': "import time\nprint('here', flush=True)\ntime.sleep(600)\n" })
    const reference = await client.submit(request)
    const folder = join(machine.home, 'runs', request.runId)
    const { text, state } = await outputOf(client.target, reference, (event) => {
      if (event.type !== 'log' || event.stream !== 'stdout' || !event.data.includes(0x0a)) return
      // Stands for a restart: all of the run is gone at once, and the machine is of another boot than the run's.
      const claim = join(folder, 'claim')
      writeFileSync(claim, readFileSync(claim, 'utf8').replace(/("bootId": ?)"[^"]*"/, '$1"another boot"'))
      const { processes } = JSON.parse(readFileSync(join(folder, 'status.json'), 'utf8')) as {
        readonly processes: Readonly<Record<string, { readonly pid: number }>>
      }
      for (const { pid } of Object.values(processes)) process.kill(pid, 'SIGKILL')
    })
    expect([text, state]).toEqual(['here\n', 'failed'])
    await using later = newClient()
    await using handle = await later.target.attach(reference, options)
    expect(await handle.status(options)).toMatchObject({ state: 'failed', cause: 'machine', reason: 'The machine was restarted.' })
  })

  it('with Python 2 alone is refused by check and by submit, with what to do', async () => {
    // Where there is no Python 2, what one says of the agent.
    const stand = `#!/bin/sh\necho 'ERRAND_AGENT_PYTHON_TOO_OLD 2.7.18' >&2\nexit 3\n`
    await using client = newClient({ pythonLocation: existsSync('/usr/bin/python2') ? '/usr/bin/python2' : program('python2', stand) })
    expect((await findingsOf(client.target)).filter(({ outcome }) => outcome === 'failed')).toMatchObject([
      {
        name: 'python',
        detail: expect.stringMatching(/is Python 2\.7\.\d+; errand needs 3\.5 or newer/),
        hint: expect.stringMatching(/pythonLocation/),
      },
    ])
    await expect(client.submit(await client.request({ 'main.py': '' }))).rejects.toMatchObject({ code: 'PYTHON_TOO_OLD' })
  })

  it('without any Python is refused by check and by submit, with what to do', async () => {
    await using client = newClient({ pythonLocation: '/no/python3' })
    await expect(client.submit(await client.request({ 'main.py': '' }))).rejects.toMatchObject({ code: 'PYTHON_NOT_FOUND' })
  })

  it('whose clock is two hours ahead gives its own times, and right durations', async () => {
    // The agent, and all that it makes of time, lives two hours later.
    const shifted = [
      '#!/usr/bin/python3 -ESs',
      'import runpy, sys, time',
      'now = time.time',
      'time.time = lambda: now() + 7200',
      'if "-c" in sys.argv:',
      '    at = sys.argv.index("-c")',
      '    program, sys.argv = sys.argv[at + 1], sys.argv[at + 1:]',
      '    exec(program)',
      'else:',
      '    sys.argv = [argument for argument in sys.argv[1:] if not argument.startswith("-")]',
      '    sys.path.insert(0, sys.argv[0].rpartition("/")[0])',
      '    runpy.run_path(sys.argv[0], run_name="__main__")',
      '',
    ].join('\n')
    await using client = newClient({ pythonLocation: program('python-later', shifted) })
    const reference = await client.submit(await client.request({ 'main.py': 'import time\ntime.sleep(1)\n' }))
    expect(await outputOf(client.target, reference)).toMatchObject({ state: 'completed' })
    await using handle = await client.target.attach(reference, options)
    const { startedAt = '', endedAt = '' } = await handle.status(options)
    expect(Date.parse(startedAt) - Date.now()).toBeGreaterThan(110 * 60_000)
    const duration = Date.parse(endedAt) - Date.parse(startedAt)
    expect(duration).toBeGreaterThanOrEqual(1000)
    expect(duration).toBeLessThan(60 * 60_000)
  })

  it('that ends its client during attach has lost nothing: the next client has the whole stream', async () => {
    await using first = newClient()
    const request = await first.request({
      'main.py': 'import time\nfor i in range(40):\n    print(i, flush=True)\n    time.sleep(0.05)\n',
    })
    const reference = await first.submit(request)
    machine.server.cut()
    await using second = newClient()
    expect((await outputOf(second.target, reference)).text).toBe(Array.from({ length: 40 }, (_, index) => `${index}\n`).join(''))
  })
})

describe.skipIf(problem)('a server that allows one session', () => {
  it('runs scripts, several at once, and cancels', async () => {
    await using machine = await startMachine({ lines: ['MaxSessions 1'] })
    await using client = openClient(machine, machine.server.port)
    const requests = await Promise.all([1, 2, 3].map((number) => client.request({ 'main.py': `print(${number})\n` })))
    const done = await Promise.all(requests.map(async (request) => outputOf(client.target, await client.submit(request))))
    expect(done).toEqual([1, 2, 3].map((number) => ({ text: `${number}\n`, state: 'completed' })))
    const reference = await client.submit(await client.request({ 'main.py': 'import time\ntime.sleep(600)\n' }))
    await using handle = await client.target.attach(reference, options)
    await handle.cancel(options)
    expect(await outputOf(client.target, reference)).toMatchObject({ state: 'cancelled' })
  })
})
