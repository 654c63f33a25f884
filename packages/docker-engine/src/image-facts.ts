import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { type CallOptions, ErrandError, localHost } from '@errand/core'
import { type PlaceFacts, bareImage, imageProbe, readImageProbe } from '@errand/conda'
import { runBriefly } from './brief-container.ts'
import type { Engine } from './engine.ts'
import { engineError, refusalText } from './engine-errors.ts'

/** What an image has that matters for an environment or a run. */
export interface ImageFacts {
  readonly place: PlaceFacts
  /** False: there is no Python 3.5 or newer. */
  readonly python: boolean
  readonly sparkSubmit?: string
}

/**
 * Podman does not hand on the end of the input: so the probe gets its two lines and no more.
 * Answers in three lines: where spark-submit is, the machine's name of its processor, what the probe of `@errand/conda` says.
 */
const script = `
spark=$(command -v spark-submit || { [ -x "$SPARK_HOME/bin/spark-submit" ] && echo "$SPARK_HOME/bin/spark-submit"; } || ls -d /opt/spark/bin/spark-submit 2>/dev/null)
echo "$spark"
uname -m
shift
command -v "$1" >/dev/null 2>&1 || exit 0
head -n 2 | "$@"
`

const platforms: Readonly<Record<string, string>> = {
  x86_64: 'linux-64',
  aarch64: 'linux-aarch64',
  ppc64le: 'linux-ppc64le',
  s390x: 'linux-s390x',
}

/**
 * Asks a container of the image, once for each image: the answer is kept in `directory`.
 * Errors: `IMAGE_PLATFORM`, `IMAGE_WITHOUT_SHELL`, `IMAGE_PROBE_FAILED`.
 */
export async function imageFacts(
  engine: Engine,
  image: Docker.ImageInspectInfo,
  { name, directory }: { readonly name: string; readonly directory: string },
  { signal, report }: CallOptions,
): Promise<ImageFacts> {
  const file = join(directory, 'images', `${image.Id.replace(/^sha256:/, '')}.json`)
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return JSON.parse(known) as ImageFacts
  report({ message: `looking at what ${name} has` })
  const facts = await probe(engine, image, name, signal)
  await localHost().writeFile(file, JSON.stringify(facts))
  return facts
}

async function probe(engine: Engine, image: Docker.ImageInspectInfo, name: string, signal: AbortSignal): Promise<ImageFacts> {
  const { command, input } = imageProbe()
  let result
  try {
    result = await runBriefly(engine, {
      image: image.Id,
      command: ['/bin/sh', '-c', script, 'sh', 'probe', ...command],
      input: `${input}\n`,
      signal,
    })
  } catch (error) {
    signal.throwIfAborted()
    throw cannotStart(engine, image, name, error)
  }
  const { exitCode, stdout, stderr } = result
  if (/exec format error/i.test(stderr)) throw otherPlatform(engine, image, name)
  const [spark = '', machine = '', ...rest] = stdout.split('\n')
  const sparkSubmit = spark === '' ? {} : { sparkSubmit: spark }
  // 3: a Python older than 3.5.
  if (exitCode === 3 || rest.join('').trim() === '')
    return { place: bareImage(platforms[machine] ?? `linux-${machine}`), python: false, ...sparkSubmit }
  if (exitCode !== 0)
    throw new ErrandError('IMAGE_PROBE_FAILED', `The Python of ${name} does not work: ${stderr.trim().split('\n').at(-1)}.`, {
      hint: 'Mend the image, or choose another one: baseDockerImage in the .compute file.',
    })
  return { place: readImageProbe(stdout), python: true, ...sparkSubmit }
}

function cannotStart(engine: Engine, image: Docker.ImageInspectInfo, name: string, error: unknown): unknown {
  const text = refusalText(error)
  if (/exec format error/i.test(text)) return otherPlatform(engine, image, name)
  if (/no such file or directory|executable file not found/i.test(text))
    return new ErrandError('IMAGE_WITHOUT_SHELL', `The image ${name} has no /bin/sh: nothing can be installed or run in it.`, {
      hint: 'Choose another image (baseDockerImage in the .compute file), or delete the line to use the default image.',
      cause: error,
    })
  return engineError(error, `starting a container of ${name}`, engine.host.name)
}

function otherPlatform({ platform, host }: Engine, image: Docker.ImageInspectInfo, name: string): ErrandError {
  return new ErrandError(
    'IMAGE_PLATFORM',
    `The image ${name} is for ${image.Os}/${image.Architecture}; the Docker engine of ${host.name} runs ${platform.os}/${platform.architecture} and can't start it.`,
    { hint: `Pull the one for this engine: docker pull --platform ${platform.os}/${platform.architecture} ${name}` },
  )
}
