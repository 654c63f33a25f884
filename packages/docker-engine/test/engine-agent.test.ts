import { mkdtempSync, rmSync } from 'node:fs'
import { type Agent, type IncomingMessage, createServer, request } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type Host, localHost } from '@errand/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineAgent } from '../src/engine-agent.ts'

const folder = mkdtempSync(join(tmpdir(), 'errand-engine-agent-'))
const path = join(folder, 'engine.sock')
const accepted: Socket[] = []
const server = createServer((_, answer) => answer.end('answer'))
  .on('connection', (socket) => accepted.push(socket))
  .on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Upgraded\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'))

/** Notes what is made. */
function countingHost(): { host: Host; made: Duplex[] } {
  const inner = localHost()
  const made: Duplex[] = []
  const host: Host = {
    ...inner,
    async connect(to) {
      const connection = await inner.connect(to)
      made.push(connection)
      return connection
    },
  }
  return { host, made }
}

function ask(agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const answered = (answer: IncomingMessage) => void answer.resume().once('end', resolve)
    request({ agent, host: 'docker' }, answered).once('error', reject).end()
  })
}

function takeOver(agent: Agent): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'tcp' }
    const sent = request({ agent, host: 'docker', headers }).once('error', reject)
    sent.once('upgrade', (_, socket) => resolve(socket)).end()
  })
}

describe('the connections to an engine', () => {
  beforeAll(() => new Promise<void>((resolve) => server.listen(path, resolve)))
  afterAll(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('have one spare at most, which the next call takes', async () => {
    const { host, made } = countingHost()
    const agent = new EngineAgent(host, { to: { path }, from: 'the test' })
    agent.keepSpare()
    agent.keepSpare()
    await ask(agent)
    expect(made).toHaveLength(1)
    agent.destroy()
  })

  it('all end with it: the one that a container has, the one in use, and the spare', async () => {
    const { host, made } = countingHost()
    const agent = new EngineAgent(host, { to: { path }, from: 'the test' })
    agent.keepSpare(await host.connect({ path }))
    await takeOver(agent)
    await ask(agent)
    agent.keepSpare()
    agent.destroy()
    await expect.poll(() => made.map(({ destroyed }) => destroyed)).toEqual([true, true, true])
  })
})
