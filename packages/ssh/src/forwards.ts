import type { Duplex } from 'node:stream'
import type { Client, ClientChannel } from 'ssh2'
import { ErrandError } from '@errand/core'
import { type ProcessPlace, runProcess } from './remote-process.ts'
import { quote } from './remote-shell.ts'
import { duplexOf } from './streams.ts'

type Door = { readonly path: string } | { readonly host: string; readonly port: number }

/** A connection that the other machine makes. Errors: `FORWARDING_FORBIDDEN`, `SOCKET_NOT_FOUND`, `SOCKET_FORBIDDEN`, `SOCKET_REFUSED`, `CONNECTION_REFUSED`. */
export async function connectFrom(client: Client, place: ProcessPlace, to: Door): Promise<Duplex> {
  const lost = () => (place.lost.aborted ? (place.lost.reason as Error) : undefined)
  try {
    return duplexOf(await openForward(client, to), lost)
  } catch (error) {
    throw lost() ?? (await explain(place, to, error as Error & { reason?: unknown }))
  }
}

function openForward(client: Client, to: Door): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const opened = (error: Error | undefined, channel: ClientChannel) => (error ? reject(error) : resolve(channel))
    if ('path' in to) client.openssh_forwardOutStreamLocal(to.path, opened)
    else client.forwardOut('127.0.0.1', 0, to.host, to.port, opened)
  })
}

async function explain(place: ProcessPlace, to: Door, cause: Error & { reason?: unknown }): Promise<ErrandError> {
  if ('path' in to) return explainSocket(place, to.path, cause)
  const where = `${to.host}:${to.port}`
  if (cause.reason === 1 || /prohibited/i.test(cause.message))
    return forbidden(place.name, `connections to ${where}`, 'AllowTcpForwarding and PermitOpen', cause)
  return new ErrandError('CONNECTION_REFUSED', `${place.name} can't connect to ${where}: ${cause.message}.`, {
    hint: 'Look whether something listens there, as seen from that machine.',
    cause,
  })
}

function forbidden(name: string, what: string, settings: string, cause: Error): ErrandError {
  return new ErrandError('FORWARDING_FORBIDDEN', `The SSH server of ${name} does not allow ${what}.`, {
    hint: `Its administrator must allow it: ${settings} in sshd_config.`,
    cause,
  })
}

/** The server says the same of all failures, so the machine is asked. Linux lists the sockets that are listened to. */
const lookScript = (path: string): string =>
  `[ -e ${quote(path)} ] || exit 41; [ -S ${quote(path)} ] || exit 42; [ -w ${quote(path)} ] || exit 43; ` +
  `[ -r /proc/net/unix ] || exit 45; while read -r _ _ _ flags _ _ _ found; do ` +
  `case $flags in 00010000) [ "$found" = ${quote(path)} ] && exit 45;; esac; done < /proc/net/unix; exit 44`

async function explainSocket(place: ProcessPlace, path: string, cause: Error): Promise<ErrandError> {
  const command = ['/bin/sh', '-c', `errand_newline=$(printf '\\n.'); ${lookScript(path)}`]
  const { exitCode } = await runProcess(place, command, { signal: new AbortController().signal })
  const answers: Readonly<Record<number, () => ErrandError>> = {
    41: () =>
      new ErrandError('SOCKET_NOT_FOUND', `There is no socket ${path} on ${place.name}.`, { hint: 'Start what listens there.', cause }),
    42: () => new ErrandError('SOCKET_NOT_FOUND', `${path} on ${place.name} is no socket.`, { cause }),
    43: () =>
      new ErrandError('SOCKET_FORBIDDEN', `You may not use the socket ${path} on ${place.name}.`, {
        hint: 'Join the group that owns it (ls -l shows it), then log in anew.',
        cause,
      }),
    44: () =>
      new ErrandError('SOCKET_REFUSED', `Nothing listens on the socket ${path} on ${place.name}.`, { hint: 'Start it anew.', cause }),
  }
  return (answers[exitCode ?? 0] ?? (() => forbidden(place.name, 'connections to UNIX sockets', 'AllowStreamLocalForwarding', cause)))()
}
