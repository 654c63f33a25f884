import type { Container, ContainerCreateOptions } from 'dockerode'
import { addAbortListener } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AgentHost } from '@errand/agent'
import { ErrandError, type Exit, type HostProcess, type RunOptions, errorCode, errorMessage } from '@errand/core'
import type { Engine } from './engine.ts'
import { refusalStatus, refusalText } from './engine-errors.ts'
import { execIn, notStarted } from './exec.ts'
import { type FreshContainer, runFresh } from './fresh-container.ts'
import { containerName } from './run-container.ts'
import { type RunContainerState, lookAtRunContainer } from './run-container-state.ts'
import { storeFolder } from './store-volume.ts'
import { tarOf } from './tar.ts'

export interface ContainerHostOptions {
  readonly runId: string
  /** Where a command runs when the run's container does not: it has the store, and image and user of that container where they are known. */
  reader(state: RunContainerState): Promise<FreshContainer>
  /** Makes the run's container before the first command. One that is there already is taken as it is. */
  readonly create?: NewContainer
}

/** A container that is to be made and started. */
export interface NewContainer {
  readonly options: ContainerCreateOptions
  /** Its `/etc/passwd`. Absent: the image's. */
  readonly accounts?: string
}

/**
 * A run's place as a host of commands: they run in its container while that runs, and in a short-lived one beside the same store afterwards.
 * An engine that goes away is a lost connection, which callers wait for.
 */
export function containerHost(engine: Engine, { runId, reader, create }: ContainerHostOptions): AgentHost {
  const name = containerName(runId)
  const container = engine.docker.getContainer(name)
  let creating = create !== undefined

  async function spawn(command: readonly string[], options: RunOptions): Promise<HostProcess> {
    try {
      if (creating && create !== undefined) {
        const isThere = await createRunContainer(engine, name, create)
        creating = false
        if (isThere) return await inside(command, options)
      }
      const state = await lookAtRunContainer(engine, runId)
      if (state.state === 'running') return await inside(command, options)
      return await beside(state, command, options)
    } catch (error) {
      throw asLostConnection(engine, error)
    }
  }

  async function inside(command: readonly string[], options: RunOptions): Promise<HostProcess> {
    // The program keeps the connection over which it is started.
    engine.keepSpare()
    try {
      const child = await execIn(container, command, { env: { ...options.env, ERRAND_SUPERVISOR: 'main-process' } })
      return { ...child, exit: child.exit.then(unlessCut) }
    } catch (error) {
      // Ended, or was removed, in this moment.
      const state = await lookAtRunContainer(engine, runId)
      if (state.state === 'running' || errorCode(error) === 'COMMAND_NOT_STARTED') throw error
      return beside(state, command, options)
    }
  }

  /** What ends with the container has not failed: whoever talked to it lost the connection. */
  async function unlessCut(exit: Exit): Promise<Exit> {
    if (exit.exitCode === 0) return exit
    // The engine could not enter it, or has killed all that is in it: it may be ending, and not be seen to have ended for a moment.
    const until = Date.now() + ([126, 137].includes(exit.exitCode ?? 0) ? mostEnding : 0)
    for (;;) {
      const { state } = await lookAtRunContainer(engine, runId).catch(() => ({ state: 'missing' }))
      if (state !== 'running') return {}
      if (Date.now() >= until) return exit
      await sleep(100)
    }
  }

  async function beside(state: RunContainerState, command: readonly string[], options: RunOptions): Promise<HostProcess> {
    const ended = state.ended === undefined ? {} : { ERRAND_ENDED: JSON.stringify(state.ended) }
    return runFresh(engine, await reader(state), command, { env: { ...options.env, ERRAND_SUPERVISOR: 'gone', ...ended } })
  }

  return hostOf(`container ${name} on ${engine.host.name}`, spawn)
}

/** Commands in containers of their own beside the store, for what belongs to no run. */
export function storeHost(engine: Engine, fresh: FreshContainer): AgentHost {
  return hostOf(`volume ${fresh.volume.name} on ${engine.host.name}`, async (command, options) => {
    try {
      return await runFresh(engine, fresh, command, options)
    } catch (error) {
      throw asLostConnection(engine, error)
    }
  })
}

function hostOf(name: string, spawn: AgentHost['spawn']): AgentHost {
  return {
    name,
    home: storeFolder,
    spawn,
    async run(command, options) {
      options.signal.throwIfAborted()
      const child = await spawn(command, options)
      using _ = addAbortListener(options.signal, () => void child.kill('SIGKILL'))
      if (typeof options.input === 'string' || Buffer.isBuffer(options.input)) child.stdin.end(options.input)
      else if (options.input === undefined) child.stdin.end()
      else options.input.pipe(child.stdin)
      const [stdout, stderr, exit] = await Promise.all([concatenate(child.stdout), concatenate(child.stderr), child.exit])
      options.signal.throwIfAborted()
      return { ...exit, stdout, stderr }
    },
  }
}

/** Milliseconds. */
const mostEnding = 3000

async function concatenate(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Milliseconds that whoever made a container has to start it. A client that was killed between the two never does. */
const patience = 10_000

/** True when the container runs, false when it does not any more. Errors: `IMAGE_MISSING`, `CONTAINER_REFUSED`, `COMMAND_NOT_STARTED`. */
async function createRunContainer(engine: Engine, name: string, wanted: NewContainer): Promise<boolean> {
  const { options } = wanted
  const container = await engine.docker.createContainer({ ...options, name }).catch((error: unknown) => {
    if (refusalStatus(error) === 409) return undefined
    throw refused(engine, name, options, error)
  })
  if (container === undefined) return joinRunContainer(engine, name, wanted)
  try {
    await start(container, wanted)
    return true
  } catch (error) {
    if (refusalStatus(error) === undefined) throw error
    await container.remove({ force: true, v: true }).catch(() => {})
    throw notStarted(options.Entrypoint as string[], error) ?? refused(engine, name, options, error)
  }
}

async function start(container: Container, { accounts }: NewContainer): Promise<void> {
  if (accounts !== undefined) await container.putArchive(tarOf([{ path: 'etc/passwd', content: accounts }]), { path: '/' })
  await container.start()
}

/** The name of a container is taken a moment before anybody can look at it. */
async function joinRunContainer(engine: Engine, name: string, wanted: NewContainer): Promise<boolean> {
  for (const until = Date.now() + patience; ;) {
    const { state } = await lookAtRunContainer(engine, name.slice(containerName('').length))
    if (state !== 'created' && state !== 'missing') return state !== 'ended'
    const late = Date.now() > until
    if (late && state === 'missing') return false
    // Started twice is started once.
    if (late) await start(engine.docker.getContainer(name), wanted)
    else await sleep(50)
  }
}

function refused(engine: Engine, name: string, { Image: image }: ContainerCreateOptions, error: unknown): unknown {
  const status = refusalStatus(error)
  if (status === undefined) return error
  const text = refusalText(error)
  if (status === 404 && /no such image/i.test(text))
    return new ErrandError('IMAGE_MISSING', `The image ${image} is not on ${engine.host.name} any more.`, {
      hint: 'Make it again: errand experiment prepare -c NAME',
      cause: error,
    })
  const gpu = /could not select device driver/i.test(text)
  return new ErrandError('CONTAINER_REFUSED', `The Docker engine of ${engine.host.name} did not start ${name}: ${text}`, {
    hint: gpu
      ? 'GPUs in containers need the NVIDIA Container Toolkit on that machine; else remove nvidiaDocker or gpus from the .compute file.'
      : 'Look at the settings of the container: errand computetarget show NAME',
    cause: error,
  })
}

/** Codes of an engine that has answered before and is away now: it may be restarting. */
const away: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNREFUSED',
  'ENOENT',
  'ENGINE_UNREACHABLE',
  'ENGINE_NOT_INSTALLED',
  'ENGINE_LOST',
])

function asLostConnection(engine: Engine, error: unknown): unknown {
  if (!away.has(errorCode(error) ?? '')) return error
  return new ErrandError('CONNECTION_LOST', `The Docker engine of ${engine.host.name} does not answer any more: ${errorMessage(error)}`, {
    hint: 'Runs there go on if the engine only lost its way to us. Ask again: errand status last',
    cause: error,
  })
}
