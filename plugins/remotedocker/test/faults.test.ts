import type { Finding, RunReference } from '@errand/core'
import { findingsOf, outputOf } from '@errand/testkit'
import { type FaultyProxy, inspect, startFaultyProxy } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient, options } from './remote-client.ts'
import { type RemoteEngine, openRemoteTarget, problem, startRemoteEngine } from './remote-engine.ts'

const names = (findings: readonly Finding[], outcome?: Finding['outcome']) =>
  findings.filter((finding) => outcome === undefined || finding.outcome === outcome).map(({ name }) => name)

describe.skipIf(problem)(`containers behind a bad network${problem === undefined ? '' : ` (${problem})`}`, () => {
  let machine: RemoteEngine
  let proxy: FaultyProxy
  beforeAll(async () => {
    machine = await startRemoteEngine()
    proxy = await startFaultyProxy(machine.server.port)
  })
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
    await machine[Symbol.asyncDispose]()
  })

  it('streams 100,000 lines whole over a link that is cut five times, to two laptops', async () => {
    await using client = openClient(machine, proxy.port)
    await using other = openClient(machine)
    const truth = Array.from({ length: 100_000 }, (_, index) => `line ${index} of many\n`).join('')
    const script = "import time\nfor i in range(100000):\n    print('line', i, 'of many')\n    if i % 10000 == 0: time.sleep(0.1)\n"
    const reference = await client.submit(script)
    const cuts = [0.1, 0.3, 0.5, 0.7, 0.9].map((part) => part * truth.length)
    const following = outputOf(other.target, reference)
    const { text, state } = await outputOf(client.target, reference, (_event, bytes) => {
      if (cuts[0] === undefined || bytes < cuts[0]) return
      while (cuts[0] !== undefined && bytes >= cuts[0]) cuts.shift()
      proxy.cut()
    })
    expect([text === truth, state]).toEqual([true, 'completed'])
    const second = await following
    expect([second.text === truth, second.state]).toEqual([true, 'completed'])
  })

  it('finds the run that a client started whose link was cut at the answer', async () => {
    await using client = openClient(machine, proxy.port)
    const marker = "print('ran')\n"
    proxy.cutAfter(60_000)
    const reference = await client.submit(marker)
    proxy.cutAfter(Infinity)
    expect(await outputOf(client.target, reference)).toEqual({ text: 'ran\n', state: 'completed' })
  })

  it('cancels: neither the container nor a process of it is left running', async () => {
    let reference: RunReference
    {
      await using client = openClient(machine)
      reference = await client.submit("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
      let cancelling: Promise<void> | undefined
      const { state } = await outputOf(client.target, reference, (event) => {
        if (event.type === 'log') cancelling ??= client.target.attach(reference, options).then((handle) => handle.cancel(options))
      })
      await cancelling
      expect(state).toBe('cancelled')
    }
    // The container stays for a moment, for whoever still reads from it.
    const { externalId } = reference
    await expect.poll(async () => (await inspect(machine.engine, externalId)).State.Running, { timeout: 200_000 }).toBe(false)
  })

  it('checks every hop, from the address to the base image', async () => {
    await using client = openClient(machine)
    const findings = await findingsOf(client.target)
    expect(names(findings)).toEqual([
      'address',
      'port',
      'host key',
      'login',
      'machine',
      'engine',
      'platform',
      'machine',
      'disk',
      'base image',
    ])
    expect(names(findings, 'failed')).toEqual([])
    const { target: nowhere } = openRemoteTarget(machine, 1)
    expect(names(await findingsOf(nowhere), 'failed')).toEqual(['port'])
    await nowhere[Symbol.asyncDispose]()
    const { target: without } = openRemoteTarget(machine, undefined, { engine: '/run/no-engine.sock' })
    expect(names(await findingsOf(without), 'failed')).toEqual(['engine'])
    await without[Symbol.asyncDispose]()
  })
})

describe.skipIf(problem)('a user who is not in the group of the engine', () => {
  it('is told what to run there once', async () => {
    await using machine = await startRemoteEngine({ may: undefined })
    await using client = openClient(machine)
    const failed = (await findingsOf(client.target)).find(({ outcome }) => outcome === 'failed')
    expect(failed).toMatchObject({ name: 'engine', hint: expect.stringContaining('sudo usermod -aG docker') })
    await expect(client.submit('')).rejects.toMatchObject({ code: 'ENGINE_PERMISSION' })
  })

  it('runs all the same where sudo asks for no password', async () => {
    await using machine = await startRemoteEngine({ may: 'sudo' })
    await using client = openClient(machine)
    expect(await outputOf(client.target, await client.submit("print('ran')\n"))).toEqual({ text: 'ran\n', state: 'completed' })
  })
})

describe.skipIf(problem)('a server that forwards no sockets', () => {
  it('runs scripts through a program there', async () => {
    await using machine = await startRemoteEngine({ lines: ['AllowStreamLocalForwarding no'] })
    await using client = openClient(machine)
    expect(await outputOf(client.target, await client.submit("print('ran')\n"))).toEqual({ text: 'ran\n', state: 'completed' })
    expect(names(await findingsOf(client.target), 'failed')).toEqual([])
  })
})
