import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { outputOf } from '@errand/testkit'
import { type FaultyProxy, type PackageIndex, startFaultyProxy, startPackageIndex } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environmentOf, openClient, options } from './remote-client.ts'
import { type RemoteEngine, problem, startRemoteEngine } from './remote-engine.ts'

interface Listed {
  readonly Names: readonly string[]
}

describe.skipIf(problem !== undefined)(`a link that is cut${problem === undefined ? '' : ` (${problem})`}`, () => {
  let machine: RemoteEngine
  let proxy: FaultyProxy
  let index: PackageIndex
  beforeAll(async () => {
    machine = await startRemoteEngine()
    proxy = await startFaultyProxy(machine.server.port)
    index = await startPackageIndex(machine.engine)
  })
  afterAll(async () => {
    await index?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    await machine?.[Symbol.asyncDispose]()
  })

  /** The package is asked for by the build, which then waits for it. */
  const untilBuilding = async (name: string) => {
    while (!index.requests.some((path) => path.includes(`wheels/${name.replaceAll('-', '_')}`))) await sleep(50)
  }

  /** Cuts the link each time that so many bytes have passed, while it is used. */
  async function cutDuring(work: Promise<unknown>, direction: 'toServer' | 'toClient', before: number, parts: readonly number[]) {
    const seen = { over: false }
    const over = () => void (seen.over = true)
    void work.then(over, over)
    for (const part of parts) {
      while (!seen.over && proxy.bytes[direction] - before < part) await sleep(1)
      expect(seen.over).toBe(false)
      proxy.cut()
    }
  }

  it('during the build of an image does not end it', async () => {
    await using client = openClient(machine, proxy.port)
    const name = `thing-cut${process.pid}`
    const environment = environmentOf(index.url, [name])
    index.hold()
    const messages: string[] = []
    const building = client.prepare(environment, { report: ({ message }) => void messages.push(message) })
    await untilBuilding(name)
    proxy.cut()
    index.release()
    const made = await building
    expect(messages).toContain('the way to the engine was cut: going on from there')
    const locks = await machine.engine.api<Listed[]>('GET', '/containers/json?all=1')
    expect(locks.flatMap(({ Names }) => Names).filter((each) => each.includes(made.environmentKey.slice(0, 12)))).toEqual([])
    const request = { ...(await client.request(`import thing_cut${process.pid} as thing\nprint(thing.version)\n`)), environment }
    expect(await outputOf(client.target, await client.target.submit(request, made, options))).toEqual({ text: '2.0\n', state: 'completed' })
  })

  it('without a word during the build of an image keeps nobody else from it', async () => {
    await using client = openClient(machine, proxy.port)
    await using other = openClient(machine)
    const name = `thing-silent${process.pid}`
    const environment = environmentOf(index.url, [name])
    index.hold()
    const building = client.prepare(environment)
    await untilBuilding(name)
    proxy.stall()
    const messages: string[] = []
    const waiting = other.prepare(environment, { report: ({ message }) => void messages.push(message) })
    while (!messages.includes('waiting for another build of this environment')) await sleep(50)
    index.release()
    const made = await waiting
    proxy.flow()
    proxy.cut()
    expect((await building).environmentKey).toBe(made.environmentKey)
  })

  it('during the upload of a project loses nothing that has arrived', async () => {
    await using client = openClient(machine, proxy.port)
    const parts = Object.fromEntries(Array.from({ length: 40 }, (_, number) => [`data/${number}`, randomBytes(1_000_000)]))
    const script = "import os\nprint(sum(os.path.getsize('data/' + name) for name in os.listdir('data')))\n"
    const prepared = await client.prepare({ kind: 'user-managed' })
    const request = await client.request({ 'main.py': script, ...parts })
    const before = proxy.bytes.toServer
    const submitting = client.target.submit(request, prepared, options)
    await cutDuring(submitting, 'toServer', before, [10_000_000, 25_000_000])
    const reference = await submitting
    expect(await outputOf(client.target, reference)).toEqual({ text: '40000000\n', state: 'completed' })
    // 40 MB, what was under way at each cut, and what each login takes; not the whole once more.
    expect(proxy.bytes.toServer - before).toBeLessThan(75_000_000)
  })

  it('while files are brought back brings each of them whole', async () => {
    await using client = openClient(machine, proxy.port)
    const script = "import os\nfor i in range(4):\n    open('outputs/%d' % i, 'wb').write(os.urandom(10000000))\n"
    const hashes = "import hashlib\nfor i in range(4): print(hashlib.sha256(open('outputs/%d' % i, 'rb').read()).hexdigest())\n"
    const reference = await client.submit(script + hashes)
    const { text } = await outputOf(client.target, reference)
    await using handle = await client.target.attach(reference, options)
    const directory = join(client.directory, 'collected')
    const before = proxy.bytes.toClient
    const collecting = handle.collect(directory, { ...options, include: ['outputs/**'] })
    await cutDuring(collecting, 'toClient', before, [6_000_000, 17_000_000, 33_000_000])
    expect((await collecting).toSorted()).toEqual([0, 1, 2, 3].map((number) => `outputs/${number}`))
    const found = readdirSync(join(directory, 'outputs')).toSorted()
    const digests = found.map((name) =>
      createHash('sha256')
        .update(readFileSync(join(directory, 'outputs', name)))
        .digest('hex'),
    )
    expect(`${digests.join('\n')}\n`).toBe(text)
  })
})
