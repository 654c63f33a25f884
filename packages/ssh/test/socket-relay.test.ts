import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '@errand/core'
import { startSshd, sshdProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestHost } from './open-test-host.ts'

const problem = sshdProblem()

describe.skipIf(problem)(`sockets behind a server that forwards none${problem === undefined ? '' : ` (${problem})`}`, () => {
  let directory: string
  let socket: string
  const answer = Buffer.from('0123456789'.repeat(20_000))
  const server = createServer({ allowHalfOpen: true }, (connection) => void connection.on('error', () => {}).end(answer))

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'errand-relay-'))
    chmodSync(directory, 0o755)
    socket = join(directory, 'answers.sock')
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    chmodSync(socket, 0o777)
  })
  afterAll(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })

  async function reached(lines: readonly string[], use: (host: Host) => Promise<void>): Promise<void> {
    await using machine = await startSshd({ lines: ['AllowStreamLocalForwarding no', ...lines] })
    await using host = await openTestHost(machine)
    await use(host)
  }

  async function read(host: Host): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of await host.connect({ path: socket })) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }

  it('gives all that was sent before the end, to more connections than the server allows programs', () =>
    reached(['MaxSessions 2'], async (host) => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => read(host)))
      expect(answers.map(({ length }) => length)).toEqual(answers.map(() => answer.length))
      expect(answers.every((found) => found.equals(answer))).toBe(true)
    }))

  it('closes a connection that has ended there, so that nobody asks over it again', () =>
    reached([], async (host) => {
      const connection = (await host.connect({ path: socket })).resume()
      await expect.poll(() => connection.closed, { timeout: 30_000 }).toBe(true)
    }))

  it('names what is missing where no program can do it', async () => {
    const programs = join(directory, 'programs')
    mkdirSync(programs)
    for (const name of ['sh', 'uname', 'grep']) symlinkSync(`/usr/bin/${name}`, join(programs, name))
    await reached([`SetEnv PATH=${programs}`], async (host) => {
      await expect(read(host)).rejects.toMatchObject({
        code: 'SOCKET_RELAY_MISSING',
        message: expect.stringContaining('neither docker nor socat nor an nc'),
        hint: expect.stringContaining('AllowStreamLocalForwarding'),
      })
    })
  })
})
