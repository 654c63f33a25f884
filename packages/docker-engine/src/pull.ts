import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { type CallOptions, ErrandError, type Host } from '@errand/core'
import { type RegistryLogin, readDockerConfiguration, registryLogin } from './docker-configuration.ts'
import type { Engine } from './engine.ts'
import { engineError, refusalStatus, refusalText } from './engine-errors.ts'
import { type ImageReference, shownName } from './image-reference.ts'
import { lineError, progressLines } from './progress-lines.ts'

export interface PullOptions extends CallOptions {
  /** The user's machine, which knows the logins. */
  readonly client: Host
  /** `linux/amd64`. Absent: the engine's own. */
  readonly platform?: string
}

/** The image as the engine has it; undefined when it has not. */
export async function findImage(engine: Engine, name: string): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await engine.docker.getImage(name).inspect()
  } catch (error) {
    if (refusalStatus(error) === 404) return undefined
    throw engineError(error, `looking for the image ${name}`, engine.host.name)
  }
}

/**
 * Fetches an image, with the user's own login for its registry. What has come stays: a pull that is cut off goes on where it was.
 * Errors: `IMAGE_NOT_FOUND`, `IMAGE_PLATFORM`, `REGISTRY_FORBIDDEN`, `REGISTRY_UNREACHABLE`, `REGISTRY_LOGIN_FAILED`, `ENGINE_DISK_FULL`.
 */
export async function pullImage(engine: Engine, image: ImageReference, options: PullOptions): Promise<void> {
  const { client, platform, signal, report } = options
  const login = await registryLogin(client, image.registry, await readDockerConfiguration(client.home), signal)
  const message = `pulling ${shownName(image)}`
  report({ message })
  const layers = new Map<string, { done: number; total: number }>()
  try {
    for await (const line of progressLines(await startPull(engine, image, { platform, login, signal }))) {
      const problem = lineError(line)
      if (problem !== undefined) throw new Error(problem)
      const { id, status, progressDetail } = line
      if (id === undefined || status !== 'Downloading' || progressDetail?.total === undefined) continue
      layers.set(id, { done: progressDetail.current ?? 0, total: progressDetail.total })
      report({ message, unit: 'bytes', ...sumOf(layers.values()) })
    }
  } catch (error) {
    signal.throwIfAborted()
    throw pullFailed(engine, image, login, error)
  }
}

/**
 * Asks the registry for an image as a pull would, from the engine's machine with the user's login, and takes nothing. False when the engine can't ask.
 * Errors: those of `pullImage`.
 */
export async function askForImage(
  engine: Engine,
  image: ImageReference,
  { client, signal }: Omit<PullOptions, 'report'>,
): Promise<boolean> {
  // Podman has no such call.
  if (engine.name.startsWith('Podman')) return false
  const login = await registryLogin(client, image.registry, await readDockerConfiguration(client.home), signal)
  try {
    await askRegistry(engine, { image, login, signal })
    return true
  } catch (error) {
    signal.throwIfAborted()
    throw pullFailed(engine, image, login, error)
  }
}

/** Without dockerode's own `distribution`, which can't be given up: an engine is patient with a registry that does not answer. */
function askRegistry(
  { docker }: Engine,
  { image, login, signal }: Pick<Start, 'login' | 'signal'> & { readonly image: ImageReference },
): Promise<void> {
  const request = {
    path: `/distribution/${image.name}/json`,
    method: 'GET',
    statusCodes: { 200: true, 401: 'no such image', 500: 'server error' },
    authconfig: login ?? {},
    abortSignal: signal,
  }
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: Error | null) => (error === null ? resolve() : reject(error)))
  })
}

function sumOf(layers: Iterable<{ readonly done: number; readonly total: number }>): { done: number; total: number } {
  const sum = { done: 0, total: 0 }
  for (const { done, total } of layers) {
    sum.done += done
    sum.total += total
  }
  return sum
}

interface Start {
  readonly platform: string | undefined
  readonly login: RegistryLogin | undefined
  readonly signal: AbortSignal
}

async function startPull({ docker }: Engine, image: ImageReference, { platform, login, signal }: Start): Promise<Readable> {
  const query = {
    fromImage: image.digest === undefined ? image.repository : `${image.repository}@${image.digest}`,
    ...(image.digest === undefined ? { tag: image.tag } : {}),
    ...(platform === undefined ? {} : { platform }),
    abortSignal: signal,
  }
  return (await docker.createImage(login ?? {}, query)) as Readable
}

const key = 'baseDockerImage in the .compute file'

function pullFailed(engine: Engine, image: ImageReference, login: RegistryLogin | undefined, error: unknown): unknown {
  const text = refusalText(error)
  const because = (code: string, message: string, hint: string) => new ErrandError(code, message, { hint, cause: error })
  const registry = image.registry === 'docker.io' ? 'Docker Hub' : image.registry
  if (/no matching manifest|does not match the specified platform|no match for platform/i.test(text))
    return because(
      'IMAGE_PLATFORM',
      `The image ${image.name} is not made for ${engine.platform.os}/${engine.platform.architecture}, which the Docker engine of ${engine.host.name} runs.`,
      `Choose an image that is: ${key}.`,
    )
  if (/unauthorized|authentication required|denied|no basic auth credentials|\b40[13]\b/i.test(text)) {
    const how =
      login === undefined ? `docker login ${image.registry === 'docker.io' ? '' : image.registry}`.trim() : 'a login that may read it'
    return because(
      'REGISTRY_FORBIDDEN',
      `${registry} does not give ${image.name} away: it does not exist there, or needs ${login === undefined ? 'a login' : 'another login'} (${text}).`,
      `Look at the name (${key}), or call ${how}.`,
    )
  }
  if (/manifest unknown|not found|does not exist|name unknown/i.test(text))
    return because('IMAGE_NOT_FOUND', `${registry} has no image ${image.name}.`, goneHint(image))
  if (
    /no such host|i\/o timeout|connection refused|network is unreachable|TLS handshake|context deadline|server misbehaving|EOF$/i.test(text)
  )
    return because(
      'REGISTRY_UNREACHABLE',
      `The Docker engine of ${engine.host.name} does not have the image ${image.name} and can't reach ${registry}: ${text}.`,
      // What is loaded from a file has its tag alone.
      image.digest === undefined
        ? `Look at the network of that machine, load the image there (docker load), or choose one that it has: ${key}.`
        : `Look at the network of that machine, or load an image there (docker load) and name it by its tag: ${key}.`,
    )
  return engineError(error, `pulling ${image.name}`, engine.host.name)
}

/** The images of the original's files are no longer published. */
function goneHint({ repository }: ImageReference): string {
  return repository === 'microsoft/mmlspark'
    ? 'The images of 2018 are gone: delete the line baseDockerImage from the .compute file to use the default image.'
    : `Correct ${key}, or delete the line to use the default image.`
}
