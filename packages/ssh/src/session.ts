import type { ClientChannel } from 'ssh2'
import { ErrandError, type Exit } from '@errand/core'
import { type ShellFacts, greetingEnd, parseGreeting } from './remote-shell.ts'
import { readUntil } from './streams.ts'

/** A `/bin/sh` on the other machine that waits for the line that says what to run. */
export interface Session {
  readonly facts: ShellFacts
  readonly channel: ClientChannel
  /** The line that it was begun with, before anybody gave it one. */
  readonly ahead?: string
  /** Resolves when the server says so, whether the output was read or not; without code and signal when it never did. */
  readonly exit: Promise<Exit>
  /** Aborted when the program has ended or the channel is closed. */
  readonly gone: AbortSignal
  /** Ends the channel, whoever reads it. */
  close(): void
}

/** Bytes that login scripts may print, and milliseconds that they may take. */
const greetingLimit = 1024 * 1024
const greetingPatience = 60_000

/**
 * Waits until the shell of a new channel has said where it runs. `withAhead`: it was told to begin with the line of a file. Error:
 * `SHELL_REFUSED`, or why the connection was lost.
 */
export async function greet(channel: ClientChannel, place: string, lost: AbortSignal, withAhead: boolean): Promise<Session> {
  const gone = new AbortController()
  const exit = new Promise<Exit>((resolve) => {
    const end = (ended: Exit) => {
      gone.abort()
      lost.removeEventListener('abort', cut)
      resolve(ended)
    }
    const cut = () => end({})
    channel.once('exit', (code: number | null, signal?: string) =>
      end({ ...(code === null ? {} : { exitCode: code }), ...(signal ? { signal } : {}) }),
    )
    channel.once('close', cut)
    lost.addEventListener('abort', cut, { once: true })
  })
  channel.on('error', () => {})
  const close = () => {
    channel.resume()
    channel.stderr.resume()
    channel.close()
  }
  const timer = setTimeout(close, greetingPatience)
  const [output, errors] = await Promise.all([
    readUntil(channel, greetingEnd, greetingLimit),
    readUntil(channel.stderr, greetingEnd, greetingLimit),
  ])
  clearTimeout(timer)
  const facts = output.found && errors.found ? parseGreeting(output.text) : undefined
  if (facts) return { ...begunWith(facts, withAhead), channel, exit, gone: gone.signal, close }
  close()
  if (lost.aborted) throw lost.reason
  throw noShell(place, `${output.text}${errors.text}`)
}

/** The last value of a session that may have been begun with a line is that line. */
function begunWith(facts: ShellFacts, withAhead: boolean): Pick<Session, 'facts' | 'ahead'> {
  if (!withAhead) return { facts }
  const line = facts.variables.at(-1)
  return { facts: { ...facts, variables: facts.variables.slice(0, -1) }, ...(line ? { ahead: line } : {}) }
}

function noShell(place: string, printed: string): ErrandError {
  const said = printed.trim().split('\n').slice(-3).join(' ')
  return new ErrandError('SHELL_REFUSED', `The login on ${place} starts no /bin/sh${said ? `; it says: ${said}` : '.'}`, {
    hint: 'The account needs an ordinary login shell, without ForceCommand or a command= in authorized_keys.',
  })
}
