import { type EnvironmentLock, ErrandError, type Plan } from '@errand/core'
import { type DockerfileLines, type InputChange, explainKey, madeAnew, notPrepared } from '@errand/conda'
import type { Builder } from './build.ts'
import { sparkPackagesFolder } from './dockerfile.ts'
import type { Engine } from './engine.ts'
import {
  type BaseImage,
  type ImageOptions,
  type WantedImage,
  baseReference,
  describeBase,
  environmentLabel,
  environmentTag,
  findBase,
  latestTag,
  linesFor,
  previousImage,
  requireSpark,
} from './environment-image.ts'
import { imageLock, isLock, requireLock } from './image-packages.ts'
import { findImage, pullImage } from './pull.ts'

/** An image that a run can start in. */
export interface PreparedImage {
  /** `sha256:…` */
  readonly image: string
  readonly key: string
  /** Absent for an environment that its user manages. */
  readonly lock?: EnvironmentLock
  /** The interpreter, by its path in the image. */
  readonly python: string
  /** To be set for a script: the conda file's own. */
  readonly variables: Readonly<Record<string, string>>
  /** That the image itself runs as; empty for root. */
  readonly user: string
  readonly sparkSubmit?: string
  /** `spark.jars.ivy` of a run, when Spark packages are in the image. */
  readonly sparkPackages?: string
  readonly built: boolean
  readonly changed: readonly InputChange[]
}

export interface PrepareImageOptions extends ImageOptions {
  /** False: a missing image is the error `ENVIRONMENT_NOT_PREPARED`. */
  readonly build: boolean
  /** Absent: the builder that the engine recommends. */
  readonly builder?: Builder
}

/**
 * Makes the image of an environment ready: built once for each key, found afterwards. The base image is pulled when the engine does not have it.
 * Errors: `ENVIRONMENT_NOT_PREPARED`, `ENVIRONMENT_FAILED`, `ENVIRONMENT_DRIFTED`, `IMAGE_…`, `REGISTRY_…`, `ENGINE_…`, and those of `@errand/conda`.
 */
export async function prepareImage(engine: Engine, wanted: WantedImage, options: PrepareImageOptions): Promise<PreparedImage> {
  const { environment, projectId } = wanted.request
  if (environment.kind === 'user-managed') return userManaged(engine, await bringBase(engine, wanted, options), wanted, options)
  // Side by side: on a far engine each question is a round trip.
  const [found, previous] = await Promise.all([bringBase(engine, wanted, options), previousImage(engine, projectId)])
  let base = found
  let lines = await wantedLines(engine, base, wanted, options)
  const changes = () => (previous === undefined ? [] : explainKey(previous.inputs, lines.inputs))
  let image = await findImage(engine, environmentTag(lines.key))
  if (image === undefined && !options.build) throw notPrepared(environment.file, engine.host, changes())
  if (image === undefined && base.image === undefined) {
    base = await pullBase(engine, wanted, options)
    // By the same name another image may have come than the one that was known.
    lines = await wantedLines(engine, base, wanted, options)
    image = await findImage(engine, environmentTag(lines.key))
  }
  const built = image === undefined
  if (image === undefined) {
    madeAnew(environment.file, changes()).forEach(options.report)
    const { buildEnvironment } = await import('./build-environment.ts')
    image = await buildEnvironment(engine, { base, lines, wanted, ...(previous === undefined ? {} : { previous }) }, options)
    await tag(engine, image.Id, environmentTag(lines.key))
  }
  const label = environmentLabel(image)
  const [lock] = await Promise.all([
    imageLock(engine, image.Id, label, { directory: wanted.directory, signal: options.signal }),
    // Given anew at each use: the engine notes when that was.
    tag(engine, image.Id, latestTag(projectId)),
  ])
  if (environment.lock !== undefined) requireLock(environment, environment.lock, lock)
  return {
    image: image.Id,
    key: lines.key,
    lock,
    python: label.python,
    variables: lines.variables,
    user: image.Config.User,
    ...sparkOf(base, wanted),
    built,
    changed: changes(),
  }
}

/** Says what `prepareImage` would do. Changes nothing: a base image that is not there is not pulled, and without it there is no key yet. */
export async function planImage(engine: Engine, wanted: WantedImage, options: ImageOptions): Promise<Omit<Plan, 'upload'>> {
  const base = await findBase(engine, wanted, options)
  const pull = [`pull ${baseReference(wanted).name}`]
  if (base === undefined)
    return {
      environment: { key: '(known when the base image is there)', ready: false, changed: [] },
      steps: [...pull, 'build the environment'],
    }
  if (wanted.request.environment.kind === 'user-managed') {
    const { key } = userManagedIn(base, wanted)
    return { environment: { key, ready: true, changed: [] }, steps: [`use ${base.reference.name} as it is`] }
  }
  const lines = await wantedLines(engine, base, wanted, options)
  const previous = await previousImage(engine, wanted.request.projectId)
  const ready = (await findImage(engine, environmentTag(lines.key))) !== undefined
  const { dockerfileOf } = await import('./build-environment.ts')
  const { from, titles } = dockerfileOf({ base, lines, wanted, ...(previous === undefined ? {} : { previous }) })
  return {
    environment: { key: lines.key, ready, changed: previous === undefined ? [] : explainKey(previous.inputs, lines.inputs) },
    steps: ready
      ? [`use the image ${environmentTag(lines.key)}`]
      : [...(base.image === undefined ? pull : []), `start from ${from}`, ...titles.values()],
  }
}

async function bringBase(engine: Engine, wanted: WantedImage, options: PrepareImageOptions): Promise<BaseImage> {
  const known = await findBase(engine, wanted, options)
  if (known !== undefined) return known
  const reference = baseReference(wanted)
  if (!options.build)
    throw new ErrandError('ENVIRONMENT_NOT_PREPARED', `The image ${reference.name} is not on ${engine.host.name}.`, {
      hint: 'Call `errand experiment prepare` with the same -c, or set PrepareEnvironment: true in the run configuration.',
    })
  return pullBase(engine, wanted, options)
}

async function pullBase(engine: Engine, wanted: WantedImage, options: PrepareImageOptions): Promise<BaseImage> {
  const reference = baseReference(wanted)
  await pullImage(engine, reference, {
    ...options,
    client: wanted.client,
    ...(wanted.platform === undefined ? {} : { platform: wanted.platform }),
  })
  const image = await findImage(engine, reference.name)
  if (image === undefined)
    throw new ErrandError('IMAGE_NOT_FOUND', `The image ${reference.name} was pulled and is not there.`, { hint: 'Call it again.' })
  return describeBase(engine, reference, image, wanted.directory, options)
}

/** With a lock, an image that was made without one will do when it has those very packages. */
async function wantedLines(engine: Engine, base: BaseImage, wanted: WantedImage, { signal }: ImageOptions): Promise<DockerfileLines> {
  const { environment } = wanted.request
  if (environment.kind === 'user-managed' || environment.lock === undefined) return linesFor(base, wanted)
  const { lock, ...free } = environment
  try {
    const lines = linesFor(base, { ...wanted, request: { ...wanted.request, environment: free } })
    const image = await findImage(engine, environmentTag(lines.key))
    if (
      image !== undefined &&
      isLock(lock, await imageLock(engine, image.Id, environmentLabel(image), { directory: wanted.directory, signal }))
    )
      return lines
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'PROVIDER_NOT_AVAILABLE')) throw error
  }
  return linesFor(base, wanted)
}

function userManaged(engine: Engine, base: BaseImage, wanted: WantedImage, options: PrepareImageOptions): Promise<PreparedImage> {
  return base.image === undefined
    ? pullBase(engine, wanted, options).then((found) => userManagedIn(found, wanted))
    : Promise.resolve(userManagedIn(base, wanted))
}

function userManagedIn(base: BaseImage, wanted: WantedImage): PreparedImage {
  const { environment } = wanted.request
  requireSpark(base, wanted.request)
  const named = environment.kind === 'user-managed' ? environment.python : undefined
  if (named === undefined && !base.facts.python)
    throw new ErrandError('IMAGE_WITHOUT_PYTHON', `The image ${base.reference.name} has no Python 3.5 or newer.`, {
      hint: 'Name an image that has one (baseDockerImage in the .compute file), or let errand build the environment: CondaDependenciesFile in the run configuration.',
    })
  const python = named ?? base.facts.place.python.path
  return {
    image: base.image?.Id ?? base.digest,
    key: `${base.digest} ${python}`,
    python,
    variables: {},
    user: base.image?.Config.User ?? '',
    ...sparkOf(base, wanted),
    built: false,
    changed: [],
  }
}

function sparkOf({ facts }: BaseImage, { request }: WantedImage): Pick<PreparedImage, 'sparkSubmit' | 'sparkPackages'> {
  if (request.framework !== 'pyspark' || facts.sparkSubmit === undefined) return {}
  const packages = request.environment.kind !== 'user-managed' && (request.spark?.packages.length ?? 0) > 0
  return { sparkSubmit: facts.sparkSubmit, ...(packages ? { sparkPackages: sparkPackagesFolder } : {}) }
}

async function tag(engine: Engine, id: string, name: string): Promise<void> {
  const [repo = '', label = 'latest'] = name.split(':')
  await engine.docker.getImage(id).tag({ repo, tag: label })
}
