import { type AddressInfo, connect, createServer } from 'node:net'
import { type CallOptions, localHost } from '@errand/core'
import { type DockerEngine, dockerProblem, sharedDockerEngine, startFaultyProxy } from '@errand/testkit/servers'
import { beforeAll, describe, expect, it } from 'vitest'
import { holdBuildLock } from '../src/build-lock.ts'
import { openEngine } from '../src/index.ts'

const problem = dockerProblem()
const hour = 3600

describe.skipIf(problem !== undefined)(`the lock of a build${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  let server: DockerEngine
  let image: string
  const options: CallOptions = { signal: new AbortController().signal, report: () => {} }
  const never = async () => false
  const key = (name: string) => `lock-${name}-${process.pid}`
  beforeAll(async () => {
    server = await sharedDockerEngine()
    image = await server.image('bare')
  })

  /** The engine at the end of a link that can break. */
  async function farEngine() {
    const relay = createServer((client) => {
      const socket = connect(server.socket)
      for (const [from, onto] of [
        [client, socket],
        [socket, client],
      ] as const)
        from.on('error', () => onto.destroy()).pipe(onto)
    })
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    const proxy = await startFaultyProxy((relay.address() as AddressInfo).port)
    const engine = await openEngine({ host: localHost(), address: `tcp://127.0.0.1:${proxy.port}` }, options)
    return {
      proxy,
      engine,
      async [Symbol.asyncDispose]() {
        await engine[Symbol.asyncDispose]()
        await proxy[Symbol.asyncDispose]()
        relay.close()
      },
    }
  }

  const nearEngine = () => openEngine({ host: localHost(), address: server.socket }, options)

  it.each([
    ['was silent for too long, its link dead without a word', 'stall', 2],
    ['has lost its link', 'cut', hour],
  ] as const)('is open when its holder %s', async (_name, breakage, silence) => {
    await using far = await farEngine()
    await using near = await nearEngine()
    await using first = await holdBuildLock(far.engine, key(breakage), image, never, options, { beat: 50, silence })
    expect(first).toBeDefined()
    far.proxy[breakage]()
    let second: AsyncDisposable | undefined
    while (second === undefined) second = await holdBuildLock(near, key(breakage), image, never, options)
    await using _ = second
    // What is told of the first at last takes nothing from the second.
    far.proxy.flow()
    await first?.[Symbol.asyncDispose]()
    expect((await near.docker.getContainer(`errand-building-${key(breakage)}`).inspect()).State.Running).toBe(true)
  })

  it('counts its time anew with every sign of life', async () => {
    await using engine = await nearEngine()
    await using held = await holdBuildLock(engine, key('alive'), image, never, options, { beat: 50, silence: hour })
    expect(held).toBeDefined()
    const clocks = async () => {
      const { Processes } = await server.api<{ readonly Processes: readonly (readonly string[])[] }>(
        'GET',
        `/containers/errand-building-${key('alive')}/top?ps_args=${encodeURIComponent('-o pid,args')}`,
      )
      return Processes.filter(([, command = '']) => command.startsWith('sleep')).map(([pid]) => pid)
    }
    const seen = new Set(await clocks())
    await expect
      .poll(
        async () => {
          for (const pid of await clocks()) seen.add(pid)
          return seen.size
        },
        { timeout: 200_000 },
      )
      .toBeGreaterThan(2)
  })
})
