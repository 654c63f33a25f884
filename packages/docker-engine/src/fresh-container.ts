import type { ContainerCreateOptions } from 'dockerode'
import type { Duplex } from 'node:stream'
import type { HostProcess, RunOptions } from '@errand/core'
import { attachTo } from './attach.ts'
import { containerProcess } from './container-process.ts'
import type { Engine } from './engine.ts'
import { notStarted } from './exec.ts'
import { labels } from './labels.ts'
import { type StoreVolume, storeMount } from './store-volume.ts'

export interface FreshContainer {
  readonly image: string
  readonly volume: StoreVolume
  /** Absent: the volume's, else the image's own. */
  readonly user?: string
}

/** Runs a command in a container of its own that has the store, no network, and goes with the command. */
export async function runFresh(
  engine: Engine,
  { image, volume, user = volume.user }: FreshContainer,
  command: readonly string[],
  { env = {} }: Pick<RunOptions, 'env'>,
): Promise<HostProcess> {
  const container = await engine.docker.createContainer({
    ...barely(command, env),
    Image: image,
    Labels: { [labels.kind]: 'reader', [labels.user]: volume.owner },
    ...(user === undefined ? {} : { User: user }),
    HostConfig: { AutoRemove: true, NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} }, Mounts: [storeMount(volume)] },
  })
  // Asked before the start, since afterwards there may be nothing left to ask.
  const ended = container.wait({ condition: 'next-exit' }).then(
    ({ StatusCode }: { StatusCode: number }) => ({ exitCode: StatusCode }),
    () => ({}),
  )
  let socket: Duplex | undefined
  try {
    socket = await attachTo(engine, container, ['stdin', 'stdout', 'stderr'])
    await container.start()
  } catch (error) {
    socket?.destroy()
    await container.remove({ force: true, v: true }).catch(() => {})
    throw notStarted(command, error) ?? error
  }
  return containerProcess(socket, {
    exit: () => ended,
    async kill(signal) {
      await container.kill({ signal }).catch(() => {})
    },
  })
}

/** The command with its streams, and nothing of what the image does at its start. */
function barely(command: readonly string[], env: Readonly<Record<string, string>>): ContainerCreateOptions {
  return {
    Entrypoint: [...command],
    Cmd: [],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Healthcheck: { Test: ['NONE'] },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
  }
}
