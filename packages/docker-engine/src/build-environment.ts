import { join } from 'node:path'
import type Docker from 'dockerode'
import { ErrandError } from '@errand/core'
import { type DockerfileLines, fetchMicromamba, stepFailed } from '@errand/conda'
import { type Builder, buildImage, recommendedBuilder } from './build.ts'
import { holdBuildLock } from './build-lock.ts'
import { proxyArguments, readDockerConfiguration } from './docker-configuration.ts'
import { dockerfile } from './dockerfile.ts'
import type { Engine } from './engine.ts'
import { engineError } from './engine-errors.ts'
import { type BaseImage, type EnvironmentLabel, type ImageOptions, type WantedImage, environmentTag } from './environment-image.ts'
import { labels } from './labels.ts'
import { findImage } from './pull.ts'
import type { TarFile } from './tar.ts'

export interface BuildOptions extends ImageOptions {
  /** Absent: the builder that the engine recommends. */
  readonly builder?: Builder
}

/** What an environment's image is built of. */
export interface Building {
  readonly base: BaseImage
  readonly lines: DockerfileLines
  readonly wanted: WantedImage
}

/**
 * One build of a key at a time on an engine: another that is going on is waited for.
 * Errors: `ENVIRONMENT_FAILED`, `CREDENTIALS_IN_IMAGE`, `ENGINE_…`.
 */
export async function buildEnvironment(engine: Engine, building: Building, options: BuildOptions): Promise<Docker.ImageInspectInfo> {
  const { lines, base } = building
  const isMade = async () => (await findImage(engine, environmentTag(lines.key))) !== undefined
  for (;;) {
    options.signal.throwIfAborted()
    const lock = await holdBuildLock(engine, lines.key, base.image?.Id ?? base.digest, isMade, options).catch((error: unknown) => {
      throw engineError(error, 'starting a build', engine.host.name)
    })
    await using held = lock
    const image = await findImage(engine, environmentTag(lines.key))
    if (image !== undefined) return image
    if (held !== undefined) return await buildNow(engine, building, options)
  }
}

async function buildNow(engine: Engine, { base, lines, wanted }: Building, options: BuildOptions): Promise<Docker.ImageInspectInfo> {
  const { request, client, directory, platform, owner } = wanted
  if (request.environment.kind === 'user-managed') throw new TypeError('nothing to build')
  const { file, localFiles } = request.environment
  refuseCredentials(lines, file)
  const image = base.image
  if (image === undefined) throw new TypeError('no base image')
  const builder = options.builder ?? (await recommendedBuilder(engine))
  // BuildKit knows images by name alone.
  const from = builder === 'buildkit' ? base.reference.name : image.Id
  const { text, files, titles } = dockerfile(dockerfileParts(base, lines, wanted, from))
  const label: EnvironmentLabel = {
    python: `${lines.prefix}/bin/python`,
    provider: lines.provider,
    packagesFile: lines.packagesFile,
    base: { digest: base.digest, size: image.Size, facts: base.facts },
  }
  const outcome = await buildImage(
    engine,
    {
      dockerfile: text,
      files: await contextFiles(lines, files, localFiles, options),
      tag: environmentTag(lines.key),
      labels: {
        [labels.kind]: 'environment',
        [labels.environmentKey]: lines.key,
        [labels.environmentInputs]: JSON.stringify(lines.inputs),
        [labels.environment]: JSON.stringify(label),
        [labels.base]: base.reference.name,
        [labels.project]: request.project,
        [labels.projectId]: request.projectId,
        ...(owner === undefined ? {} : { [labels.user]: owner }),
      },
      arguments: proxyArguments(await readDockerConfiguration(client.home)),
      titles,
      log: join(directory, 'builds', `${lines.key}.log`),
      ...(platform === undefined ? {} : { platform }),
      builder,
    },
    options,
  )
  if (typeof outcome !== 'string') throw stepFailed(outcome, client, file)
  const made = await findImage(engine, outcome)
  if (made === undefined) throw new ErrandError('IMAGE_DAMAGED', `The image of ${file} was built and is gone.`, { hint: 'Prepare again.' })
  return made
}

async function contextFiles(
  lines: DockerfileLines,
  more: Readonly<Record<string, string>>,
  localFiles: readonly { readonly digest: string; readonly size: number }[],
  { openObject, signal, report, download }: BuildOptions,
): Promise<TarFile[]> {
  const texts = Object.entries({ ...lines.files, ...more }).map(([path, content]) => ({ path, content }))
  const objects = lines.objects.map(({ path, digest }) => {
    const size = localFiles.find((file) => file.digest === digest)?.size ?? 0
    return { path, content: { size, open: () => openObject(digest) } }
  })
  if (lines.micromamba === undefined) return [...texts, ...objects]
  report({ message: `fetching micromamba ${lines.micromamba.pin.version}` })
  return [
    ...texts,
    ...objects,
    { path: lines.micromamba.path, content: await fetchMicromamba(lines.micromamba.pin, signal, download), executable: true },
  ]
}

/** A layer keeps whatever was in a file of the build, and whoever gets the image can read it. */
function refuseCredentials({ holdsCredentials }: DockerfileLines, file: string): void {
  if (!holdsCredentials) return
  throw new ErrandError(
    'CREDENTIALS_IN_IMAGE',
    `An address in ${file} holds a user or password, which everyone could read in the image that is made of it.`,
    {
      hint: 'Take it out of the address: let the base image bring a pip.conf or .netrc, or run on a target that is no container.',
    },
  )
}

/** What the Dockerfile of an environment is made of. */
export function dockerfileParts(base: BaseImage, lines: DockerfileLines, { request }: WantedImage, from = base.reference.name) {
  return {
    base: from,
    user: base.image?.Config.User ?? '',
    environment: lines,
    ...(request.framework === 'pyspark' && request.spark !== undefined && base.facts.sparkSubmit !== undefined
      ? { spark: { ...request.spark, submit: base.facts.sparkSubmit } }
      : {}),
  }
}
