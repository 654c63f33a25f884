import { createHash, createHmac } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ErrandError, errorCode, errorMessage } from '@errand/core'
import { matchesPatterns } from './patterns.ts'

/** A line of a known_hosts file that holds a key. */
export interface KnownHost {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly marker?: 'revoked' | 'cert-authority'
  /** Patterns, or one hashed name `|1|salt|hash`. */
  readonly names: string
  readonly type: string
  readonly key: Buffer
}

export type HostKeyOutcome =
  | { readonly kind: 'known'; readonly by: KnownHost }
  | { readonly kind: 'new' }
  | { readonly kind: 'changed'; readonly was: KnownHost }
  | { readonly kind: 'revoked'; readonly by: KnownHost }

/** The keys of those files that are there, in their order. Lines that hold none are passed over, as ssh does. */
export function readKnownHosts(files: readonly string[]): readonly KnownHost[] {
  return files.flatMap((file) => parseKnownHosts(readIfPresent(file) ?? '', file))
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(cause) ?? '')) return undefined
    throw new ErrandError('KNOWN_HOSTS_UNREADABLE', `${file} can't be read: ${errorMessage(cause)}.`, {
      hint: `See who may read it: ls -l '${file}'`,
      cause,
    })
  }
}

export function parseKnownHosts(text: string, file: string): readonly KnownHost[] {
  return text.split('\n').flatMap((line, index) => {
    const fields = line.trim().split(/\s+/)
    if (fields[0] === undefined || fields[0] === '' || fields[0].startsWith('#')) return []
    const marker = fields[0].startsWith('@') ? fields.shift()?.slice(1) : undefined
    const [names, type, key] = fields
    if (names === undefined || type === undefined || key === undefined) return []
    if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return []
    const blob = Buffer.from(key, 'base64')
    if (blob.length < 8 || keyType(blob) !== type) return []
    return [{ file, line: index + 1, names, type, key: blob, ...(marker === undefined ? {} : { marker }) }]
  })
}

/** The name of a machine in known_hosts: `host`, or `[host]:port` for another port than 22. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
}

/** The lines that speak of a machine, by its name as {@link knownHostName} gives it. */
export function linesFor(known: readonly KnownHost[], name: string): readonly KnownHost[] {
  return known.filter(({ names }) => (names.startsWith('|1|') ? matchesHash(names, name) : matchesPatterns(names.split(','), name)))
}

function matchesHash(names: string, name: string): boolean {
  const [, , salt = '', hash] = names.split('|')
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
}

/**
 * What the known keys of a machine say of the key that it shows. A machine that is known by another key has changed, also when the new key
 * is of another type: we ask for the known types first, so a machine that still had its key would have shown it.
 * @param authority the key that signed the machine's certificate for this key, when it has one.
 */
export function judgeHostKey(lines: readonly KnownHost[], key: Buffer, authority?: Buffer): HostKeyOutcome {
  const revoked = lines.find((line) => line.marker === 'revoked' && (line.key.equals(key) || (authority && line.key.equals(authority))))
  if (revoked) return { kind: 'revoked', by: revoked }
  const plain = lines.filter(({ marker }) => marker === undefined)
  const known = plain.find((line) => line.key.equals(key))
  if (known) return { kind: 'known', by: known }
  const vouching = authority && lines.find((line) => line.marker === 'cert-authority' && line.key.equals(authority))
  if (vouching) return { kind: 'known', by: vouching }
  const was = plain.find((line) => line.type === keyType(key)) ?? plain[0]
  return was ? { kind: 'changed', was } : { kind: 'new' }
}

/** `SHA256:…`, as ssh writes it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** The first word of a key's blob, `ssh-ed25519` for example. */
export function keyType(key: Buffer): string {
  return key.length < 4 ? '' : key.toString('latin1', 4, 4 + key.readUInt32BE(0))
}

/** Adds a line to a known_hosts file, which it makes when there is none. */
export function addKnownHost(file: string, name: string, key: Buffer): void {
  mkdirSync(dirname(file), { recursive: true })
  const text = readIfPresent(file) ?? ''
  const start = text === '' || text.endsWith('\n') ? '' : '\n'
  appendFileSync(file, `${start}${name} ${keyType(key)} ${key.toString('base64')}\n`, { mode: 0o600 })
}

/** The host key algorithms to ask for: first those of the keys that are known of the machine, else all in their usual order. */
export function hostKeyAlgorithms(lines: readonly KnownHost[], supported: readonly string[]): readonly string[] {
  const known = new Set(lines.filter(({ marker }) => marker === undefined).flatMap(({ type }) => algorithmsOf(type)))
  return [...supported.filter((name) => known.has(name)), ...supported.filter((name) => !known.has(name))]
}

const algorithmsOf = (type: string): readonly string[] => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type])
