import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { localHost } from '@errand/core'
import { openEngine } from '@errand/docker-engine'
import { outputOf } from '@errand/testkit'
import {
  type DockerEngine,
  type FaultyProxy,
  inspect,
  sharedDockerEngine,
  startDockerEngine,
  startFaultyProxy,
  startPackageIndex,
} from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environmentOf, openClient, options } from './remote-client.ts'
import { type RemoteEngine, problem, startRemoteEngine } from './remote-engine.ts'

const counting = 'import time\nfor number in range(300):\n    print(number, flush=True)\n    time.sleep(0.1)\n'
const counted = Array.from({ length: 300 }, (_, number) => `${number}\n`).join('')

describe.skipIf(problem !== undefined)(`a box whose engine goes away${problem === undefined ? '' : ` (${problem})`}`, () => {
  let engine: DockerEngine
  let machine: RemoteEngine
  let proxy: FaultyProxy
  beforeAll(async () => {
    engine = await startDockerEngine()
    machine = await startRemoteEngine({}, engine)
    proxy = await startFaultyProxy(machine.server.port)
  })
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await machine?.[Symbol.asyncDispose]()
    await engine?.stop()
  })

  /** Follows a run; `away` begins once it has printed. */
  async function followThrough(away: () => Promise<void>) {
    await using client = openClient(machine, proxy.port)
    const reference = await client.submit(counting)
    let going: Promise<void> | undefined
    const { text, state } = await outputOf(client.target, reference, (event) => {
      if (event.type === 'log' && event.stream === 'stdout') going ??= away()
    })
    await going
    expect(going).toBeDefined()
    await using handle = await client.target.attach(reference, options)
    const status = await handle.status(options)
    expect([counted.startsWith(text) && text !== '', state]).toEqual([true, status.state])
    // The same client goes on with another run.
    expect(await outputOf(client.target, await client.submit("print('ran')\n"))).toEqual({ text: 'ran\n', state: 'completed' })
    // Whoever comes later is told the same.
    await using other = openClient(machine)
    expect(await outputOf(other.target, reference)).toEqual({ text, state })
    return status
  }

  it('while the link stays: who follows the run is told how it ended, and the next run goes over the same link', async () => {
    const before = proxy.connections
    expect(await followThrough(() => engine.restart())).toMatchObject({ state: 'failed', cause: 'machine' })
    expect(proxy.connections - before).toBe(1)
  })

  it('with all that runs there and the link, as in a reboot: the run has failed for the machine', async () => {
    const status = await followThrough(async () => {
      proxy.refuse()
      proxy.cut()
      machine.server.cut()
      await engine.reboot()
      proxy.accept()
    })
    expect(status).toMatchObject({ state: 'failed', cause: 'machine' })
  })

  it('during the build of an image: the build goes on with the engine', async () => {
    await using index = await startPackageIndex(engine)
    await using client = openClient(machine, proxy.port)
    index.hold()
    const building = client.prepare(environmentOf(index.url, ['thing-restart']))
    while (!index.requests.some((path) => path.includes('wheels/thing_restart'))) await sleep(50)
    const restarting = engine.restart()
    index.release()
    await restarting
    const made = await building
    const { Containers } = await engine.api<{ Containers: number }>('GET', '/info')
    const names = (await engine.api<{ Names: string[] }[]>('GET', '/containers/json?all=1')).flatMap((each) => each.Names)
    expect([Containers, names.filter((name) => name.includes('errand-building'))]).toEqual([names.length, []])
    expect(await client.prepare(environmentOf(index.url, ['thing-restart']))).toEqual(made)
    // An engine that is new builds the tools as well.
  }, 900_000)
})

describe.skipIf(problem !== undefined)('a box for two people', () => {
  it('builds what both prepare at once once, and each sees the runs of their own', async () => {
    const engine = await sharedDockerEngine()
    await using one = await startRemoteEngine({}, engine)
    await using two = await startRemoteEngine({ shell: 'fish' }, engine)
    await using index = await startPackageIndex(engine)
    await using ann = openClient(one)
    await using bob = openClient(two)
    expect(one.server.user).not.toBe(two.server.user)
    const name = `thing-both${process.pid}`
    const environment = environmentOf(index.url, [name])
    index.hold()
    const messages: string[] = []
    const call = { report: ({ message }: { readonly message: string }) => void messages.push(message) }
    const preparing = Promise.all([ann.prepare(environment, call), bob.prepare(environment, call)])
    while (!messages.includes('waiting for another build of this environment')) await sleep(50)
    index.release()
    const [first, second] = await preparing
    expect(second.environmentKey).toBe(first.environmentKey)
    expect(messages.filter((message) => message.startsWith('installing the pip section'))).toHaveLength(1)
    const script = `import thing_both${process.pid} as thing\nprint(thing.version)\n`
    const references = await Promise.all(
      [ann, bob].map(async (client) => {
        const request = { ...(await client.request(script)), environment }
        const reference = await client.target.submit(request, first, options)
        expect(await outputOf(client.target, reference)).toEqual({ text: '2.0\n', state: 'completed' })
        return reference
      }),
    )
    const volumes = await Promise.all(references.map(async ({ externalId }) => (await inspect(engine, externalId)).Mounts[0]?.Source))
    expect(new Set(volumes).size).toBe(2)
  })
})

describe.skipIf(problem !== undefined)('a box whose disk is full', () => {
  it('says so to whom it can take nothing from, and runs again when there is room', async () => {
    await using engine = await startDockerEngine({ disk: '230m' })
    await using machine = await startRemoteEngine({}, engine)
    await using client = openClient(machine)
    const filler = "import os\nwith open('outputs/much', 'wb') as file:\n    while True: file.write(b'x' * 1000000); file.flush()\n"
    const reference = await client.submit(filler)
    const { state } = await outputOf(client.target, reference)
    expect(state).toBe('failed')
    const large = client.submit({ 'main.py': 'pass\n', 'data/large': Buffer.alloc(20_000_000, 'a') })
    await expect(large).rejects.toMatchObject({
      code: 'ENGINE_DISK_FULL',
      hint: expect.stringContaining('errand experiment clean') as string,
    })
    await using handle = await client.target.attach(reference, options)
    await handle.remove(options)
    expect(await outputOf(client.target, await client.submit("print('ran')\n"))).toEqual({ text: 'ran\n', state: 'completed' })
  })
})

describe.skipIf(problem !== undefined)('a base image of another platform', () => {
  it('is named by prepare before anything is built', async () => {
    await using machine = await startRemoteEngine()
    const folder = join(machine.directory, 'image')
    mkdirSync(join(folder, 'bin'), { recursive: true })
    writeFileSync(join(folder, 'bin/sh'), 'a program of another processor', { mode: 0o755 })
    const archive = execFileSync('tar', ['-cf', '-', '-C', folder, 'bin'])
    writeFileSync(join(machine.directory, 'image.tar'), archive)
    await using engine = await openEngine({ host: localHost(), address: machine.engine.socket }, options)
    const repo = `other-platform-${process.pid}`
    const imported = (await engine.docker.importImage(join(machine.directory, 'image.tar'), { repo, tag: '1' })) as AsyncIterable<Buffer>
    for await (const _ of imported);
    await using client = openClient(machine, undefined, { baseDockerImage: `${repo}:1` })
    const told = { hint: expect.stringContaining(`docker pull --platform linux/amd64 ${repo}:1`) as string }
    await expect(client.submit('')).rejects.toMatchObject({ code: 'IMAGE_PLATFORM', ...told })
    await expect(client.prepare(environmentOf('http://127.0.0.1:1/simple', ['thing']))).rejects.toMatchObject({
      code: 'IMAGE_PLATFORM',
      ...told,
    })
  })
})
