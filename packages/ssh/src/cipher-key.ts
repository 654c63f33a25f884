import { createSecretKey } from 'node:crypto'
import type { Client } from 'ssh2'

/**
 * Gives the library the key that it encrypts with as an object of Node's. It hands the key over anew for each packet, and of plain bytes
 * Node 24 asks each time, by an exception with its stack, whether they are a key of Web Crypto: a sixth of the processor time of a large
 * upload. To be called after each exchange of keys. The fields are not part of the library's interface (ssh2 1.17): where they are others,
 * all works as without this, only slower.
 */
export function giveKeyObject(client: Client): void {
  const cipher = cipherOf(client)
  if (cipher?.['_encKey'] instanceof Buffer) cipher['_encKey'] = createSecretKey(cipher['_encKey'])
}

/** What encrypts what the library sends, if it is where it is expected. */
export function cipherOf(client: Client): Record<string, unknown> | undefined {
  const { ['_protocol']: protocol } = client as { ['_protocol']?: Record<string, Record<string, unknown> | undefined> }
  return protocol?.['_cipher']
}
