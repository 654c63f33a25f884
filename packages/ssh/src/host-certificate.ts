import { type KeyObject, createPublicKey, verify } from 'node:crypto'
import { matchesPatterns } from './patterns.ts'
import { readWire, wireString } from './wire.ts'

/** What a certificate authority says of a host key: OpenSSH's PROTOCOL.certkeys, version 01. */
export interface HostCertificate {
  /** The host's plain key, as it stands in known_hosts. */
  readonly key: Buffer
  readonly authority: Buffer
  readonly principals: readonly string[]
  readonly keyId: string
  /** Seconds since 1970. */
  readonly validAfter: bigint
  readonly validBefore: bigint
}

const suffix = '-cert-v01@openssh.com'
const hostType = 2
/** Number of fields that the public key itself has in a certificate. */
const keyFields: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
}

/** A certificate whose signature is right; undefined for anything else, or when it is no host's or asks for what we do not know. */
export function readHostCertificate(blob: Buffer): HostCertificate | undefined {
  try {
    return parse(blob)
  } catch {
    return undefined
  }
}

function parse(blob: Buffer): HostCertificate | undefined {
  const reader = readWire(blob)
  const type = reader.string().toString('latin1')
  const plainType = type.endsWith(suffix) ? type.slice(0, -suffix.length) : ''
  const fields = keyFields[plainType]
  if (fields === undefined) return undefined
  reader.string()
  const key = Buffer.concat([wireString(plainType), ...Array.from({ length: fields }, () => wireString(reader.string()))])
  reader.uint64()
  const kind = reader.uint32()
  const keyId = reader.string().toString('utf8')
  const principals = readStrings(reader.string())
  const validAfter = reader.uint64()
  const validBefore = reader.uint64()
  const criticalOptions = reader.string()
  reader.string()
  reader.string()
  const authority = reader.string()
  const signed = blob.subarray(0, reader.offset)
  const signature = reader.string()
  if (kind !== hostType || criticalOptions.length > 0 || reader.rest > 0) return undefined
  if (!isSignedBy(authority, signed, signature)) return undefined
  return { key, authority, principals, keyId, validAfter, validBefore }
}

function readStrings(bytes: Buffer): readonly string[] {
  const reader = readWire(bytes)
  const strings: string[] = []
  while (reader.rest > 0) strings.push(reader.string().toString('utf8'))
  return strings
}

/** True when the certificate speaks of that host, by name, at that time (milliseconds). One that names no host speaks of none. */
export function certifies(certificate: HostCertificate, host: string, now: number): boolean {
  const seconds = BigInt(Math.floor(now / 1000))
  return certificate.validAfter <= seconds && seconds < certificate.validBefore && matchesPatterns(certificate.principals, host)
}

function isSignedBy(authority: Buffer, data: Buffer, signature: Buffer): boolean {
  const reader = readWire(signature)
  const algorithm = reader.string().toString('latin1')
  const value = reader.string()
  const key = publicKeyOf(authority)
  const type = readWire(authority).string().toString('latin1')
  if (type === 'ssh-ed25519' && algorithm === type) return verify(null, data, key, value)
  if (type === 'ssh-rsa') {
    const hash = rsaHashes[algorithm]
    return hash !== undefined && verify(hash, data, key, value)
  }
  const curve = curves[type]
  if (curve === undefined || algorithm !== type) return false
  const numbers = readWire(value)
  const halves = [numbers.string(), numbers.string()].map((number) => padded(number, curve.size))
  return verify(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat(halves))
}

/** SHA-1 signatures are not taken. */
const rsaHashes: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }

const curves: Readonly<Record<string, { readonly name: string; readonly size: number; readonly hash: string }>> = {
  'ecdsa-sha2-nistp256': { name: 'P-256', size: 32, hash: 'sha256' },
  'ecdsa-sha2-nistp384': { name: 'P-384', size: 48, hash: 'sha384' },
  'ecdsa-sha2-nistp521': { name: 'P-521', size: 66, hash: 'sha512' },
}

function publicKeyOf(blob: Buffer): KeyObject {
  const reader = readWire(blob)
  const type = reader.string().toString('latin1')
  const text = (bytes: Buffer) => bytes.toString('base64url')
  if (type === 'ssh-ed25519') return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text(reader.string()) }, format: 'jwk' })
  if (type === 'ssh-rsa') {
    const e = text(unsigned(reader.string()))
    return createPublicKey({ key: { kty: 'RSA', e, n: text(unsigned(reader.string())) }, format: 'jwk' })
  }
  const curve = curves[type]
  if (curve === undefined) throw new RangeError(`${type} is no type of key that is known here`)
  reader.string()
  const point = reader.string()
  const x = point.subarray(1, 1 + curve.size)
  return createPublicKey({ key: { kty: 'EC', crv: curve.name, x: text(x), y: text(point.subarray(1 + curve.size)) }, format: 'jwk' })
}

/** A number of SSH has a zero in front when its first bit is set. */
const unsigned = (number: Buffer): Buffer => (number[0] === 0 ? number.subarray(1) : number)

function padded(number: Buffer, size: number): Buffer {
  const bare = unsigned(number)
  return Buffer.concat([Buffer.alloc(Math.max(0, size - bare.length)), bare])
}
