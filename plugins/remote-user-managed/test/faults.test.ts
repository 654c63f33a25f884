import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Finding } from '@errand/core'
import { findingsOf, outputOf } from '@errand/testkit'
import { type FaultyProxy, sshdProblem, startFaultyProxy } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { RemoteConfig } from '../src/target.ts'
import { openClient } from './remote-client.ts'
import { type RemoteMachine, startMachine } from './remote-suite.ts'

const problem = sshdProblem()

describe.skipIf(problem)(`a machine behind a bad network${problem === undefined ? '' : ` (${problem})`}`, () => {
  let machine: RemoteMachine
  let proxy: FaultyProxy

  beforeAll(async () => {
    machine = await startMachine()
    proxy = await startFaultyProxy(machine.server.port)
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await machine[Symbol.asyncDispose]()
  })

  const newClient = (changes: Partial<RemoteConfig> = {}) => openClient(machine, proxy.port, changes)

  it('runs a submit that is cut at ten moments, once each time', async () => {
    const marker = join(machine.sharedFolder, 'starts')
    writeFileSync(marker, '')
    chmodSync(marker, 0o666)
    const files = { 'main.py': `open(${JSON.stringify(marker)}, 'a').write('x')\nprint('ran')\n`, 'data.bin': 'd'.repeat(200_000) }
    const round = async (number: number, cutAt: number) => {
      await using client = newClient()
      const request = await client.request({ ...files, 'round.txt': `${number} ${'r'.repeat(50_000)}` })
      const before = { connections: proxy.connections, bytes: proxy.bytes.toClient }
      proxy.cutAfter(cutAt)
      const reference = await untilDone(() => client.submit(request))
      proxy.cutAfter(Infinity)
      const submitted = { connections: proxy.connections - before.connections, bytes: proxy.bytes.toClient - before.bytes }
      expect(await outputOf(client.target, reference)).toEqual({ text: 'ran\n', state: 'completed' })
      expect(readFileSync(marker, 'utf8')).toBe('x'.repeat(number))
      return submitted
    }
    await round(1, Infinity)
    const { bytes } = await round(2, Infinity)
    for (let number = 3; number <= 12; number += 1) {
      const { connections } = await round(number, bytes * ((number - 2.5) / 12))
      expect(connections, `cut ${number - 2}`).toBeGreaterThan(1)
    }
  })

  it('brings a large project whole over a link that is cut three times meanwhile', async () => {
    const names = Array.from({ length: 800 }, (_, index) => `folder ${index % 9}/a long name of a file of the project ${index}.bin`)
    const contents = new Map(names.map((name, index) => [name, randomBytes(index % 50 === 0 ? 0 : 8000)]))
    const digests = names.map((name) => createHash('sha256').update(contents.get(name)!).digest('hex'))
    const expected = createHash('sha256').update(digests.join('')).digest('hex')
    const script = `import hashlib, json
names = json.load(open('names.json'))
print(hashlib.sha256(''.join(hashlib.sha256(open(name, 'rb').read()).hexdigest() for name in names).encode()).hexdigest())
`
    await using client = newClient()
    const request = await client.request({ 'main.py': script, 'names.json': JSON.stringify(names), ...Object.fromEntries(contents) })
    const [connections, before] = [proxy.connections, proxy.bytes.toServer]
    const cuts = [1, 2.5, 4].map((megabytes) => megabytes * 1_000_000)
    const cutting = setInterval(() => {
      if (proxy.bytes.toServer - before < (cuts[0] ?? Infinity)) return
      cuts.shift()
      proxy.cut()
    }, 1)
    const reference = await untilDone(() => client.submit(request)).finally(() => clearInterval(cutting))
    expect(await outputOf(client.target, reference)).toEqual({ text: `${expected}\n`, state: 'completed' })
    expect(proxy.connections - connections).toBeGreaterThan(1)
  })

  it('streams 100,000 lines whole over a link that is cut at ten random moments', async () => {
    await using client = newClient()
    const passed = mkdtempSync(join(tmpdir(), 'errand-cuts-'))
    onTestFinished(() => rmSync(passed, { recursive: true }))
    chmodSync(passed, 0o755)
    const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index} of many\n`)
    const cuts = Array.from({ length: 10 }, () => Math.floor(Math.random() * 99_000)).toSorted((one, other) => one - other)
    // A little behind each cut the script waits for it: on a slow machine it would be at its end before the first.
    const script = `import os, time
cuts = ${JSON.stringify(cuts)}
for i in range(100000):
    print('line', i, 'of many', flush=i % 100 == 0)
    while cuts and i > cuts[0] + 500:
        if os.path.exists(os.path.join(${JSON.stringify(passed)}, str(len(cuts)))):
            cuts.pop(0)
        else:
            time.sleep(0.01)
`
    const reference = await client.submit(await client.request({ 'main.py': script }))
    const moments = cuts.map((line) => lines.slice(0, line).join('').length)
    const connections = proxy.connections
    const { text, state } = await outputOf(client.target, reference, (_event, bytes) => {
      if (bytes < (moments[0] ?? Infinity)) return
      proxy.cut()
      writeFileSync(join(passed, String(moments.length)), '')
      moments.shift()
    })
    expect([text === lines.join(''), state, moments], `cut at the lines ${cuts.join(', ')}`).toEqual([true, 'completed', []])
    expect(proxy.connections - connections).toBeGreaterThan(5)
  })

  it('comes back to a stream after a link that was silent for a while and then dead', async () => {
    await using client = newClient()
    const request = await client.request({
      'main.py': 'import time\nfor i in range(40):\n    print(i, flush=True)\n    time.sleep(0.05)\n',
    })
    const reference = await client.submit(request)
    let stalled = false
    const { text } = await outputOf(client.target, reference, (_event, bytes) => {
      if (stalled || bytes < 20) return
      stalled = true
      proxy.stall()
      setTimeout(() => {
        proxy.flow()
        proxy.cut()
      }, 500)
    })
    expect([stalled, text]).toEqual([true, Array.from({ length: 40 }, (_, index) => `${index}\n`).join('')])
  })

  it('runs thirty at once over one connection', async () => {
    await using client = newClient()
    const before = proxy.connections
    const requests = await Promise.all(Array.from({ length: 30 }, (_, index) => client.request({ 'main.py': `print(${index})\n` })))
    const done = await Promise.all(requests.map(async (request) => outputOf(client.target, await client.submit(request))))
    expect(done.map(({ state }) => state)).toEqual(Array.from({ length: 30 }, () => 'completed'))
    expect(done.map(({ text }) => text)).toEqual(Array.from({ length: 30 }, (_, index) => `${index}\n`))
    expect(proxy.connections - before).toBe(1)
  })

  it('says that a run is over when everything of it was killed', async () => {
    await using client = newClient()
    const request = await client.request({ 'main.py': "import time\nprint('here', flush=True)\ntime.sleep(600)\n" })
    const reference = await client.submit(request)
    const { state } = await outputOf(client.target, reference, (event) => {
      if (event.type !== 'log' || event.stream !== 'stdout' || !event.data.includes(0x0a)) return
      // Stands for a machine that goes down: supervisor and script at once.
      const { processes } = JSON.parse(readFileSync(join(machine.home, 'runs', request.runId, 'status.json'), 'utf8')) as {
        readonly processes: Readonly<Record<string, { readonly pid: number }>>
      }
      for (const { pid } of Object.values(processes)) process.kill(pid, 'SIGKILL')
    })
    expect(['failed', 'lost']).toContain(state)
  })

  it('tells what stands in the way, hop by hop', async () => {
    const look = async (changes: Partial<RemoteConfig>): Promise<readonly Finding[]> => {
      await using client = newClient(changes)
      return await findingsOf(client.target)
    }
    const last = (findings: readonly Finding[]) => findings.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)
    expect(last(await look({}))).toEqual([])
    expect(last(await look({ pythonLocation: '/no/such/python' }))).toEqual(['python'])
    expect(last(await look({ privateKey: '/no/such/key' }))).toEqual(['login'])
    expect(last(await look({ privateKey: 'project' }))).toEqual(['private key'])
    chmodSync(machine.home, 0o555)
    expect(last(await look({}))).toContain('writable')
    chmodSync(machine.home, 0o777)
  })

  it('refuses a submit where the folder for runs can not be written, with a sentence', async () => {
    await using client = newClient()
    const request = await client.request({ 'main.py': 'pass\n' })
    const folders = ['runs', 'staging'].map((name) => join(machine.home, name))
    for (const folder of folders) chmodSync(folder, 0o555)
    const refused = await client.submit(request).then(
      () => undefined,
      (error: Error) => error.message,
    )
    for (const folder of folders) chmodSync(folder, 0o700)
    expect(refused).toMatch(/[Pp]ermission|written|writable/)
  })
})

/** What a user does: the same once more, with the same run id, until it is done. */
async function untilDone<Value>(work: () => Promise<Value>): Promise<Value> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (tries === 5) throw error
      await delay(100)
    }
  }
}
