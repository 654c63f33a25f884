import type { Host } from '@errand/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Agent, openAgent } from '../src/index.ts'
import { unlessAborted } from '../src/repeated-call.ts'
import { type FakeAgentProcess, fakeAgentProcess, helloLine } from './fake-agent-process.ts'

let processes: FakeAgentProcess[]
let silent: boolean
/** Resolves once so many processes were started. */
let started: (count: number) => Promise<void>
let agent: Agent
beforeEach(async () => {
  processes = []
  silent = false
  const waiting: { count: number; resolve(): void }[] = []
  started = (count) => new Promise((resolve) => (processes.length >= count ? resolve() : void waiting.push({ count, resolve })))
  const spawn: Host['spawn'] = async () => {
    const child = fakeAgentProcess()
    if (!silent) child.stdout.write(helloLine)
    child.stdin.on('data', () => {})
    processes.push(child)
    for (const { count, resolve } of waiting) if (processes.length >= count) resolve()
    return child
  }
  const host = { name: 'place', home: '/home/user', spawn } as unknown as Host
  agent = await openAgent({ host, pythons: ['python3'], signal: new AbortController().signal })
})
afterEach(() => agent[Symbol.asyncDispose]())

const signal = () => new AbortController().signal

/** What a call fails with, listened for from the start. */
const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )

it('starts no new process for a call that is open while it is closed', async () => {
  const open = failure(agent.call('read', { run: 'run_1' }, { signal: signal() }))
  await agent[Symbol.asyncDispose]()
  expect(await open).toMatchObject({ code: 'AGENT_CLOSED' })
  await expect(agent.call('status', {}, { signal: signal() })).rejects.toMatchObject({ code: 'AGENT_CLOSED' })
  expect(processes).toHaveLength(1)
})

it('ends the process that is being started while it is closed', async () => {
  silent = true
  const open = failure(agent.call('read', { run: 'run_1' }, { signal: signal() }))
  await processes[0]?.kill('SIGKILL')
  await started(2)
  await agent[Symbol.asyncDispose]()
  expect(await open).toMatchObject({ code: 'AGENT_CLOSED' })
  expect(processes.map(({ signals }) => signals)).toEqual([['SIGKILL'], ['SIGKILL']])
})

it('closes the process that was started for a call that gave up meanwhile', async () => {
  silent = true
  const giving = new AbortController()
  const open = failure(agent.call('read', { run: 'run_1' }, { signal: giving.signal }))
  await processes[0]?.kill('SIGKILL')
  await started(2)
  giving.abort(new Error('given up'))
  expect(await open).toEqual(new Error('given up'))
  processes[1]?.stdout.write(helloLine)
  await new Promise((resolve) => setImmediate(resolve))
  await agent[Symbol.asyncDispose]()
  expect(await processes[1]?.exit).toEqual({ exitCode: 0 })
})

it('leaves nobody a failure that was given up before it came', async () => {
  const unhandled: unknown[] = []
  const listen = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', listen)
  const { promise, reject } = Promise.withResolvers<void>()
  await expect(unlessAborted(promise, AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up')
  reject(new Error('too late'))
  await new Promise((resolve) => setTimeout(resolve, 10))
  process.off('unhandledRejection', listen)
  expect(unhandled).toEqual([])
})

it('stores the agent again when the way was cut off in the midst of it', async () => {
  const exits = [{}, { exitCode: 0 }]
  let stored = 0
  const host = {
    name: 'place',
    home: '/home/user',
    async spawn() {
      const child = fakeAgentProcess()
      if (exits.length === 0) child.stdout.write(helloLine)
      else {
        child.stderr.write("python3: can't open file")
        child.stdin.resume().end()
      }
      return child
    },
    async run() {
      stored += 1
      return { ...exits.shift(), stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
    },
  } as unknown as Host
  await using opened = await openAgent({ host, pythons: ['python3'], signal: signal() })
  expect([opened.hello.protocol, stored]).toEqual([1, 2])
})
