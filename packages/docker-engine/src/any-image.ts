import { ErrandError } from '@errand/core'
import { defaultImages } from './default-images.ts'
import type { Engine } from './engine.ts'
import { refusalStatus } from './engine-errors.ts'
import { labels } from './labels.ts'

/** An image with a Python, to read a store with when a run's own image is gone. `base`: the target's own. Error: `IMAGE_MISSING`. */
export async function anyImage(engine: Engine, owner: string, base: string | undefined): Promise<string> {
  const image = await findAnyImage(engine, owner, base)
  if (image !== undefined) return image
  throw new ErrandError(
    'IMAGE_MISSING',
    `No image of errand is left on ${engine.host.name} with which the volume of its runs could be read.`,
    {
      hint: 'Make one: errand experiment prepare -c NAME',
    },
  )
}

/** Interpreters of such an image: that of an environment, else what its PATH has. */
export const anyPython: readonly string[] = ['/opt/errand/environment/bin/python', 'python3', 'python']

/** That of a run, the target's own, that of an environment, or one of those that runs start from by default: the first that is there. */
export async function findAnyImage(engine: Engine, owner: string, base: string | undefined): Promise<string | undefined> {
  const containers = await engine.docker.listContainers({ all: true, filters: { label: [labels.run, `${labels.user}=${owner}`] } })
  return containers[0]?.ImageID ?? (await stillThere(engine, base)) ?? (await environmentOrDefault(engine))
}

async function environmentOrDefault(engine: Engine): Promise<string | undefined> {
  const environments = await engine.docker.listImages({ filters: JSON.stringify({ label: [`${labels.kind}=environment`] }) })
  return environments[0]?.Id ?? (await stillThere(engine, defaultImages.python)) ?? (await stillThere(engine, defaultImages.pyspark))
}

/** The image, if the engine has it. */
export async function stillThere({ docker }: Engine, image: string | undefined): Promise<string | undefined> {
  if (image === undefined) return undefined
  return docker
    .getImage(image)
    .inspect()
    .then(
      () => image,
      (error: unknown) => {
        // An engine that has gone away has not said that it lacks the image.
        if (refusalStatus(error) === undefined) throw error
        return undefined
      },
    )
}
