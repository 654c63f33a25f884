import { ErrandError } from '@errand/core'

export interface SshDestination {
  /** `host`, `host:port`, `[v6]:port`, a bare IPv6 address, or a name of the user's ssh_config. */
  readonly address: string
  readonly username?: string
  /** Private keys to try first, before the agent and the usual ones. `~` is the user's home. */
  readonly keyFiles?: readonly string[]
}

export interface Address {
  readonly host: string
  readonly port?: number
}

/** Error: `ADDRESS_INVALID`. */
export function parseAddress(text: string): Address {
  const address = text.trim()
  const invalid = (why: string) =>
    new ErrandError('ADDRESS_INVALID', `${JSON.stringify(text)} is no address: ${why}.`, {
      hint: 'Write host, host:port or [IPv6]:port, such as node1.example.org:2222',
    })
  if (address === '') throw invalid('it is empty')
  if (address.includes('://')) throw invalid('it must be without ://')
  if (/\s/.test(address)) throw invalid('it contains a blank')
  if (address.includes('@')) throw invalid('the user name stands on its own, not before an @')
  if (address.startsWith('-')) throw invalid('it begins with -')
  const [, bracketed, bracketedPort] = /^\[([^\]]+)\](?::(\d+))?$/.exec(address) ?? []
  if (bracketed !== undefined) return withPort(bracketed, bracketedPort, invalid)
  if (address.split(':').length > 2) return { host: address }
  const [host = '', port, ...more] = address.split(':')
  if (host === '' || more.length > 0 || port === '') throw invalid('host or port is missing')
  return withPort(host, port, invalid)
}

function withPort(host: string, port: string | undefined, invalid: (why: string) => Error): Address {
  if (port === undefined) return { host }
  const number = Number(port)
  if (!/^\d+$/.test(port) || number < 1 || number > 65_535) throw invalid(`${port} is no port`)
  return { host, port: number }
}
