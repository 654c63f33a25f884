import { type Agent, agentLeftovers, openAgent, removeAgentLeftover } from '@errand/agent'
import { type CallOptions, ErrandError, type Leftover } from '@errand/core'
import { anyImage, anyPython, findAnyImage } from './any-image.ts'
import { storeHost } from './container-host.ts'
import { removeRunContainer } from './docker-run.ts'
import { refusalStatus } from './engine-errors.ts'
import type { OpenedEngine } from './docker-target.ts'
import { labels } from './labels.ts'
import { type StoreVolume, storeVolumes } from './store-volume.ts'

/** What our runs have left on the engine: in the volumes of our user, and containers that are in no volume's list. */
export async function* runLeftovers(opened: OpenedEngine, options: CallOptions): AsyncGenerator<Leftover> {
  const { engine, place } = opened
  const found = new Set<string>()
  const image = await findAnyImage(engine, place.owner, place.settings.baseDockerImage)
  for (const volume of await volumesOf(opened)) {
    if (image === undefined) {
      yield unreadable(volume, engine.host.name)
      continue
    }
    await using agent = await openStore(opened, volume, image, options)
    for await (const leftover of agentLeftovers(agent, options)) {
      if (leftover.runId !== undefined) found.add(leftover.runId)
      yield { ...leftover, id: `${volume.name}/${leftover.id}`, owner: place.owner }
    }
  }
  const containers = await engine.docker.listContainers({ all: true, filters: { label: [labels.run, `${labels.user}=${place.owner}`] } })
  for (const { Labels: names, Created, State } of containers) {
    const runId = names[labels.run]
    if (runId === undefined || found.has(runId)) continue
    const project = names[labels.project]
    yield {
      id: `container:${runId}`,
      kind: 'run',
      bytes: 0,
      lastUsed: new Date(Created * 1000).toISOString(),
      runId,
      ...(project === undefined ? {} : { project }),
      owner: place.owner,
      inUse: State === 'running',
    }
  }
}

/** Nobody can say what is in it, so it goes only with force. */
function unreadable({ name, owner }: StoreVolume, host: string): Leftover {
  const risk = `No image is left on ${host} with which the volume ${name} could be read: runs in it would be lost.`
  return { id: `volume:${name}`, kind: 'volume', bytes: 0, lastUsed: new Date(0).toISOString(), owner, inUse: false, risk }
}

/** Removes one of them. Safe to repeat. Error: `LEFTOVER_UNKNOWN`. */
export async function removeRunLeftover(opened: OpenedEngine, id: string, options: CallOptions): Promise<void> {
  const { engine, place } = opened
  if (id.startsWith('container:')) {
    return removeRunContainer(engine, id.slice('container:'.length))
  }
  if (id.startsWith('volume:')) {
    return removeVolume(opened, id.slice('volume:'.length))
  }
  const [, name, rest] = /^(errand-[^/]+)\/(.+)$/.exec(id) ?? []
  if (name === undefined || rest === undefined) throw new ErrandError('LEFTOVER_UNKNOWN', `${id} is nothing that runs leave.`)
  const volume = (await volumesOf(opened)).find((known) => known.name === name)
  if (volume !== undefined) {
    const image = await anyImage(engine, place.owner, place.settings.baseDockerImage)
    await using agent = await openStore(opened, volume, image, options)
    await removeAgentLeftover(agent, rest, options)
  }
  if (rest.startsWith('run:')) await removeRunContainer(engine, rest.slice('run:'.length))
}

const volumesOf = ({ engine, place }: OpenedEngine): Promise<readonly StoreVolume[]> => storeVolumes(engine, place.owner)

function openStore({ engine }: OpenedEngine, volume: StoreVolume, image: string, { signal }: CallOptions): Promise<Agent> {
  const host = storeHost(engine, { image, volume, user: volume.user ?? '0' })
  return openAgent({ host, pythons: anyPython, home: host.home, signal })
}

/** One of ours; a container that has it keeps it. */
async function removeVolume(opened: OpenedEngine, name: string): Promise<void> {
  if (!(await volumesOf(opened)).some((volume) => volume.name === name)) return
  await opened.engine.docker
    .getVolume(name)
    .remove()
    .catch((error: unknown) => {
      if (refusalStatus(error) !== 409) throw error
      throw new ErrandError('VOLUME_IN_USE', `The volume ${name} is in use by a container on ${opened.engine.host.name}.`, {
        hint: 'Remove the runs that use it first: errand experiment clean --all -t TARGET.',
        cause: error,
      })
    })
}
