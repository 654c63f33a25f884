import { createHash, randomBytes } from 'node:crypto'
import type { CallOptions, LongFile, ReadFile, SnapshotFile } from '@errand/core'
import { outputOf } from '@errand/testkit'
import { type FaultyProxy, sshdProblem, startFaultyProxy } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient, options } from './remote-client.ts'
import { type RemoteMachine, startMachine } from './remote-suite.ts'

const problem = sshdProblem()

const script = `import hashlib, os
names = sorted(os.path.join(folder, name) for folder, _, names in os.walk('data') for name in names)
print(hashlib.sha256(b''.join(open(name, 'rb').read() for name in names)).hexdigest())
`
const names = Array.from({ length: 700 }, (_, index) => `data/${index % 7}/file ${String(index).padStart(4, '0')}`)
const digestOf = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex')

describe.skipIf(problem)(`a head start over SSH${problem === undefined ? '' : ` (${problem})`}`, () => {
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

  /** A project whose contents no other has; half of its small files have a twin. */
  async function project(client: ReturnType<typeof openClient>) {
    const small = names.map((name, index) => [name, randomBytes(index % 50 === 0 ? 0 : 3000)] as const)
    const contents = new Map([...small.slice(0, 350), ...small.slice(350).map(([name], index) => [name, small[index]![1]] as const)])
    const long = randomBytes(9_000_000)
    contents.set('data/0/long', long)
    const request = await client.request({ 'main.py': script, ...Object.fromEntries(contents) })
    const expected = digestOf(Buffer.concat([...contents.keys()].toSorted().map((name) => contents.get(name)!)))
    const files = request.snapshot.entries.filter((entry): entry is SnapshotFile => entry.kind === 'file')
    return { request, expected, long, files }
  }

  async function* reading(files: readonly SnapshotFile[], long: Buffer): AsyncGenerator<ReadFile> {
    for (const file of files) yield file.path === 'data/0/long' ? growing(file, long) : file
  }

  /** Its digest is known when its content has been taken, or after a second. */
  function growing({ path, size, executable, digest }: SnapshotFile, content: Buffer): LongFile {
    const end = Promise.withResolvers<string>()
    setTimeout(end.resolve, 1000, digest)
    return {
      kind: 'long',
      path,
      size,
      executable,
      digest: end.promise,
      async *content() {
        for (let offset = 0; offset < content.length; offset += 1_000_000) yield content.subarray(offset, offset + 1_000_000)
        end.resolve(digest)
      },
    }
  }

  it('leaves nothing for the submit to send, and what is the same is sent once', async () => {
    await using client = openClient(machine, proxy.port)
    const { request, expected, long, files } = await project(client)
    const { target } = client
    const prepared = await target.prepare(request, { ...options, build: false })
    const before = proxy.bytes.toServer
    await target.receive?.(request, reading(files, long), options)
    const said: string[] = []
    const telling: CallOptions = { ...options, report: ({ message }) => void said.push(message) }
    const reference = await target.submit(request, prepared, telling)
    expect(said.filter((message) => message.startsWith('sending'))).toEqual([])
    expect(await outputOf(target, reference)).toEqual({ text: `${expected}\n`, state: 'completed' })
    // Small files once, the long one, and less than half a megabyte of names, digests and framing for each.
    expect(proxy.bytes.toServer - before).toBeLessThan(350 * 3000 + long.length + 700_000)

    const again = { ...request, runId: `${request.runId}_again` }
    const sent = proxy.bytes.toServer
    await target.receive?.(again, reading(files, long), options)
    expect(proxy.bytes.toServer - sent).toBeLessThan(300_000)
    const second = await target.submit(again, prepared, options)
    expect(await outputOf(target, second)).toEqual({ text: `${expected}\n`, state: 'completed' })
  })

  it.each([0.1, 0.5, 0.9])('costs nothing but time when the line is cut at %d of it', async (part) => {
    await using client = openClient(machine, proxy.port)
    const { request, expected, long, files } = await project(client)
    const prepared = await client.target.prepare(request, { ...options, build: false })
    const before = proxy.bytes.toServer
    const cutting = setInterval(() => {
      if (proxy.bytes.toServer - before < part * 10_000_000) return
      clearInterval(cutting)
      proxy.cut()
    }, 1)
    await client.target.receive?.(request, reading(files, long), options).catch(() => {})
    clearInterval(cutting)
    const reference = await client.target.submit(request, prepared, options)
    expect(await outputOf(client.target, reference)).toEqual({ text: `${expected}\n`, state: 'completed' })
  })
})
