import { type CallOptions, type Finding, type Host, errorCode, errorMessage } from '@errand/core'
import { addressText } from './engine-agent.ts'
import type { Engine } from './engine.ts'
import { defaultImages } from './default-images.ts'
import { baseReference } from './environment-image.ts'
import { parseImageReference, shownName } from './image-reference.ts'
import { askForImage, findImage } from './pull.ts'

export interface ExpectedOfEngine {
  /** `baseDockerImage`. */
  readonly baseImage?: string
  /** The target wants GPUs. */
  readonly gpus?: boolean
  /** The user's machine, which knows the logins for registries. */
  readonly client: Host
}

/** Looks at an engine: what answers, for which platform, how much room there is, whether a GPU can be given to a run, which image runs start from. */
export async function* engineFindings(
  open: (options: CallOptions) => Promise<Engine>,
  expected: ExpectedOfEngine,
  options: CallOptions,
): AsyncGenerator<Finding> {
  let engine
  try {
    engine = await open(options)
  } catch (error) {
    options.signal.throwIfAborted()
    yield failed('engine', error)
    return
  }
  const { name, version, apiVersion, platform, address, host } = engine
  yield { name: 'engine', outcome: 'ok', detail: `${name} ${version} (API ${apiVersion}) on ${host.name}, ${addressText(address)}` }
  yield { name: 'platform', outcome: 'ok', detail: `images for ${platform.os}/${platform.architecture}` }
  const information = (await engine.docker.info()) as {
    readonly DockerRootDir?: string
    readonly Runtimes?: object
    readonly MemTotal?: number
    readonly NCPU?: number
  }
  yield {
    name: 'machine',
    outcome: 'ok',
    detail: `${information.NCPU ?? '?'} processors, ${gigabytes(information.MemTotal ?? 0)} of memory`,
  }
  const folder = information.DockerRootDir ?? '/var/lib/docker'
  // An engine at a port may be another machine's.
  if ('path' in address.to) yield await disk(host, folder, options.signal)
  else yield { name: 'disk', outcome: 'ok', detail: `the engine keeps its data in ${folder} of its own machine` }
  if (expected.gpus === true) yield gpus(information.Runtimes ?? {}, host)
  yield await baseImage(engine, expected, options)
}

function failed(name: string, error: unknown): Finding {
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
  const absent = errorCode(error) === 'ENGINE_NOT_INSTALLED' ? { absent: true } : {}
  return { name, outcome: 'failed', detail: errorMessage(error), ...hint, ...absent }
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`

/** Below this an environment of any size can't be built. */
const little = 2 * 2 ** 30

/** An engine inside a machine of its own (Docker Desktop) keeps its data where its host sees no such folder. */
async function disk(host: Host, folder: string, signal: AbortSignal): Promise<Finding> {
  const { exitCode, stdout } = await host.run(['df', '-Pk', folder], { signal }).catch(() => ({ exitCode: 1, stdout: Buffer.alloc(0) }))
  const free = Number(stdout.toString('utf8').trim().split('\n').at(-1)?.split(/\s+/)[3]) * 1024
  if (exitCode !== 0 || Number.isNaN(free))
    return { name: 'disk', outcome: 'ok', detail: `the engine keeps its data in ${folder}, which ${host.name} can't look into` }
  const detail = `${gigabytes(free)} are free in ${folder}`
  if (free >= little) return { name: 'disk', outcome: 'ok', detail }
  return { name: 'disk', outcome: 'warning', detail, hint: 'Make room: errand experiment clean --all, or docker system prune there.' }
}

function gpus(runtimes: object, host: Host): Finding {
  if ('nvidia' in runtimes) return { name: 'gpu', outcome: 'ok', detail: 'the NVIDIA runtime is there' }
  return {
    name: 'gpu',
    outcome: 'failed',
    detail: `The Docker engine of ${host.name} has no NVIDIA runtime, which nvidiaDocker: true needs.`,
    hint: 'Install the NVIDIA Container Toolkit there and restart Docker, or set nvidiaDocker: false.',
  }
}

async function baseImage(engine: Engine, { baseImage: name, client }: ExpectedOfEngine, { signal }: CallOptions): Promise<Finding> {
  try {
    const request = { framework: 'python' as const }
    const reference = baseReference({ request, ...(name === undefined ? {} : { baseImage: name }) })
    const image = await findImage(engine, reference.name)
    if (image === undefined) {
      const also = name === undefined ? ` (${shownName(parseImageReference(defaultImages.pyspark))} for PySpark)` : ''
      const asked = await askForImage(engine, reference, { client, signal })
      const reached = asked ? `; ${engine.host.name} reaches it` : ''
      return {
        name: 'base image',
        outcome: 'ok',
        detail: `${shownName(reference)}${also} is not there yet: the first prepare pulls it${reached}`,
      }
    }
    const { os, architecture } = engine.platform
    const detail = `${shownName(reference)} is there, for ${image.Os}/${image.Architecture}`
    if (image.Os === os && image.Architecture === architecture) return { name: 'base image', outcome: 'ok', detail }
    return {
      name: 'base image',
      outcome: 'warning',
      detail: `${detail}; the engine runs ${os}/${architecture}`,
      hint: `Pull the one for this engine: docker pull --platform ${os}/${architecture} ${reference.name}`,
    }
  } catch (error) {
    return failed('base image', error)
  }
}
