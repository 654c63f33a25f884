import type { Client, ClientChannel } from 'ssh2'
import { ErrandError } from '@errand/core'
import { type ShellFacts, shellCommand } from './remote-shell.ts'
import { type Session, greet } from './session.ts'

export interface SessionPool {
  /** What the first session says of the machine; the session stays for the first program. */
  facts(): Promise<ShellFacts>
  /** A session, when one is free. Error: `SESSIONS_EXHAUSTED`. */
  take(signal: AbortSignal, options?: TakeOptions): Promise<Session>
  /** All that the server allows are taken. */
  isFull(): boolean
}

interface TakeOptions {
  /** Before all that wait: it is for ending something. */
  readonly urgent?: boolean
  /** Milliseconds to wait for a free session. */
  readonly patience?: number | undefined
  /** The line that it will be given. */
  readonly line?: string
  /** That line may be kept, for a session to begin with. */
  readonly kept?: boolean
}

interface Waiting {
  resolve(session: Promise<Session>): void
  reject(error: unknown): void
  tries: number
  /** Nobody needs it yet. */
  optional: boolean
  /** The file there that holds its line. */
  readonly ahead?: string | undefined
}

/** A session on its way or ready, for whoever comes next. */
interface Spare {
  readonly waiting: Waiting
  readonly session: Promise<Session>
}

/** What servers allow when nobody changed it (`MaxSessions` of OpenSSH). */
const usualLimit = 10
const usualPatience = 60_000
/** Milliseconds. */
const firstProbe = 100
const longestProbe = 2000
/**
 * Sessions over one connection, never more at once than the server allows: how many these are is learnt from those that it refuses, and
 * tried again from time to time while somebody waits. One session is kept ready, so that a program starts within one round trip. What
 * `variables` hold there comes with the greeting of each session. The first one begins with the line that the file `ahead` holds, for a
 * program that may be the first to be started; when one is that is never started ahead, it is ended.
 */
export function createSessionPool(
  client: Client,
  place: string,
  lost: AbortSignal,
  { variables, ahead }: { readonly variables: readonly string[]; readonly ahead?: string | undefined },
): SessionPool {
  const queue: Waiting[] = []
  let limit = usualLimit
  let open = 0
  let begun: Promise<Session> | undefined
  let spare: Spare | undefined
  let probing: NodeJS.Timeout | undefined
  let probeWait = firstProbe

  lost.addEventListener('abort', () => {
    clearTimeout(probing)
    for (const waiting of queue.splice(0)) waiting.reject(lost.reason)
  })

  function pump(): void {
    while (open < limit) {
      const waiting = queue.shift()
      if (waiting === undefined) return
      open++
      openChannel(waiting)
    }
  }

  function openChannel(waiting: Waiting): void {
    const opened = (error: Error | undefined, channel: ClientChannel) => {
      if (error) return refused(waiting, error)
      let counted = true
      const release = () => {
        if (!counted) return
        counted = false
        open--
        pump()
      }
      channel.once('exit', release)
      channel.once('close', release)
      probeWait = firstProbe
      waiting.resolve(greet(channel, place, lost, waiting.ahead !== undefined))
    }
    try {
      client.exec(shellCommand(variables, waiting.ahead), opened)
    } catch (error) {
      open--
      waiting.reject(lost.aborted ? lost.reason : error)
    }
  }

  function refused(waiting: Waiting, error: Error): void {
    open--
    if (lost.aborted) return waiting.reject(lost.reason)
    if (waiting.optional && open > 0) waiting.reject(error)
    else queue.unshift(waiting)
    // Who waits needs the session that is kept ready: there may never be another.
    if (queue.length > 0 && spare !== undefined && spare.waiting !== waiting) queue.shift()?.resolve(takeSpare(spare))
    if (open > 0) {
      limit = open
      probe()
    } else if (waiting.tries++ < 4) setTimeout(pump, 50 * 2 ** waiting.tries)
    else {
      queue.shift()
      waiting.reject(
        new ErrandError('SESSIONS_FORBIDDEN', `${place} lets you log in but start no program: ${error.message}.`, {
          hint: 'Ask its administrator: MaxSessions in sshd_config must be at least 1, and the account needs a login shell.',
          cause: error,
        }),
      )
    }
  }

  /** A refusal may have crossed the end of another session. */
  function probe(): void {
    clearTimeout(probing)
    probing = setTimeout(() => {
      probeWait = Math.min(2 * probeWait, longestProbe)
      if (queue.length === 0) return
      limit = Math.min(open + 1, usualLimit)
      pump()
    }, probeWait)
  }

  function acquire({ urgent, ...wanted }: { readonly urgent: boolean } & Pick<Waiting, 'optional' | 'ahead'>): Spare {
    const { promise: session, resolve, reject } = Promise.withResolvers<Session>()
    const waiting = { resolve, reject, tries: 0, ...wanted }
    if (lost.aborted) reject(lost.reason)
    else if (urgent) queue.unshift(waiting)
    else queue.push(waiting)
    pump()
    return { waiting, session }
  }

  function prepareSpare(optional: boolean): Promise<Session> {
    if (spare !== undefined) return spare.session
    const prepared = acquire({ urgent: false, optional })
    spare = prepared
    const forget = () => {
      if (spare === prepared) spare = undefined
    }
    prepared.session.then((session) => session.exit).then(forget, forget)
    return prepared.session
  }

  function takeSpare(taken: Spare): Promise<Session> {
    spare = undefined
    taken.waiting.optional = false
    return taken.session
  }

  /**
   * The session that was begun with the login, for the first who takes one; none when it has ended meanwhile. Whoever could have been begun
   * leaves another's for the next and takes the spare: of several interpreters the best is tried first, and often missing.
   */
  async function takeBegun({ line, kept = false }: TakeOptions): Promise<Session | undefined> {
    const taking = begun
    begun = undefined
    const session = await taking
    if (session === undefined) return undefined
    const ended = session.gone.aborted
    if (!ended && (session.ahead === undefined || session.ahead === line)) return session
    if (!ended && kept && spare !== undefined) begun = taking
    else session.close()
    return undefined
  }

  return {
    async facts() {
      if (ahead === undefined) return (await prepareSpare(false)).facts
      begun = acquire({ urgent: false, optional: false, ahead }).session
      void prepareSpare(true).catch(() => {})
      // What the file holds may spoil the greeting: the other session says whether this is a shell.
      const session = await begun.catch(() => undefined)
      if (session === undefined) begun = undefined
      return (session ?? (await prepareSpare(false))).facts
    },
    isFull: () => begun === undefined && spare === undefined && open >= limit,
    async take(signal, options = {}) {
      const { urgent = false, patience = usualPatience } = options
      signal.throwIfAborted()
      const first = await takeBegun(options)
      if (first !== undefined) return first
      signal.throwIfAborted()
      const taken = spare ?? acquire({ urgent, optional: false })
      if (taken === spare) void takeSpare(taken)
      const giveUp = () => void (queue.includes(taken.waiting) && queue.splice(queue.indexOf(taken.waiting), 1))
      const session = await withPatience(taken.session, { signal, patience, late: () => exhausted(place, limit), giveUp })
      if (queue.length === 0 && open < limit - 1 && !lost.aborted) void prepareSpare(true).catch(() => {})
      return session
    },
  }
}

interface Patience {
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly patience: number
  late(): Error
  giveUp(): void
}

/** Gives up waiting; a session that comes too late all the same is closed. */
function withPatience(taken: Promise<Session>, { signal, patience, late, ...waiter }: Patience): Promise<Session> {
  return new Promise((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      finish()
      waiter.giveUp()
      reject(reason)
      taken.then((session) => session.close()).catch(() => {})
    }
    const timer = setTimeout(() => giveUp(late()), patience)
    const abort = () => giveUp(signal.reason)
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
    signal.addEventListener('abort', abort, { once: true })
    taken.then(resolve, reject).finally(finish)
  })
}

function exhausted(place: string, limit: number): ErrandError {
  return new ErrandError(
    'SESSIONS_EXHAUSTED',
    `${place} allows ${limit} programs at once over one connection, and none of them has ended.`,
    {
      hint: 'Try again later, or raise MaxSessions in sshd_config there.',
    },
  )
}
