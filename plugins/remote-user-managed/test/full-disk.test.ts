import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { findingsOf, outputOf } from '@errand/testkit'
import { sshdProblem } from '@errand/testkit/servers'
import { afterAll, describe, expect, it } from 'vitest'
import { openClient, options } from './remote-client.ts'
import { type RemoteMachine, startMachine } from './remote-suite.ts'

/** A machine whose folder for errand's files has room for a small run, and why there is none. */
async function startSmallMachine(): Promise<RemoteMachine | string> {
  const problem = sshdProblem()
  if (problem !== undefined) return problem
  const machine = await startMachine()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=777', 'tmpfs', machine.home], { stdio: 'pipe' })
    return machine
  } catch {
    await machine[Symbol.asyncDispose]()
    return 'needs to mount a small file system'
  }
}

const machine = await startSmallMachine()
afterAll(async () => {
  if (typeof machine === 'string') return
  execFileSync('umount', ['--lazy', machine.home])
  await machine[Symbol.asyncDispose]()
})

describe.skipIf(typeof machine === 'string')(`a machine with a full disk${typeof machine === 'string' ? ` (${machine})` : ''}`, () => {
  if (typeof machine === 'string') return
  const newClient = () => openClient(machine, machine.server.port)

  it('is said by check and by prepare before a run meets it', async () => {
    await using client = newClient()
    const space = (await findingsOf(client.target)).find(({ name }) => name === 'disk space')
    expect(space).toMatchObject({ outcome: 'warning', detail: expect.stringMatching(/^Only [\d.]+ [kM]B are free for /) })
    const request = { project: 'faults', projectId: 'faults', framework: 'python', environment: { kind: 'user-managed' } } as const
    await client.target.prepare(request, { ...options, build: true })
    expect(client.said.join('\n')).toMatch(/Only [\d.]+ [kM]B are free for /)
  })

  it('refuses a project that does not fit with a sentence, and runs one that does', async () => {
    await using client = newClient()
    const request = await client.request({ 'main.py': 'pass\n', 'big.bin': randomBytes(12_000_000) })
    await expect(client.submit(request)).rejects.toThrow(/space|full/i)
    const small = await client.request({ 'main.py': "print('ran')\n" })
    expect(await outputOf(client.target, await client.submit(small))).toEqual({ text: 'ran\n', state: 'completed' })
  })
})
