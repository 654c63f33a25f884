import { type Agent, type AgentFiles, type OpenedOnce, openAgent, openOnce, readAgentFiles } from '@errand/agent'
import { type CallOptions, errorCode } from '@errand/core'
import { anyImage, anyPython, stillThere } from './any-image.ts'
import { type NewContainer, containerHost, storeHost } from './container-host.ts'
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
  get(run: KnownRun, options: CallOptions, create?: NewContainer): Promise<Agent>
  isReached(run: KnownRun): boolean
  /** Closes the connection to the agent of a run. */
  forget(run: KnownRun): Promise<void>
}

/** A run is looked for in one volume after the other: what was reached in one is nothing of another. */
const keyOf = ({ runId, volume = '' }: KnownRun): string => `${runId}/${volume}`

export function runAgents(engine: Engine, place: ReadingPlace): RunAgents {
  const agents = new Map<string, OpenedOnce<Agent>>()
  const reached = new Set<string>()
  let read: AgentFiles | undefined
  const files = (): AgentFiles => (read ??= readAgentFiles())
  async function forget(run: KnownRun): Promise<void> {
    const key = keyOf(run)
    const known = agents.get(key)
    agents.delete(key)
    reached.delete(key)
    await known?.[Symbol.asyncDispose]()
  }
  return {
    files,
    async get(run, options, create) {
      const key = keyOf(run)
      const known = agents.get(key) ?? openOnce((call) => open(engine, place, files(), run, call, create))
      agents.set(key, known)
      try {
        const agent = await known.get(options)
        reached.add(key)
        return agent
      } catch (error) {
        // Whoever only looks afterwards must not make the container.
        if (create !== undefined && agents.get(key) === known) await forget(run)
        throw error
      }
    },
    isReached: (run) => reached.has(keyOf(run)),
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
  create: NewContainer | undefined,
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
function pythonsFor({ python }: KnownRun, create: NewContainer | undefined): readonly string[] {
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
