import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { readWire, wireString } from './wire.ts'

/**
 * Asks an SSH server for the certificate of its host key, over a connection of its own that ends with the answer. ssh2 can't negotiate
 * certificates, so the login uses the plain key; that the server owns it is proved there, that an authority vouches for it is read here.
 * A certificate carries its own signature: the way on which it came need not be trusted.
 * @returns the certificate's bytes, or undefined when the server has none for a key of that type.
 */
export async function requestHostCertificate(transport: Duplex, type: string): Promise<Buffer | undefined> {
  const timer = setTimeout(() => transport.destroy(), patience)
  try {
    transport.write('SSH-2.0-errand\r\n')
    for await (const message of messagesOf(transport)) {
      if (message[0] === messages.init) {
        transport.write(Buffer.concat([packet(keyExchangeInit(type)), packet(exchangeRequest())]))
      } else if (message[0] === messages.reply) {
        return readWire(message.subarray(1)).string()
      } else if (message[0] === messages.disconnect) return undefined
    }
    return undefined
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
    transport.destroy()
  }
}

const patience = 10_000
const messages = { disconnect: 1, init: 20, request: 30, reply: 31 } as const
const largestPacket = 256 * 1024

/** The messages of an SSH connection before it is encrypted (RFC 4253 §4.2 and §6). */
async function* messagesOf(transport: Duplex): AsyncGenerator<Buffer> {
  let bytes = Buffer.alloc(0)
  let greeted = false
  for await (const chunk of transport as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk])
    for (;;) {
      if (!greeted) {
        const end = bytes.indexOf('\n') + 1
        if (end === 0) break
        // Other lines may stand before the one that counts.
        greeted = bytes.toString('latin1', 0, 4) === 'SSH-'
        bytes = bytes.subarray(end)
        continue
      }
      if (bytes.length < 5) break
      const length = bytes.readUInt32BE()
      if (length > largestPacket) throw new RangeError('a packet is too long')
      if (bytes.length < 4 + length) break
      yield bytes.subarray(5, 4 + length - (bytes[4] ?? 0))
      bytes = bytes.subarray(4 + length)
    }
  }
}

function packet(payload: Buffer): Buffer {
  const padding = 16 - ((payload.length + 5) % 8)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(1 + payload.length + padding)
  head[4] = padding
  return Buffer.concat([head, payload, randomBytes(padding)])
}

function keyExchangeInit(type: string): Buffer {
  const prefixes = type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]
  const ciphers = 'aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com'
  const codes = 'hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com'
  const lists = [
    'curve25519-sha256,curve25519-sha256@libssh.org',
    prefixes.map((name) => `${name}-cert-v01@openssh.com`).join(','),
    ciphers,
    ciphers,
    codes,
    codes,
    'none',
    'none',
    '',
    '',
  ]
  return Buffer.concat([Buffer.from([messages.init]), randomBytes(16), ...lists.map(wireString), Buffer.alloc(5)])
}

/** Only the server's answer is wanted, so our secret is thrown away. */
function exchangeRequest(): Buffer {
  const { publicKey } = generateKeyPairSync('x25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  return Buffer.concat([Buffer.from([messages.request]), wireString(Buffer.from(x, 'base64url'))])
}
