import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import type { RunRequest } from '@errand/core'
import { readContainerOptions } from './container-options.ts'
import { type ContainerSettings, bytesOf, gpuRequest, processorsOf } from './container-settings.ts'
import { labels } from './labels.ts'
import { type StoreVolume, shareFolder, storeFolder, storeMount } from './store-volume.ts'

/** One run is one container, and the name says which. */
export const containerName = (runId: string): string => `errand-${runId}`

/** Seconds that a container has to stop, beyond the grace of its run. */
const stopMargin = 5

/**
 * The agent is sent into the running container, so the main process waits for it first, and becomes it without starting Python once more.
 * Arguments: the agent's entry, its command.
 */
const waitForAgent = `import os, sys, time
del sys.argv[0]
until = time.time() + 120
while not os.path.exists(sys.argv[0]) and time.time() < until:
    time.sleep(0.005)
sys.path[0] = os.path.dirname(sys.argv[0])
with open(sys.argv[0], "rb") as entry:
    code = compile(entry.read(), sys.argv[0], "exec")
exec(code)`

export interface RunContainer {
  readonly request: RunRequest
  readonly settings: ContainerSettings
  /** Id or name. */
  readonly image: string
  readonly python: string
  readonly volume: StoreVolume
  /** Content hash of the agent, which names its folder in the store. */
  readonly agent: string
  /** Seconds between the polite and the hard end of the run. */
  readonly grace: number
  /** The shared folder on the engine's machine, absolute. */
  readonly share?: string
}

/** What the engine is asked to make. No variable of the run is in it: whoever may use the engine can read what is. */
export function runContainerOptions({
  request,
  settings,
  image,
  python,
  volume,
  agent,
  grace,
  share,
}: RunContainer): ContainerCreateOptions {
  const changes = readContainerOptions(settings.containerOptions ?? [])
  const entry = `${storeFolder}/agent/${agent}/errand_agent_main.py`
  const { Binds = [], ...host } = { ...limits(settings), ...changes.host }
  return {
    ...changes.container,
    ...(settings.user === undefined ? {} : { User: settings.user }),
    Image: image,
    Entrypoint: [python, '-E', '-s', '-S', '-c', waitForAgent, entry, 'container', request.runId],
    Cmd: [],
    Env: [`ERRAND_HOME=${storeFolder}`],
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGTERM',
    StopTimeout: Math.ceil(grace) + stopMargin,
    Labels: {
      ...changes.container.Labels,
      [labels.user]: volume.owner,
      [labels.project]: request.project,
      [labels.projectId]: request.projectId,
      [labels.run]: request.runId,
      [labels.python]: python,
    },
    HostConfig: {
      ...host,
      Mounts: [storeMount(volume)],
      Binds: share === undefined ? Binds : [...Binds, `${share}:${shareFolder}`],
      RestartPolicy: { Name: 'no' },
      AutoRemove: false,
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}

function limits({ shmSize, memory, cpus, network, gpus, nvidiaDocker }: ContainerSettings): Partial<HostConfig> {
  const devices = gpus ?? (nvidiaDocker === true ? 'all' : undefined)
  return {
    ShmSize: bytesOf('shmSize', shmSize ?? '2g'),
    // Without swap: more memory than was asked for is the end, not a slower run.
    ...(memory === undefined ? {} : { Memory: bytesOf('memory', memory), MemorySwap: bytesOf('memory', memory) }),
    ...(cpus === undefined ? {} : { NanoCpus: processorsOf('cpus', cpus) }),
    ...(network === undefined ? {} : { NetworkMode: network }),
    ...(devices === undefined ? {} : { DeviceRequests: [gpuRequest(devices)] }),
  }
}
