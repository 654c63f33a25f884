import type { ClientChannel } from 'ssh2'
import type { Exit, HostProcess, RunOptions } from '@errand/core'
import { startFailure, startLine, startedEnd } from './remote-shell.ts'
import type { Session } from './session.ts'
import type { SessionPool } from './sessions.ts'
import { chunksOf, concatenate, readUntil, writableOf } from './streams.ts'

export interface ProcessPlace {
  readonly pool: SessionPool
  /** As users know it. */
  readonly name: string
  /** Aborted, with the error, when the connection is lost. */
  readonly lost: AbortSignal
  /** Milliseconds to wait for a free session; a minute when absent. */
  readonly patience?: number
  /** The file there that keeps the line of a program which may be started ahead. */
  readonly ahead?: string | undefined
}

type Signal = Parameters<HostProcess['kill']>[0]

const startLimit = 64 * 1024
/** Milliseconds that an aborted process gets to disappear before its channel is closed over it. */
const endLimit = 5000

export interface StartOptions extends RunOptions {
  /** Ends the program, with its process group, within seconds after the connection was lost: nobody is left to see its end. */
  readonly endWithConnection?: boolean
}

/** Starts a program. Resolves once it runs, within one round trip, so that a missing program or folder is an error of this call. */
export async function startProcess(place: ProcessPlace, command: readonly string[], options: StartOptions): Promise<HostProcess> {
  const kept = options.ahead === true
  const line = startLine(command, { ...options, keptIn: kept ? place.ahead : undefined })
  const session = await place.pool.take(options.signal, { patience: place.patience, line, kept })
  if (options.signal.aborted) session.close()
  options.signal.throwIfAborted()
  const { channel } = session
  const stdin = writableOf(channel, session.gone)
  const kill = (signal: Signal) => killGroup(place, session, signal)
  const abort = () => void endProcess(session, kill)
  options.signal.addEventListener('abort', abort, { once: true })
  void session.exit.then(() => options.signal.removeEventListener('abort', abort))
  if (session.ahead === undefined) stdin.write(`${line}\n`)
  feed(stdin, options.input)
  const started = await readUntil(channel, startedEnd, startLimit)
  options.signal.throwIfAborted()
  if (!started.found) {
    session.close()
    if (place.lost.aborted) throw place.lost.reason
    throw startFailure(started.text, command, options.cwd, place.name)
  }
  // Output that ends with the connection may not be all: an error, not an end.
  const failure = () => (place.lost.aborted ? (place.lost.reason as Error) : undefined)
  return { stdin, stdout: chunksOf(channel, failure), stderr: chunksOf(channel.stderr, () => undefined), exit: session.exit, kill }
}

/** Runs a program to its end. */
export async function runProcess(
  place: ProcessPlace,
  command: readonly string[],
  options: RunOptions,
): Promise<Exit & { stdout: Buffer; stderr: Buffer }> {
  const child = await startProcess(place, command, { ...options, input: options.input ?? '', endWithConnection: true })
  const [stdout, stderr, exit] = await Promise.all([concatenate(child.stdout), concatenate(child.stderr), child.exit])
  options.signal.throwIfAborted()
  if (exit.exitCode === undefined && exit.signal === undefined && place.lost.aborted) throw place.lost.reason
  return { ...exit, stdout, stderr }
}

function feed(stdin: HostProcess['stdin'], input: RunOptions['input']): void {
  if (input === undefined) return
  if (typeof input === 'string' || Buffer.isBuffer(input)) stdin.end(input)
  else input.pipe(stdin)
}

async function endProcess(session: Session, kill: (signal: Signal) => Promise<void>): Promise<void> {
  session.channel.resume()
  session.channel.stderr.resume()
  const timer = setTimeout(() => session.close(), endLimit)
  await kill('SIGKILL').catch(() => {})
  await session.exit
  clearTimeout(timer)
}

const killScript = 'kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2" 2>/dev/null || :'

/**
 * Signals the process group from a second session: SSH's own message for that is carried out by some servers, refused by others, and never
 * answered. It is sent where it can do no harm, and when no session is free.
 */
async function killGroup(place: ProcessPlace, session: Session, signal: Signal): Promise<void> {
  if (session.gone.aborted) return
  const name = signal.slice(3)
  if (signal === 'SIGKILL') sendSignal(session.channel, name)
  try {
    const line = startLine(['/bin/sh', '-c', killScript, 'sh', name, String(session.facts.pid)], {})
    const killer = await place.pool.take(AbortSignal.any([session.gone, AbortSignal.timeout(endLimit)]), { urgent: true })
    killer.channel.resume()
    killer.channel.stderr.resume()
    killer.channel.end(`${line}\n`)
    await killer.exit
  } catch {
    if (!session.gone.aborted) sendSignal(session.channel, name)
  }
}

function sendSignal(channel: ClientChannel, name: string): void {
  if (channel.writable) channel.signal(name)
}
