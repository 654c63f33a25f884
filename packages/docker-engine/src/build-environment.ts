import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type Docker from 'dockerode'
import { ErrandError, type SnapshotFile, holdsCredentials } from '@errand/core'
import {
  type DockerfileLines,
  credentialsSecret,
  credentialsText,
  differInPipAlone,
  environmentKey,
  fetchMicromamba,
  hiddenParts,
  stepFailed,
} from '@errand/conda'
import { type Builder, buildImage, recommendedBuilder } from './build.ts'
import { holdBuildLock } from './build-lock.ts'
import { proxyArguments, readDockerConfiguration } from './docker-configuration.ts'
import { type Dockerfile, dockerfile } from './dockerfile.ts'
import type { Engine } from './engine.ts'
import { engineError } from './engine-errors.ts'
import { printedForms } from './hidden-output.ts'
import {
  type BaseImage,
  type EnvironmentLabel,
  type ImageOptions,
  type PreviousImage,
  type WantedImage,
  environmentLabel,
  environmentTag,
} from './environment-image.ts'
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
  readonly previous?: PreviousImage
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

async function buildNow(engine: Engine, building: Building, options: BuildOptions): Promise<Docker.ImageInspectInfo> {
  const { base, lines, wanted } = building
  const { request, client, directory, platform, owner } = wanted
  if (request.environment.kind === 'user-managed') throw new TypeError('nothing to build')
  const { file, localFiles } = request.environment
  const image = base.image
  if (image === undefined) throw new TypeError('no base image')
  const hasCredentials = Object.keys(lines.credentials).length > 0
  const builder = hasCredentials ? builderWithSecrets(engine, file) : (options.builder ?? (await recommendedBuilder(engine)))
  await refuseCredentialsIn(localFiles, file, options)
  const { text: lineText, files, titles, changes } = dockerfileOf(await withPrevious(engine, building), builder)
  const label: EnvironmentLabel = {
    python: `${lines.prefix}/bin/python`,
    provider: lines.provider,
    packagesFile: lines.packagesFile,
    base: { digest: base.digest, size: image.Size, facts: base.facts },
    ...(changes === 0 ? {} : { changes }),
  }
  const outcome = await buildImage(
    engine,
    {
      dockerfile: lineText,
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
      ...(hasCredentials
        ? { secrets: { [credentialsSecret]: credentialsText(lines) }, hidden: printedForms(hiddenParts(lines.credentials)) }
        : {}),
    },
    options,
  )
  if (typeof outcome !== 'string') throw stepFailed(outcome, client, file)
  const made = await findImage(engine, outcome)
  if (made === undefined) throw new ErrandError('IMAGE_DAMAGED', `The image of ${file} was built and is gone.`, { hint: 'Prepare again.' })
  return made
}

/** The last image as it is now: whoever waited for another build may find it without its names, or gone. */
async function withPrevious(engine: Engine, { previous, ...rest }: Building): Promise<Building> {
  const image = previous === undefined ? undefined : await findImage(engine, previous.image.Id)
  return previous === undefined || image === undefined ? rest : { ...rest, previous: { ...previous, image } }
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

/** Bytes. Lists of packages are shorter. */
const longestList = 1_000_000

/** A list of packages that the dependency file names is copied into the image as it is. */
async function refuseCredentialsIn(localFiles: readonly SnapshotFile[], file: string, { openObject }: BuildOptions): Promise<void> {
  for (const { path, size, digest } of localFiles) {
    if (size > longestList || /\.(whl|zip|gz|bz2|xz)$/i.test(path)) continue
    if (!holdsCredentials(await text(openObject(digest)))) continue
    throw new ErrandError(
      'CREDENTIALS_IN_IMAGE',
      `An address in ${path} holds a password or token, and ${path} would be a part of the image.`,
      {
        hint: `Write that address in ${file} itself: there it is hidden while the image is built.`,
      },
    )
  }
}

/**
 * BuildKit has secrets for the time of a build in what Docker brings since 20.10 (API 1.41), and Podman has them. In a layer everybody who gets the
 * image could read them.
 */
function builderWithSecrets({ apiVersion, name, version, host }: Engine, file: string): Builder {
  if (name.startsWith('Podman') && Number.parseInt(version) >= 4) return 'classic'
  if (!name.startsWith('Podman') && Number(apiVersion.split('.')[1]) >= 41) return 'buildkit'
  throw new ErrandError(
    'CREDENTIALS_IN_IMAGE',
    `An address in ${file} holds a password or token, which the engine of ${host.name} would keep in the image: Docker 20.10 and Podman 4 can hide it.`,
    {
      hint: 'Update that engine, or take it out of the address: let the base image bring a pip.conf or .netrc, or run on a target that is no container.',
    },
  )
}

/** Layers of one image are limited (127), and what a change removes stays in the layer below. */
const mostChanges = 10

/** The image that it starts from, by name, and the rest: the base image, or the project's last one where only the pip section differs. */
export function dockerfileOf(
  { base, lines, wanted: { request }, previous }: Building,
  builder: Builder = 'buildkit',
): Dockerfile & { readonly from: string; readonly changes: number } {
  const user = base.image?.Config.User ?? ''
  // BuildKit knows images by name alone.
  const nameOf = (name: string, image: Docker.ImageInspectInfo | undefined) => (builder === 'buildkit' ? name : (image?.Id ?? name))
  const changes = previous === undefined ? 0 : (environmentLabel(previous.image).changes ?? 0) + 1
  if (
    previous !== undefined &&
    lines.changeLines !== undefined &&
    changes <= mostChanges &&
    differInPipAlone(previous.inputs, lines.inputs) &&
    hasName(previous)
  ) {
    const name = nameOfPrevious(previous)
    const from = nameOf(name, previous.image)
    return { from: name, changes, ...dockerfile({ base: from, user, environment: { lines: lines.changeLines, titles: lines.titles } }) }
  }
  const name = base.reference.name
  const spark =
    request.framework === 'pyspark' && request.spark !== undefined && base.facts.sparkSubmit !== undefined
      ? { spark: { ...request.spark, submit: base.facts.sparkSubmit } }
      : {}
  return { from: name, changes: 0, ...dockerfile({ base: nameOf(name, base.image), user, environment: lines, ...spark }) }
}

const nameOfPrevious = ({ inputs }: PreviousImage): string => environmentTag(environmentKey(inputs))

/** A name that the engine does not know it would look for in a registry. Podman puts `localhost/` before it. */
const hasName = (previous: PreviousImage): boolean =>
  (previous.image.RepoTags ?? []).some((name) => `/${name}`.endsWith(`/${nameOfPrevious(previous)}`))
