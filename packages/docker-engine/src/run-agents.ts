import { type Agent, type AgentFiles, type OpenedOnce, openAgent, openOnce, readAgentFiles } from '@errand/agent'
import { type CallOptions, errorCode } from '@errand/core'
import type { ContainerCreateOptions } from 'dockerode'
import { anyImage, anyPython, stillThere } from './any-image.ts'
import { containerHost, storeHost } from './container-host.ts'
import type { KnownRun } from './docker-target.ts'
import type { Engine } from './engine.ts'
import type { FreshContainer } from './fresh-container.ts'
import { giveVolume } from './give-volume.ts'
import type { RunContainerState } from './run-container-state.ts'
import { isRoot, storeVolume } from './store-volume.ts'

/** Whose runs they are, and an image that may read them when theirs are gone. */
interface ReadingPlace {
  readonly owner: string
  readonly settings: { readonly baseDockerImage?: string | undefined }
}

/** The agents of runs, each reached by the first call that needs it. */
export interface RunAgents extends AsyncDisposable {
  /** What is sent of the agent, read once. */
  files(): AgentFiles
  /** With `create` the run's container is made when it is not there. */
  get(run: KnownRun, options: CallOptions, create?: ContainerCreateOptions): Promise<Agent>
  isReached(runId: string): boolean
  /** Closes the connection to the agent of a run. */
  forget(runId: string): Promise<void>
}

export function runAgents(engine: Engine, place: ReadingPlace): RunAgents {
  const agents = new Map<string, OpenedOnce<Agent>>()
  const reached = new Set<string>()
  let read: AgentFiles | undefined
  const files = (): AgentFiles => (read ??= readAgentFiles())
  async function forget(runId: string): Promise<void> {
    const known = agents.get(runId)
    agents.delete(runId)
    reached.delete(runId)
    await known?.[Symbol.asyncDispose]()
  }
  return {
    files,
    async get(run, options, create) {
      const known = agents.get(run.runId) ?? openOnce((call) => open(engine, place, files(), run, call, create))
      agents.set(run.runId, known)
      try {
        const agent = await known.get(options)
        reached.add(run.runId)
        return agent
      } catch (error) {
        // Whoever only looks afterwards must not make the container.
        if (create !== undefined && agents.get(run.runId) === known) await forget(run.runId)
        throw error
      }
    },
    isReached: (runId) => reached.has(runId),
    forget,
    async [Symbol.asyncDispose]() {
      await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()))
    },
  }
}

async function open(
  engine: Engine,
  { owner, settings }: ReadingPlace,
  files: AgentFiles,
  run: KnownRun,
  options: CallOptions,
  create: ContainerCreateOptions | undefined,
): Promise<Agent> {
  const reader = (state: RunContainerState) => readerOf(engine, owner, run, state, settings.baseDockerImage)
  const host = containerHost(engine, { runId: run.runId, reader, ...(create === undefined ? {} : { create }) })
  const place = {
    host,
    pythons: pythonsFor(run, create),
    home: host.home,
    files,
    signal: options.signal,
    report: (message: string) => options.report({ message }),
  }
  try {
    return await openAgent(place)
  } catch (error) {
    if (errorCode(error) !== 'AGENT_NOT_INSTALLED' || run.user === undefined || isRoot(run.user) || !run.image || !run.volume) throw error
    // The engine makes a volume for root: it is handed over once.
    const volume = { name: run.volume, owner }
    await giveVolume(storeHost(engine, { image: run.image, volume, user: '0' }), run.user, place.pythons, options)
    return openAgent(place)
  }
}

/** Once its own image is gone, a run is read with another, which has its Python elsewhere. */
function pythonsFor({ python }: KnownRun, create: ContainerCreateOptions | undefined): readonly string[] {
  if (python === undefined) return anyPython
  return create === undefined ? [python, ...anyPython.filter((other) => other !== python)] : [python]
}

async function readerOf(
  engine: Engine,
  owner: string,
  run: KnownRun,
  state: RunContainerState,
  base: string | undefined,
): Promise<FreshContainer> {
  const volume = { name: state.volume ?? run.volume ?? storeVolume(owner, run.user).name, owner }
  const user = state.user ?? run.user
  const own = state.image ?? (await stillThere(engine, run.image))
  if (own !== undefined) return { image: own, volume, ...(user ? { user } : {}) }
  // Another image need not know a user by the name.
  return { image: await anyImage(engine, owner, base), volume, user: user !== undefined && /^\d+(:\d+)?$/.test(user) ? user : '0' }
}
