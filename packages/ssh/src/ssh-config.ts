import { hostname, userInfo, homedir } from 'node:os'
import { join } from 'node:path'
import { ErrandError, type Logger } from '@errand/core'
import { type Condition, type ConfigLine, readConfigFile } from './config-file.ts'
import { type SshDestination, parseAddress } from './destination.ts'
import { matchesPatterns } from './patterns.ts'

/** What the destination and the user's ssh_config come to. */
export interface ResolvedDestination {
  /** As the user wrote it. */
  readonly address: string
  readonly host: string
  readonly port: number
  readonly username: string
  /** The name under which known_hosts knows the machine. */
  readonly hostKeyAlias?: string
  /** Keys of the target: to be used before all others, and an error when they can't be. */
  readonly keyFiles: readonly string[]
  readonly identityFiles: readonly string[]
  readonly identitiesOnly: boolean
  /** Socket or pipe of the user's agent. */
  readonly agent?: string
  /** `[user@]host[:port]`, the first hop first. */
  readonly proxyJump: readonly string[]
  readonly proxyCommand?: string
  readonly userKnownHostsFiles: readonly string[]
  readonly globalKnownHostsFiles: readonly string[]
  /** Milliseconds. */
  readonly connectTimeout: number
}

export interface ConfigSources {
  /** Read instead of `~/.ssh/config` and `/etc/ssh/ssh_config`. */
  readonly configFile?: string
  readonly environment?: NodeJS.ProcessEnv
  readonly log?: Logger
}

const defaultKeys = ['id_ed25519', 'id_ecdsa', 'id_rsa'] as const
const defaultConnectTimeout = 20_000

/**
 * What ssh_config makes of a destination. What the destination itself says (port, user, keys) goes before the file; in the file the first
 * value counts, and identity files add up. Errors: `ADDRESS_INVALID`, `SSH_CONFIG_INVALID`.
 */
export function resolveDestination(destination: SshDestination, sources: ConfigSources = {}): ResolvedDestination {
  const environment = sources.environment ?? process.env
  const home = environment['HOME'] ?? homedir()
  const { host: alias, port } = parseAddress(destination.address)
  const localUser = userInfo().username
  const files = sources.configFile === undefined ? [join(home, '.ssh', 'config'), '/etc/ssh/ssh_config'] : [sources.configFile]
  const lines = files.flatMap((file) => readConfigFile(file, home))
  const found = evaluate(lines, { alias, localUser, ...(destination.username ? { username: destination.username } : {}) }, sources.log)

  const first = (keyword: string) => found.get(keyword)?.[0]
  const username = destination.username ?? first('user') ?? localUser
  const host = hostNamed(first('hostname'), alias)
  const finalPort = port ?? (Number(first('port')) || 22)
  const tokens: Record<string, string> = {
    '%%': '%',
    '%d': home,
    '%h': host,
    '%n': alias,
    '%p': String(finalPort),
    '%r': username,
    '%u': localUser,
    '%l': hostname(),
    '%L': hostname().split('.')[0] ?? '',
    '%i': String(process.getuid?.() ?? 0),
  }
  const path = (text: string) =>
    text
      .replace(/^~(?=\/|$)/, home)
      .replaceAll(/%[%dhnpruliL]/g, (token) => tokens[token] ?? token)
      .replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => environment[name] ?? whole)
  const identities = (found.get('identityfile') ?? []).filter((name) => name !== 'none')
  const listed = (keyword: string, fallback: readonly string[]) =>
    (found.get(keyword) ?? fallback).filter((name) => name !== 'none').map(path)
  const agent = agentOf(first('identityagent'), environment, path)
  const alternative = first('hostkeyalias')
  const seconds = secondsOf(first('connecttimeout') ?? '')
  const jump = first('proxyjump')
  const command = found.get('proxycommand')?.join(' ')
  return {
    address: destination.address,
    host,
    port: finalPort,
    username,
    ...(alternative === undefined ? {} : { hostKeyAlias: alternative }),
    keyFiles: (destination.keyFiles ?? []).map(path),
    identityFiles: identities.length > 0 ? identities.map(path) : defaultKeys.map((name) => join(home, '.ssh', name)),
    identitiesOnly: ['yes', 'true'].includes(first('identitiesonly')?.toLowerCase() ?? ''),
    ...(agent === undefined ? {} : { agent }),
    proxyJump: jump === undefined || jump === 'none' ? [] : jump.split(',').map((hop) => path(hop.trim().replace(/^ssh:\/\//, ''))),
    ...(command === undefined || command === 'none' ? {} : { proxyCommand: command }),
    userKnownHostsFiles: listed('userknownhostsfile', ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']),
    globalKnownHostsFiles: listed('globalknownhostsfile', ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']),
    connectTimeout: seconds > 0 ? seconds * 1000 : defaultConnectTimeout,
  }
}

/** What `HostName` makes of the name that was asked for. */
const hostNamed = (hostName: string | undefined, alias: string): string =>
  hostName === undefined ? alias : hostName.replaceAll(/%[%h]/g, (token) => (token === '%h' ? alias : '%'))

/** A time of sshd_config(5), such as 90 or 1m30s; 0 for what is none. */
function secondsOf(text: string): number {
  if (!/^(\d+[smhdw]?)+$/i.test(text)) return 0
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }
  return [...text.toLowerCase().matchAll(/(\d+)([smhdw]?)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units[unit || 's'] ?? 1),
    0,
  )
}

function agentOf(set: string | undefined, environment: NodeJS.ProcessEnv, path: (text: string) => string): string | undefined {
  if (set === 'none') return undefined
  const named = set === undefined || set === 'SSH_AUTH_SOCK' ? environment['SSH_AUTH_SOCK'] : set
  if (named) return named.startsWith('$') && !named.startsWith('${') ? environment[named.slice(1)] : path(named)
  return process.platform === 'win32' ? String.raw`\\.\pipe\openssh-ssh-agent` : undefined
}

interface Asked {
  readonly alias: string
  readonly localUser: string
  readonly username?: string
}

/** The values of each keyword. A second pass, as of ssh, lets `Match final` see what the first one found. */
function evaluate(lines: readonly ConfigLine[], asked: Asked, log: Logger | undefined): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  const needsFinal = lines.some(({ conditions }) => conditions.some(({ values }) => values.some((value) => /^!?final$/i.test(value))))
  for (const final of needsFinal ? [false, true] : [false]) {
    // As ssh: what the machine is called is settled by the first pass.
    if (final && !found.has('hostname')) found.set('hostname', [asked.alias])
    // A block is entered or not: what its own lines say of the machine changes nothing of that.
    const entered = new Map<Condition, boolean>()
    const enters = (condition: Condition): boolean => {
      const known = entered.get(condition) ?? holds(condition, asked, found, final, log)
      entered.set(condition, known)
      return known
    }
    for (const { keyword, values, conditions } of lines) {
      if (!conditions.every(enters)) continue
      // The way to the machine is what is said first, be it by one word or the other.
      if (keyword === 'proxyjump' && found.has('proxycommand')) continue
      if (keyword === 'proxycommand' && (found.get('proxyjump')?.[0] ?? 'none') !== 'none') continue
      const known = found.get(keyword)
      if (known === undefined) found.set(keyword, values)
      else if (keyword === 'identityfile') found.set(keyword, [...new Set([...known, ...values])])
    }
  }
  return found
}

function holds(
  { kind, values }: Condition,
  asked: Asked,
  found: ReadonlyMap<string, readonly string[]>,
  final: boolean,
  log: Logger | undefined,
): boolean {
  const host = hostNamed(found.get('hostname')?.[0], asked.alias)
  // As ssh: the second pass asks for the name that the first one has found.
  if (kind === 'host') return matchesPatterns(values, final ? host : asked.alias, { exactly: true })
  const facts: Readonly<Record<string, string>> = {
    host,
    originalhost: asked.alias,
    user: asked.username ?? found.get('user')?.[0] ?? asked.localUser,
    localuser: asked.localUser,
  }
  const words = [...values]
  while (words.length > 0) {
    const word = (words.shift() ?? '').toLowerCase()
    const name = word.replace(/^!/, '')
    const negated = name !== word
    const fact = facts[name]
    let result: boolean
    if (name === 'all') result = true
    else if (name === 'final' || name === 'canonical') result = final
    else if (fact !== undefined) result = matchesPatterns((words.shift() ?? '').split(','), fact, { exactly: name.endsWith('user') })
    else {
      log?.warn(`A Match ${name} of the ssh_config is not looked at: errand knows host, originalhost, user, localuser, final and all.`)
      return false
    }
    if (result === negated) return false
  }
  return true
}

/** The destination of a `ProxyJump` hop. Error: `SSH_CONFIG_INVALID`. */
export function parseHop(hop: string): SshDestination {
  const at = hop.lastIndexOf('@')
  const address = hop.slice(at + 1)
  if (address === '') throw new ErrandError('SSH_CONFIG_INVALID', `ProxyJump ${JSON.stringify(hop)} names no host.`)
  return { address, ...(at > 0 ? { username: hop.slice(0, at) } : {}) }
}
