import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { type CallOptions, type EnvironmentRequest, ErrandError, type Host } from '@errand/core'
import {
  type DockerfileLines,
  type Download,
  type EnvironmentInputs,
  type PlaceFacts,
  type ProviderName,
  dockerfileLines,
} from '@errand/conda'
import { defaultImages } from './default-images.ts'
import type { Engine } from './engine.ts'
import { type ImageFacts, imageFacts } from './image-facts.ts'
import { type ImageReference, parseImageReference } from './image-reference.ts'
import { labels } from './labels.ts'
import { findImage } from './pull.ts'

/** Which image is wanted. */
export interface WantedImage {
  readonly request: EnvironmentRequest
  /** `baseDockerImage`. Absent: the default for the framework. */
  readonly baseImage?: string
  readonly provider?: ProviderName
  /** `linux/amd64`. Absent: the engine's own. */
  readonly platform?: string
  /** Folder on this machine for logs of builds and for what is known of images. */
  readonly directory: string
  /** This machine: it knows the logins for registries. */
  readonly client: Host
  /** Who prepares, and cleans. */
  readonly owner?: string
}

export interface ImageOptions extends CallOptions {
  /** Bytes of a file that the dependency file names, by digest. */
  readonly openObject: (digest: string) => Readable
  /** How the pinned micromamba is fetched, where it is needed. Absent: `fetch`. */
  readonly download?: Download
}

/** The image to start from, as the engine has it or had it. */
export interface BaseImage {
  readonly reference: ImageReference
  /** What the environment's key is made of: the registry's digest, else the engine's id. */
  readonly digest: string
  readonly facts: ImageFacts
  /** Absent when the engine has it no more: what was made from it still serves. */
  readonly image?: Docker.ImageInspectInfo
}

/** Label of an environment's image: where things are in it, and what is known of the image below it. */
export interface EnvironmentLabel {
  readonly python: string
  readonly provider: string
  readonly packagesFile: string
  readonly base: { readonly digest: string; readonly size: number; readonly facts: ImageFacts }
  /** How many images of other environments are below it, each with a change of the pip section. Absent: none. */
  readonly changes?: number
}

export const environmentTag = (key: string): string => `errand/environment:${key}`

/** Names the image that a project used last: the next change is explained against it. */
export const latestTag = (projectId: string): string => `errand/latest:${projectId.replaceAll(/[^\w.-]/g, '_').slice(0, 120)}`

/** The reference of the base image. Error: `IMAGE_NAME_INVALID`. */
export function baseReference({
  baseImage,
  request,
}: Pick<WantedImage, 'baseImage'> & { readonly request: Pick<EnvironmentRequest, 'framework'> }): ImageReference {
  return parseImageReference(baseImage ?? defaultImages[request.framework])
}

/** The base image if the engine has it, or what is known of it from the project's last image. */
export async function findBase(engine: Engine, wanted: WantedImage, options: CallOptions): Promise<BaseImage | undefined> {
  const reference = baseReference(wanted)
  const image = await findImage(engine, reference.name)
  if (image !== undefined) return describeBase(engine, reference, image, wanted.directory, options)
  const latest = await findImage(engine, latestTag(wanted.request.projectId))
  if (latest?.Config.Labels?.[labels.base] !== reference.name) return undefined
  const { base } = environmentLabel(latest)
  return { reference, digest: base.digest, facts: base.facts }
}

export async function describeBase(
  engine: Engine,
  reference: ImageReference,
  image: Docker.ImageInspectInfo,
  directory: string,
  options: CallOptions,
): Promise<BaseImage> {
  return {
    reference,
    image,
    digest: digestFor(reference, image.RepoDigests ?? []) ?? image.Id,
    facts: await imageFacts(engine, image, { name: reference.name, directory }, options),
  }
}

/** An engine lists a digest for each repository that it knows the image from, in no order that stays. */
export function digestFor({ repository }: ImageReference, digests: readonly string[]): string | undefined {
  const plain = (name: string) => name.replace(/^docker\.io\/(library\/)?/, '')
  const own = digests.find((known) => plain(known.split('@')[0] ?? '') === plain(repository))
  return own?.split('@')[1]
}

/** Errors: `IMAGE_WITHOUT_SPARK`, and those of `@errand/conda`. */
export function linesFor(base: BaseImage, { request, provider }: WantedImage): DockerfileLines {
  requireSpark(base, request)
  return dockerfileLines({
    environment: request.environment,
    facts: placeOf(base),
    base: base.digest,
    ...(request.framework === 'pyspark' && request.spark !== undefined ? { spark: request.spark } : {}),
    ...(provider === undefined ? {} : { provider }),
  })
}

/** Messages name the image, not the container that was asked. */
const placeOf = ({ facts, reference }: BaseImage): PlaceFacts => ({ ...facts.place, hostname: `the image ${reference.name}` })

export function requireSpark({ facts, reference }: BaseImage, { framework }: EnvironmentRequest): void {
  if (framework !== 'pyspark' || facts.sparkSubmit !== undefined) return
  throw new ErrandError(
    'IMAGE_WITHOUT_SPARK',
    `The image ${reference.name} has no Spark: spark-submit is neither on its PATH nor in SPARK_HOME.`,
    {
      hint: `Name an image with Spark (baseDockerImage: ${defaultImages.pyspark} is the default), or set Framework: Python in the run configuration.`,
    },
  )
}

/** The project's last image, and what it was made of. */
export interface PreviousImage {
  readonly image: Docker.ImageInspectInfo
  readonly inputs: EnvironmentInputs
}

/** Undefined when there is none. */
export async function previousImage(engine: Engine, projectId: string): Promise<PreviousImage | undefined> {
  const image = await findImage(engine, latestTag(projectId))
  const text = image?.Config.Labels?.[labels.environmentInputs]
  return image === undefined || text === undefined ? undefined : { image, inputs: JSON.parse(text) as EnvironmentInputs }
}

export function environmentLabel(image: Docker.ImageInspectInfo): EnvironmentLabel {
  return JSON.parse(image.Config.Labels?.[labels.environment] ?? '{}') as EnvironmentLabel
}
