import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { ErrandError, type Logger, type TargetContext } from '@errand/core'
import { requestHostCertificate } from './certificate-request.ts'
import { certifies, readHostCertificate } from './host-certificate.ts'
import {
  type HostKeyOutcome,
  type KnownHost,
  addKnownHost,
  fingerprint,
  judgeHostKey,
  keyType,
  knownHostName,
  linesFor,
  readKnownHosts,
} from './known-hosts.ts'
import type { ResolvedDestination } from './ssh-config.ts'

export interface HostKeyPolicy {
  /** Folder of one target, in whose known_hosts its keys were kept at first. */
  readonly stateDirectory: string
  /** Folder of all targets of the project: a machine is accepted once, whatever targets it is. Without it the folder of the target. */
  readonly sharedDirectory?: string
  /** Fingerprints that the user accepts for machines that are not known yet, separated by blanks or commas. */
  readonly acceptHostKey?: string
  /** Instead of the files of the user and the machine. */
  readonly knownHostsFiles?: readonly string[]
  /** The command that accepts a fingerprint, for the hint. */
  acceptCommand(fingerprint: string): string
  readonly ask: TargetContext<unknown>['ask']
  readonly log: Logger
}

/** Files of the project; an accepted key goes into the first. */
function projectKnownHosts({ sharedDirectory, stateDirectory }: HostKeyPolicy): readonly [string, ...string[]] {
  const own = join(stateDirectory, 'known_hosts')
  return sharedDirectory === undefined ? [own] : [join(sharedDirectory, 'known_hosts'), own]
}

/** All that the files say of one machine. */
export interface KnownKeys {
  readonly name: string
  /** The name that a certificate must carry: without the port. */
  readonly host: string
  readonly lines: readonly KnownHost[]
  /** For another port than 22: what is said of the name without the port. As with ssh it can confirm or revoke a key, no more. */
  readonly withoutPort: readonly KnownHost[]
}

export function knownKeysOf(destination: ResolvedDestination, policy: HostKeyPolicy): KnownKeys {
  const users = policy.knownHostsFiles ?? [...destination.userKnownHostsFiles, ...destination.globalKnownHostsFiles]
  const known = readKnownHosts([...users, ...projectKnownHosts(policy)])
  const host = destination.hostKeyAlias ?? destination.host
  const port = destination.hostKeyAlias === undefined ? destination.port : 22
  const name = knownHostName(host, port)
  return { name, host, lines: linesFor(known, name), withoutPort: port === 22 ? [] : linesFor(known, knownHostName(host, 22)) }
}

/**
 * Returns when the key may be trusted: it is known, or an authority that is known vouches for it, or it is new and the user accepts it now,
 * which is kept in the project's file. A changed or revoked key is an error, whatever was accepted.
 * Errors: `HOST_KEY_UNKNOWN`, `HOST_KEY_CHANGED`, `HOST_KEY_REVOKED`.
 * @param openTransport makes a second connection to the machine, to ask for its certificate.
 */
export async function verifyHostKey(
  known: KnownKeys,
  key: Buffer,
  policy: HostKeyPolicy,
  openTransport: () => Promise<Duplex>,
): Promise<void> {
  let outcome = judge(known, key)
  if (needsAuthority(known, outcome)) outcome = judge(known, key, await findAuthority(known, key, openTransport))
  if (outcome.kind === 'known') return
  if (outcome.kind === 'new') return acceptNew(known, key, policy)
  throw refusals[outcome.kind](known.name, key, outcome as never)
}

function judge(known: KnownKeys, key: Buffer, authority?: Buffer): HostKeyOutcome {
  const outcome = judgeHostKey(known.lines, key, authority)
  if (outcome.kind === 'known' || outcome.kind === 'revoked') {
    const other = judgeHostKey(known.withoutPort, key, authority)
    return other.kind === 'revoked' ? other : outcome
  }
  const other = judgeHostKey(known.withoutPort, key, authority)
  return other.kind === 'revoked' || (other.kind === 'known' && outcome.kind === 'new') ? other : outcome
}

function needsAuthority(known: KnownKeys, outcome: HostKeyOutcome): boolean {
  const lines = [...known.lines, ...known.withoutPort]
  return (outcome.kind === 'new' || outcome.kind === 'changed') && lines.some(({ marker }) => marker === 'cert-authority')
}

/** The authority that certifies this very key for this machine today. */
async function findAuthority(known: KnownKeys, key: Buffer, openTransport: () => Promise<Duplex>): Promise<Buffer | undefined> {
  const blob = await requestHostCertificate(await openTransport(), keyType(key))
  const certificate = blob && readHostCertificate(blob)
  return certificate && certificate.key.equals(key) && certifies(certificate, known.host, Date.now()) ? certificate.authority : undefined
}

type Refusing = Exclude<HostKeyOutcome, { kind: 'known' | 'new' }>

const refusals: {
  readonly [Kind in Refusing['kind']]: (name: string, key: Buffer, outcome: Extract<Refusing, { kind: Kind }>) => ErrandError
} = {
  changed: (name, key, { was }) =>
    new ErrandError(
      'HOST_KEY_CHANGED',
      `${name} shows another key than it did: now ${describe(key)}; known since ${was.file}:${was.line} is ${describe(was.key)}. ` +
        'Somebody may be listening in, or the machine was set up anew.',
      {
        hint: `Ask its administrator for the new fingerprint. Only if it is the one above: remove line ${was.line} of ${was.file} and connect again.`,
      },
    ),
  revoked: (name, key, { by }) =>
    new ErrandError('HOST_KEY_REVOKED', `The key that ${name} shows, ${describe(key)}, is marked as revoked in ${by.file}:${by.line}.`, {
      hint: 'Do not connect: ask its administrator.',
    }),
}

const describe = (key: Buffer): string => `${keyType(key)} ${fingerprint(key)}`

async function acceptNew(known: KnownKeys, key: Buffer, policy: HostKeyPolicy): Promise<void> {
  const shown = fingerprint(key)
  const accepted = policy.acceptHostKey?.split(/[\s,]+/).filter(Boolean) ?? []
  if (!accepted.includes(shown)) await askUser(known, key, policy, accepted)
  const [file] = projectKnownHosts(policy)
  addKnownHost(file, known.name, key)
  policy.log.info(`The key of ${known.name}, ${describe(key)}, is kept in ${file}.`)
}

async function askUser(known: KnownKeys, key: Buffer, policy: HostKeyPolicy, accepted: readonly string[]): Promise<void> {
  const hint = `Compare the fingerprint with the machine's own (there: ssh-keygen -lf /etc/ssh/ssh_host_${fileWord(key)}_key.pub). If it is the same: ${policy.acceptCommand(fingerprint(key))}`
  const other = accepted.length > 0 ? ` That is not ${accepted.join(' or ')}, which you accepted.` : ''
  const sentence = `${known.name} is not known yet; it shows the key ${describe(key)}.${other}`
  const unknown = (cause?: unknown) => new ErrandError('HOST_KEY_UNKNOWN', sentence, { hint, cause })
  // Who named a fingerprint has answered already.
  if (accepted.length > 0) throw unknown()
  const text = `${sentence}\nCompare it with the machine's own: ssh-keygen -lf /etc/ssh/ssh_host_${fileWord(key)}_key.pub\nIs it the same, and do you trust the machine?`
  const answer = await policy.ask({ kind: 'confirm', text, withoutTerminal: { hint } }).catch((cause: unknown) => {
    throw unknown(cause)
  })
  if (answer !== 'yes') throw unknown()
}

const fileWord = (key: Buffer): string => (keyType(key).startsWith('ecdsa') ? 'ecdsa' : keyType(key).replace('ssh-', ''))
