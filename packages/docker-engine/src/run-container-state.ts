import type { ContainerInspectInfo } from 'dockerode'
import type { JsonValue } from '@errand/core'
import type { Engine } from './engine.ts'
import { refusalStatus } from './engine-errors.ts'
import { containerName } from './run-container.ts'
import { labels } from './labels.ts'

/** What the engine says of a run's container. */
export interface RunContainerState {
  readonly state: 'missing' | 'created' | 'running' | 'paused' | 'ended'
  readonly image?: string
  readonly python?: string
  readonly projectId?: string
  readonly volume?: string
  readonly user?: string
  /** For the agent: the end of a run whose container is gone, if nobody has written another. */
  readonly ended?: Readonly<Record<string, JsonValue>>
}

export async function lookAtRunContainer({ docker, host }: Engine, runId: string): Promise<RunContainerState> {
  const name = containerName(runId)
  try {
    return stateOf(await docker.getContainer(name).inspect(), name, host.name)
  } catch (error) {
    if (refusalStatus(error) !== 404) throw error
    return { state: 'missing', ended: removed(name, host.name) }
  }
}

function removed(name: string, host: string): Readonly<Record<string, JsonValue>> {
  const reason = `The container ${name} on ${host} was removed by somebody else; what the run had printed until then is kept.`
  return { state: 'lost', reason }
}

function stateOf({ State, Image, Config, Mounts }: ContainerInspectInfo, name: string, host: string): RunContainerState {
  const volume = Mounts.find(({ Type, Destination }) => Type === 'volume' && Destination === '/errand')?.Name
  const python = Config.Labels[labels.python]
  const projectId = Config.Labels[labels.projectId]
  const known = {
    image: Image,
    user: Config.User,
    ...(python === undefined ? {} : { python }),
    ...(projectId === undefined ? {} : { projectId }),
    ...(volume === undefined ? {} : { volume }),
  }
  if (State.Paused) return { ...known, state: 'paused' }
  if (State.Running) return { ...known, state: 'running' }
  // Killed in order to be removed.
  if (State.Status === 'removing' || State.Dead) return { ...known, state: 'ended', ended: removed(name, host) }
  if (State.Status === 'created') return { ...known, state: 'created' }
  return { ...known, state: 'ended', ended: endOf(State, name) }
}

function endOf({ OOMKilled, ExitCode, Error: error }: ContainerInspectInfo['State'], name: string): Readonly<Record<string, JsonValue>> {
  if (OOMKilled)
    return {
      state: 'failed',
      cause: 'out-of-memory',
      reason: `The container ${name} reached its memory limit, and the kernel ended all that was in it.`,
    }
  const how =
    ExitCode === 137 ? 'was killed from outside, or with its engine' : `ended with exit code ${ExitCode} before its run had an end`
  return { state: 'failed', cause: 'machine', reason: `The container ${name} ${how}${error ? `: ${error}` : ''}.` }
}
