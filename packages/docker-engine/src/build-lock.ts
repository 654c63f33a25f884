import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { CallOptions } from '@errand/core'
import { openInput } from './brief-container.ts'
import type { Engine } from './engine.ts'
import { refusalStatus } from './engine-errors.ts'
import { labels } from './labels.ts'

/** How the holder of a lock shows that it is there. */
export interface Pulse {
  /** Milliseconds between two signs of life. */
  readonly beat: number
  /** Seconds without one after which the lock is open. */
  readonly silence: number
}

/** A link that comes back within a minute and a half, as SSH notices a dead one in one minute, has not lost the lock. */
const usualPulse: Pulse = { beat: 15_000, silence: 90 }

/**
 * The program of a lock: it ends when its input does, and when that was silent for too long. A machine that sleeps, or has lost its network
 * without a word, ends no connection, and what carries it to the engine (an SSH server, say) holds it open for hours.
 */
const program = `exec 3<&0
trap : USR1
trap 'exit 0' TERM
(while read -r beat; do kill -s USR1 $$; done; kill -s TERM $$) <&3 &
until sleep "$1" & wait $!; do kill $!; done`

/**
 * Holds the right to build one key's image on an engine, against other processes and other machines. The lock is a container whose only
 * program listens to us: it ends and is taken away with us, however we end. `undefined`: another had it and has let it go, or `isMade` says
 * that what is built is there; look again.
 */
export async function holdBuildLock(
  engine: Engine,
  key: string,
  image: string,
  isMade: () => Promise<boolean>,
  { signal, report }: CallOptions,
  { beat, silence }: Pulse = usualPulse,
): Promise<AsyncDisposable | undefined> {
  const name = `errand-building-${key}`
  let container: Docker.Container
  try {
    container = await engine.docker.createContainer({
      name,
      Image: image,
      Entrypoint: [],
      Cmd: ['/bin/sh', '-c', program, 'sh', String(silence)],
      User: '0',
      WorkingDir: '/',
      OpenStdin: true,
      StdinOnce: true,
      Labels: { [labels.kind]: 'build' },
      HostConfig: { NetworkMode: 'none', AutoRemove: true },
    })
  } catch (error) {
    if (refusalStatus(error) !== 409) throw error
    report({ message: 'waiting for another build of this environment' })
    await untilGone(engine, name, isMade, signal)
    return undefined
  }
  let stdin: Duplex | undefined
  try {
    stdin = await openInput(engine, container)
    await container.start()
  } catch (error) {
    stdin?.destroy()
    // Somebody who waited took it for one that had lost its maker.
    if (refusalStatus(error) === 404) return undefined
    await container.remove({ force: true, v: true }).catch(() => undefined)
    throw error
  }
  const beating = setInterval(() => void stdin.write('\n'), beat).unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(beating)
      // In this order: while a container that has ended is on its way out by itself, an engine refuses to remove it, and does not wait.
      await container.remove({ force: true, v: true }).catch(() => undefined)
      stdin.destroy()
    },
  }
}

/** Milliseconds that the maker of a lock has to start it: engines can be slow. */
const patience = 60_000

/**
 * A container that was made and never started has lost its maker: it does not end by itself. The build of a maker whose machine sleeps, or has
 * lost its network without a word, goes on: what it makes is waited for no longer than its lock.
 */
async function untilGone(engine: Engine, name: string, isMade: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  let since = Date.now()
  let seen = ''
  for (;;) {
    signal.throwIfAborted()
    try {
      const { Id, State } = await engine.docker.getContainer(name).inspect()
      if (await isMade()) return
      // Another may have taken the lock meanwhile, and has its time too.
      if (Id !== seen || State.Status === 'running') since = Date.now()
      seen = Id
      if (Date.now() - since > patience) await engine.docker.getContainer(Id).remove({ force: true, v: true })
    } catch (error) {
      if (refusalStatus(error) === 404) return
      if (refusalStatus(error) !== 409) throw error
    }
    await sleep(500, undefined, { signal })
  }
}
