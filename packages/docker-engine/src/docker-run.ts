import { type Agent, runHandle } from '@errand/agent'
import { type CallOptions, type RunHandle, type RunReference, type RunStatus, errorCode } from '@errand/core'
import type { Engine } from './engine.ts'
import { refusalStatus } from './engine-errors.ts'
import { containerName } from './run-container.ts'
import { lookAtRunContainer } from './run-container-state.ts'

export interface DockerRun {
  readonly engine: Engine
  readonly reference: RunReference
  readonly runId: string
  /** Name of the volume that has the run's folder. */
  readonly volume: string
  /** The container stays when the run is removed. */
  readonly keep: boolean
  agent(options: CallOptions): Promise<Agent>
  /** Whether an agent was reached already: then the place knows the run. */
  isReached(): boolean
  /** Closes the way to the agent: it holds connections and, beside a run that has ended, a container. */
  forget(): Promise<void>
}

/**
 * The handle of a run in a container. What the run is and was, the agent knows; the engine is asked where the agent can't be: a container
 * that does not listen, and a place where nothing is left.
 */
export function dockerRunHandle(run: DockerRun): RunHandle {
  const { engine, runId, reference } = run
  const opened = async (options: CallOptions) => runHandle(await run.agent(options), reference)
  return {
    async status(options) {
      return (await unknown(run)) ?? (await opened(options)).status(options)
    },
    async *events(options) {
      options.signal.throwIfAborted()
      const status = await unknown(run)
      if (status !== undefined) yield { cursor: options.cursor ?? '0.0.3', at: new Date().toISOString(), type: 'status', status }
      else yield* (await opened(options)).events(options)
    },
    cancel: (options) => cancel(run, opened, options),
    async collect(directory, options) {
      return (await opened(options)).collect(directory, options)
    },
    async remove(options) {
      if ((await unknown(run)) === undefined) await (await opened(options)).remove(options)
      await run.forget()
      if (!run.keep) await removeRunContainer(engine, runId)
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** `lost` when neither a container nor a volume is left to ask. */
async function unknown({ engine, runId, volume, isReached }: DockerRun): Promise<RunStatus | undefined> {
  if (isReached()) return undefined
  const { state } = await lookAtRunContainer(engine, runId)
  if (state !== 'missing' || (await hasVolume(engine, volume))) return undefined
  return { state: 'lost', reason: `Neither the container ${containerName(runId)} nor the volume ${volume} is on ${engine.host.name}.` }
}

async function hasVolume({ docker }: Engine, name: string): Promise<boolean> {
  return docker
    .getVolume(name)
    .inspect()
    .then(
      () => true,
      (error: unknown) => {
        if (refusalStatus(error) === 404) return false
        throw error
      },
    )
}

/** Asks the agent in the container. One that does not answer is ended with its container, and the agent beside it writes down how. */
async function cancel(run: DockerRun, opened: (options: CallOptions) => Promise<RunHandle>, options: CallOptions): Promise<void> {
  const container = run.engine.docker.getContainer(containerName(run.runId))
  const { state } = await lookAtRunContainer(run.engine, run.runId)
  options.signal.throwIfAborted()
  if (state === 'paused') await container.unpause()
  const ask = async () => (await opened(options)).cancel(options)
  try {
    await ask()
  } catch (error) {
    options.signal.throwIfAborted()
    if (errorCode(error) === 'RUN_UNKNOWN' || state === 'missing') throw error
    await container.kill({ signal: 'SIGKILL' }).catch((failure: unknown) => {
      // 409: it has ended.
      if (refusalStatus(failure) !== 409) throw failure
    })
    await ask()
  }
}

/** Whether it runs or not. Nothing when it is gone. */
export async function removeRunContainer({ docker }: Engine, runId: string): Promise<void> {
  await docker
    .getContainer(containerName(runId))
    .remove({ force: true, v: true })
    .catch((error: unknown) => {
      // 409: somebody else is about to remove it.
      if (![404, 409].includes(refusalStatus(error) ?? 0)) throw error
    })
}
