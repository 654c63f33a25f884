import { KeyObject, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import ssh2 from 'ssh2'
import { sshdProblem, startSshd } from '@errand/testkit/servers'
import { describe, expect, it } from 'vitest'
import { cipherOf, giveKeyObject } from '../src/cipher-key.ts'

const problem = sshdProblem()

describe.skipIf(problem)(`the key of a connection${problem ? ` (${problem})` : ''}`, () => {
  it('is an object where the library looks for it, also after keys were exchanged again, and what is sent arrives', async () => {
    await using server = await startSshd({ lines: ['RekeyLimit 1M'] })
    const client = new ssh2.Client()
    const keys: unknown[] = []
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
    client.on('ready', resolve).on('error', reject)
    client.on('handshake', () => {
      giveKeyObject(client)
      keys.push(cipherOf(client)?.['_encKey'])
    })
    client.connect({ host: server.address, port: server.port, username: server.user, privateKey: readFileSync(server.key.file) })
    await ready
    const sent = randomBytes(8_000_000)
    const received = await new Promise<Buffer>((answer, fail) => {
      client.exec('cat', (error, channel) => {
        if (error) return fail(error)
        const chunks: Buffer[] = []
        channel.on('data', (chunk: Buffer) => void chunks.push(chunk))
        channel.on('close', () => answer(Buffer.concat(chunks)))
        channel.end(sent)
      })
    })
    client.end()
    expect(received.equals(sent)).toBe(true)
    expect(keys.length).toBeGreaterThan(2)
    expect(keys.filter((key) => !(key instanceof KeyObject))).toEqual([])
  })
})
