import { createServer } from 'node:net'
import { type FaultyProxy, type Sshd, sshdProblem, startFaultyProxy, startSshd } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type SshOptions, openSshHost } from '../src/index.ts'
import { answerAfterCut, neverAborted, openTestHost, refusalOf, testOptions, textOf } from './open-test-host.ts'

const problem = sshdProblem()
const signal = neverAborted()

describe.skipIf(problem)(`a bad network before a real sshd${problem ? ` (${problem})` : ''}`, () => {
  let server: Sshd
  beforeAll(async () => {
    server = await startSshd()
  })
  afterAll(() => server?.stop())

  const through = (proxy: FaultyProxy, changes: Partial<SshOptions> = {}) => openSshHost(testOptions(server, proxy.port, changes))

  it('says that there is no such machine', async () => {
    const destination = { address: 'no-such-machine.invalid', username: 'me' }
    const refusal = await refusalOf(openTestHost(server, { destination }))
    expect(refusal).toMatchObject({ code: 'HOST_UNKNOWN', message: expect.stringContaining('no-such-machine.invalid') as string })
  })

  it('says that nothing listens', async () => {
    expect(await refusalOf(openTestHost(server, { destination: { address: '127.0.0.1:1', username: 'me' } }))).toMatchObject({
      code: 'CONNECTION_REFUSED',
    })
  })

  it('says that a server closes during the key exchange', async () => {
    for (const greeting of ['', 'SSH-2.0-test\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const closing = createServer((socket) => socket.on('error', () => {}).end(greeting))
      await new Promise<void>((resolve) => closing.listen(0, '127.0.0.1', resolve))
      const { port } = closing.address() as { port: number }
      expect(await refusalOf(openSshHost(testOptions(server, port)))).toMatchObject({ code: 'CONNECTION_CLOSED' })
      closing.close()
    }
  })

  it('gives up a machine that takes the connection and says nothing', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const options = { ...testOptions(server, port), loginLimit: 300 }
    expect(await refusalOf(openSshHost(options))).toMatchObject({ code: 'CONNECTION_TIMED_OUT' })
    silent.close()
  })

  it('stops opening when it is told to', async () => {
    await using proxy = await startFaultyProxy(server.port)
    proxy.stall()
    const controller = new AbortController()
    const opening = through(proxy, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
  })

  it('fails the calls under way with CONNECTION_LOST and connects again at the next', async () => {
    await using proxy = await startFaultyProxy(server.port)
    const warnings: string[] = []
    await using host = await through(proxy, { log: { debug() {}, info() {}, warn: (message) => void warnings.push(message) } })
    const running = host.run(['sh', '-c', 'echo begun; sleep 600'], { signal })
    const child = await host.spawn(['cat'], { signal })
    proxy.cut()
    expect(await refusalOf(running)).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(await child.exit).toEqual({})
    await expect(child.stdout[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    proxy.refuse()
    const waiting = host.run(['echo', 'again'], { signal })
    await expect.poll(() => warnings.length, { timeout: 60_000 }).toBeGreaterThan(0)
    proxy.accept()
    expect((await waiting).stdout.toString()).toBe('again\n')
    expect(proxy.connections).toBe(2)
    expect(warnings[0]).toMatch(/Trying again in 1 s/)
  })

  it('lets nothing go on that was run over a connection that was cut', async () => {
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy)
    const mark = `errand-${process.pid}-${Date.now()}`
    const running = host.run(['sh', '-c', 'sleep 600 & wait', mark], { signal })
    const alive = async () => {
      const look = `for one in /proc/[0-9]*; do tr '\\0' ' ' < $one/cmdline; echo; done 2>/dev/null | grep -c "[s]h -c sleep 600 & wait $1"`
      return Number((await host.run(['sh', '-c', look, 'sh', mark], { signal })).stdout)
    }
    await expect.poll(alive, { timeout: 60_000 }).toBe(1)
    proxy.cut()
    expect(await refusalOf(running)).toMatchObject({ code: 'CONNECTION_LOST' })
    await expect.poll(alive, { timeout: 60_000 }).toBe(0)
  })

  it('connects once for all calls that wait for it', async () => {
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy)
    const child = await host.spawn(['cat'], { signal })
    proxy.cut()
    await child.exit
    const results = await Promise.all(Array.from({ length: 10 }, (_, index) => host.run(['echo', String(index)], { signal })))
    expect(results.map(({ stdout }) => Number(stdout))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(proxy.connections).toBe(2)
  })

  it('says that it waits for a connection that was lost', async () => {
    const { promise: said, resolve } = Promise.withResolvers<string>()
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy, { log: { debug() {}, info() {}, warn: resolve } })
    proxy.stall()
    proxy.cut()
    const running = answerAfterCut(host)
    expect(await said).toBe(`The connection to ${host.name} was lost. Connecting again.`)
    proxy.flow()
    expect(await running).toBe(0)
  })

  it('comes back also when it slept while it tried to', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const told: string[] = []
    await using proxy = await startFaultyProxy(server.port)
    const warn = (message: string) => {
      if (told.push(message) === 2) proxy.accept()
      vi.setSystemTime(Date.now() + 3_600_000)
    }
    await using host = await through(proxy, { log: { debug() {}, info() {}, warn } })
    proxy.refuse()
    proxy.cut()
    expect(await answerAfterCut(host)).toBe(0)
    expect(told.length).toBe(2)
  })

  it('gives up a network that stays away', async () => {
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy, { reconnectLimit: 500 })
    const child = await host.spawn(['cat'], { signal })
    proxy.refuse()
    proxy.cut()
    await child.exit
    expect(await refusalOf(host.run(['true'], { signal }))).toMatchObject({ code: 'CONNECTION_CLOSED' })
    proxy.accept()
    expect(await host.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
  })

  it('notices that nothing comes any more, and does not wait for it', async () => {
    // Time between two questions whether the server is there passes by the test's clock: only when no answer can come.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy)
    const child = await host.spawn(['cat'], { signal })
    proxy.stall()
    let noticed = false
    const refusal = refusalOf(textOf(child.stdout)).finally(() => (noticed = true))
    const waitForAnswer = () => {
      vi.advanceTimersByTime(15_000)
      return noticed
    }
    await expect.poll(waitForAnswer, { timeout: 60_000 }).toBe(true)
    expect(await refusal).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(await child.exit).toEqual({})
    proxy.flow()
    expect(await host.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
  })

  it('takes a half-closed connection for a lost one', async () => {
    for (const direction of ['toServer', 'toClient'] as const) {
      await using proxy = await startFaultyProxy(server.port)
      await using host = await through(proxy)
      const child = await host.spawn(['cat'], { signal })
      proxy.halfClose(direction)
      expect(await refusalOf(textOf(child.stdout)), direction).toMatchObject({ code: 'CONNECTION_LOST' })
      expect(await child.exit).toEqual({})
      expect(await host.run(['true'], { signal }), direction).toMatchObject({ exitCode: 0 })
    }
  })

  it('never takes part of an output for all of it', async () => {
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy)
    for (const bytes of [1000, 40_000, 300_000, 1_900_000]) {
      proxy.cutAfter(bytes)
      const running = host.run(['head', '-c', '2000000', '/dev/zero'], { signal })
      expect(await refusalOf(running)).toMatchObject({ code: 'CONNECTION_LOST' })
    }
    proxy.cutAfter(Infinity)
    expect((await host.run(['head', '-c', '2000000', '/dev/zero'], { signal })).stdout.length).toBe(2_000_000)
  })

  it('leaves the old file when the connection breaks in the midst of a new one', async () => {
    await using proxy = await startFaultyProxy(server.port)
    await using host = await through(proxy)
    const path = `${host.home}/cut-${process.pid}`
    await host.writeFile(path, 'old')
    const writing = host.writeFile(path, Buffer.alloc(50_000_000))
    await expect.poll(() => proxy.bytes.toServer, { interval: 1, timeout: 60_000 }).toBeGreaterThan(100_000)
    proxy.cut()
    expect(await refusalOf(writing)).toMatchObject({ code: 'CONNECTION_LOST' })
    expect((await host.readFile(path)).toString()).toBe('old')
    await expect
      .poll(async () => (await host.run(['sh', '-c', 'ls "$1"*', 'sh', path], { signal })).stdout.toString(), { timeout: 60_000 })
      .toBe(`${path}\n`)
    await host.run(['rm', path], { signal })
  })

  it('is closed for good by its owner', async () => {
    const host = await openTestHost(server)
    await host[Symbol.asyncDispose]()
    expect(await refusalOf(host.run(['true'], { signal }))).toMatchObject({ code: 'HOST_CLOSED' })
  })
})
