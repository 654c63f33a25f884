import type Docker from 'dockerode'
import { type CallOptions, ErrandError, type Leftover } from '@errand/core'
import type { Engine } from './engine.ts'
import { engineError, refusalStatus, refusalText } from './engine-errors.ts'
import { type EnvironmentLabel, environmentLabel } from './environment-image.ts'
import { labels } from './labels.ts'
import { findImage } from './pull.ts'

const imagePrefix = 'image:'
const containerPrefix = 'probe:'

/** Containers that end with whoever made them, unless that was killed. */
const containerKinds: ReadonlySet<string> = new Set(['probe', 'build', 'reader'])

/** Whether a leftover of this id is one of this module's. */
export const isImageLeftover = (id: string): boolean => id.startsWith(imagePrefix) || id.startsWith(containerPrefix)

/**
 * The images of environments and what cut-off builds left, known by our label: no other image is looked at. An environment's size is what it adds
 * to its base image; what two of them share counts in both. Its last use is the last time that a run or `prepare` chose it.
 */
export async function* imageLeftovers(
  engine: Engine,
  { signal, owner }: CallOptions & { readonly owner?: string },
): AsyncGenerator<Leftover> {
  const isOthers = (user: string | undefined) => user !== undefined && owner !== undefined && user !== owner
  const ours = { label: [labels.kind] }
  const [images, containers] = await Promise.all([
    engine.docker.listImages({ filters: JSON.stringify(ours) }),
    engine.docker.listContainers({ all: true }),
  ]).catch((error: unknown) => {
    throw engineError(error, 'listing images', engine.host.name)
  })
  const used = new Set(containers.map(({ ImageID }) => ImageID))
  for (const { Id } of images) {
    signal.throwIfAborted()
    const image = await findImage(engine, Id)
    if (image !== undefined && !isOthers(image.Config.Labels?.[labels.user])) yield imageLeftover(image, used.has(Id))
  }
  for (const { Id, Labels, State, Created } of containers) {
    if (!containerKinds.has(Labels[labels.kind] ?? '') || isOthers(Labels[labels.user])) continue
    yield {
      id: containerPrefix + Id,
      kind: 'cache',
      bytes: 0,
      lastUsed: new Date(Created * 1000).toISOString(),
      inUse: State === 'running',
    }
  }
}

function imageLeftover(image: Docker.ImageInspectInfo, inUse: boolean): Leftover {
  const { [labels.kind]: kind, [labels.project]: project } = image.Config.Labels ?? {}
  const label: Partial<EnvironmentLabel> = environmentLabel(image)
  return {
    id: imagePrefix + image.Id,
    kind: kind === 'environment' ? 'environment' : 'image',
    bytes: Math.max(0, image.Size - (label.base?.size ?? 0)),
    lastUsed: lastUse(image),
    ...(project === undefined ? {} : { project }),
    inUse,
  }
}

/** Engines note when an image was given a name last; never is the year 1. */
function lastUse({ Created, Metadata }: Docker.ImageInspectInfo & { readonly Metadata?: { readonly LastTagTime?: string } }): string {
  const named = Date.parse(Metadata?.LastTagTime ?? '')
  return new Date(Math.max(Date.parse(Created), Number.isNaN(named) ? 0 : named)).toISOString()
}

/** Deletes one; nothing to do when it is gone. Errors: `IMAGE_IN_USE`, `LEFTOVER_UNKNOWN`. */
export async function removeImageLeftover(engine: Engine, id: string): Promise<void> {
  try {
    if (id.startsWith(containerPrefix)) return await removeContainer(engine, id.slice(containerPrefix.length))
    if (id.startsWith(imagePrefix)) return await removeImage(engine, id.slice(imagePrefix.length))
  } catch (error) {
    if (refusalStatus(error) === 404) return
    if (refusalStatus(error) === 409)
      throw new ErrandError('IMAGE_IN_USE', `The image ${id.slice(imagePrefix.length)} is in use on ${engine.host.name}.`, {
        hint: 'Remove the runs that use it first: errand experiment clean --all -t TARGET.',
        cause: error,
      })
    throw engineError(error, 'removing an image', engine.host.name)
  }
  throw new ErrandError('LEFTOVER_UNKNOWN', `${id} is not an image of ours.`)
}

/** Only what carries our label, whatever id comes in. */
async function removeImage(engine: Engine, id: string): Promise<void> {
  const image = await findImage(engine, id)
  if (image === undefined) return
  if (image.Config.Labels?.[labels.kind] === undefined) throw new ErrandError('LEFTOVER_UNKNOWN', `${id} is not an image of ours.`)
  const containers = await engine.docker.listContainers({ all: true, filters: JSON.stringify({ ancestor: [id] }) })
  // Those of images that are made of it are among them, and need no more than its layers.
  if (containers.some(({ ImageID }) => digits(ImageID) === digits(image.Id)))
    throw Object.assign(new Error('a container uses it'), { statusCode: 409 })
  // It has two names of ours: its key and its project's last. One that others are made of loses these, and goes with the last of the others.
  const names = image.RepoTags ?? []
  for (const name of names) await engine.docker.getImage(name).remove()
  if (names.length > 0) return
  await engine.docker
    .getImage(id)
    .remove({ force: true })
    .catch((error: unknown) => {
      if (!/dependent child/.test(refusalText(error))) throw error
    })
}

const digits = (id: string): string => id.replace(/^sha256:/, '')

async function removeContainer(engine: Engine, id: string): Promise<void> {
  const container = engine.docker.getContainer(id)
  const { Config } = await container.inspect()
  if (!containerKinds.has(Config.Labels[labels.kind] ?? '')) throw new ErrandError('LEFTOVER_UNKNOWN', `${id} is not a container of ours.`)
  await container.remove({ force: true, v: true })
}
