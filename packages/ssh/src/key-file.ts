import { createPrivateKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import ssh2, { type ParsedKey } from 'ssh2'
import { ErrandError, errorCode, errorMessage } from '@errand/core'

/** A public key, the file that names it, and nothing else: its private half is with the agent. */
export interface PublicKeyFile {
  readonly path: string
  readonly publicKey: Buffer
}

/** A private key in a file. Its public half is known at once, so that a passphrase is asked for only when the server wants the key. */
export interface KeyFile extends PublicKeyFile {
  readonly encrypted: boolean
  /** The private key. Error `KEY_ENCRYPTED` when the passphrase is missing or wrong. */
  unlock(passphrase?: string): ParsedKey
}

/** Undefined when there is no such file, nor one of that name and `.pub`. Errors: `KEY_PERMISSIONS`, `KEY_UNREADABLE`. */
export function readKeyFile(path: string): KeyFile | PublicKeyFile | undefined {
  const text = readIfPresent(path)
  const publicKey = text === undefined ? publicKeyBeside(path) : publicKeyIn(text)
  if (publicKey !== undefined) return { path, publicKey }
  return text === undefined ? undefined : readPrivate(path, text)
}

function readPrivate(path: string, text: string): KeyFile {
  refuseOpen(path)
  const parsed = parseKey(text)
  if (!(parsed instanceof Error)) return { path, publicKey: parsed.getPublicSSH(), encrypted: false, unlock: () => parsed }
  if (!/no passphrase given|encrypted/i.test(parsed.message)) throw unreadable(path, parsed)
  const publicKey = readPublicHalf(path, text)
  if (publicKey === undefined)
    throw new ErrandError('KEY_UNREADABLE', `${path} is encrypted in an old format, and its public half ${path}.pub is missing.`, {
      hint: `Make it: ssh-keygen -y -f '${path}' > '${path}.pub'`,
    })
  return { path, publicKey, encrypted: true, unlock: (passphrase) => unlock(path, text, passphrase) }
}

function refuseOpen(path: string): void {
  const { mode, uid } = statSync(path)
  // As ssh: whoever may read another user's file is not to be warned of it. Windows has no such bits.
  const open = process.platform === 'win32' || uid !== process.getuid?.() ? 0 : mode & 0o077
  if (open === 0) return
  throw new ErrandError('KEY_PERMISSIONS', `Other users of this machine may read the private key ${path}, so it is not used.`, {
    hint: `chmod 600 '${path}'`,
  })
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(cause) ?? '')) return undefined
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): ErrandError {
  return new ErrandError('KEY_UNREADABLE', `${path} can't be used as a private key: ${errorMessage(cause)}.`, {
    hint: `See what ssh says of it: ssh-keygen -y -f '${path}'`,
    cause,
  })
}

function parseKey(text: string, passphrase?: string): ParsedKey | Error {
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(portable(text), passphrase)
  return Array.isArray(parsed) ? (parsed[0] as ParsedKey) : parsed
}

/** The key of a line as it stands in `.pub` files. */
function publicKeyIn(text: string | undefined): Buffer | undefined {
  const [, type = '', blob = ''] = /^\s*((?:ssh|ecdsa|sk)-\S+)\s+(AAAA\S+)/.exec(text ?? '') ?? []
  return type === '' ? undefined : Buffer.from(blob, 'base64')
}

/** That of the `.pub` file; one that can't be read is none, as for ssh. */
function publicKeyBeside(path: string): Buffer | undefined {
  try {
    return publicKeyIn(readFileSync(`${path}.pub`, 'utf8'))
  } catch {
    return undefined
  }
}

/** PKCS #8, which the library does not read, in the older form of RSA and EC keys. */
function portable(text: string): string {
  if (!text.includes('-----BEGIN PRIVATE KEY-----')) return text
  const key = createPrivateKey(text)
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString()
  if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString()
  return text
}

function unlock(path: string, text: string, passphrase: string | undefined): ParsedKey {
  const key = parseKey(text, passphrase ?? '')
  if (!(key instanceof Error)) return key
  throw new ErrandError(
    'KEY_ENCRYPTED',
    `The private key ${path} is encrypted${passphrase ? ', and the passphrase is not the right one' : ''}.`,
    {
      hint: `Load it into your agent: ssh-add '${path}'`,
    },
  )
}

/** From the file beside it, else from the part of the OpenSSH format that is not encrypted. */
function readPublicHalf(path: string, text: string): Buffer | undefined {
  const beside = publicKeyBeside(path)
  if (beside !== undefined) return beside
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]+)-----END/.exec(text)?.[1]
  if (body === undefined) return undefined
  const bytes = Buffer.from(body, 'base64')
  let offset = 'openssh-key-v1\0'.length
  const next = () => {
    const length = bytes.readUInt32BE(offset)
    const value = bytes.subarray(offset + 4, offset + 4 + length)
    offset += 4 + length
    return value
  }
  // Cipher, key derivation, its options; then the number of keys.
  next()
  next()
  next()
  offset += 4
  return next()
}
