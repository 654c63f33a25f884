import { KeyObject, createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import ssh2 from 'ssh2'
import { sshdProblem, startSshd } from '@errand/testkit/servers'
import { describe, expect, it } from 'vitest'
import { cipherOf, giveKeyObject } from '../src/cipher-key.ts'

const problem = sshdProblem()

/** A cipher, the type of the library's own key, which it has for one kind of cipher only, and how many MB are sent with it. */
const ciphers = [
  ['aes128-gcm@openssh.com', KeyObject, 100],
  ['aes256-ctr', undefined, 8],
  ['chacha20-poly1305@openssh.com', undefined, 8],
] as const

describe.skipIf(problem)(`the key of a connection${problem ? ` (${problem})` : ''}`, () => {
  it.each(ciphers)('for %s is an object where the library has one, while keys are exchanged often', async (cipher, kind, megabytes) => {
    await using server = await startSshd({ lines: ['RekeyLimit 1M', `Ciphers ${cipher}`] })
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
    const sent = Buffer.alloc(megabytes * 1_000_000, randomBytes(1_000_003))
    const received = await new Promise<Buffer>((answer, fail) => {
      client.exec('sha256sum', (error, channel) => {
        if (error) return fail(error)
        const chunks: Buffer[] = []
        channel.on('data', (chunk: Buffer) => void chunks.push(chunk))
        channel.on('close', () => answer(Buffer.concat(chunks)))
        channel.end(sent)
      })
    })
    client.end()
    expect(received.toString()).toBe(`${createHash('sha256').update(sent).digest('hex')}  -\n`)
    expect(keys.length).toBeGreaterThan(2)
    expect(keys.filter((key) => (kind === undefined ? key !== undefined : !(key instanceof kind)))).toEqual([])
  })
})
