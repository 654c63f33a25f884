import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { CallOptions } from '@errand/core'
import type { StepFailure } from '@errand/conda'
import { type BuildEvent, buildEvents } from './build-progress.ts'
import type { BuildSecrets, BuildSession } from './build-session.ts'
import type { Engine } from './engine.ts'
import { connectEngine } from './engine-agent.ts'
import { engineError } from './engine-errors.ts'
import { hideIn } from './hidden-output.ts'
import { type TarFile, tarOf } from './tar.ts'

export interface ImageBuild {
  readonly dockerfile: string
  /** The build's context, beside the Dockerfile. */
  readonly files: readonly TarFile[]
  readonly tag: string
  readonly labels: Readonly<Record<string, string>>
  /** Arguments of the build: for proxies, which Docker keeps out of the history. */
  readonly arguments: Readonly<Record<string, string>>
  /** What a line of the Dockerfile does, for people. */
  readonly titles: ReadonlyMap<string, string>
  /** File on this machine that gets all output. */
  readonly log: string
  readonly platform?: string
  readonly builder: Builder
  /** What its lines may read and nothing keeps. */
  readonly secrets?: BuildSecrets
  /** What is not to be shown or logged of its output. */
  readonly hidden?: RegExp
}

export type Builder = 'classic' | 'buildkit'

/** The image's id, or the step that failed. What the steps before it made stays for the next build. Errors: `ENGINE_DISK_FULL`, `ENGINE_LOST`. */
export async function buildImage(engine: Engine, build: ImageBuild, options: CallOptions): Promise<string | StepFailure> {
  await mkdir(dirname(build.log), { recursive: true })
  const log = createWriteStream(build.log, { mode: 0o600 })
  try {
    return await followBuild(engine, build, log, options)
  } catch (error) {
    options.signal.throwIfAborted()
    throw engineError(error, 'building an image', engine.host.name)
  } finally {
    log.end()
    await finished(log).catch(() => undefined)
  }
}

async function followBuild(
  engine: Engine,
  build: ImageBuild,
  log: NodeJS.WritableStream,
  options: CallOptions,
): Promise<string | StepFailure> {
  const tail: string[] = []
  let step = 'starting the build'
  let image: string | undefined
  using session = await sessionOf(engine, build)
  const events = buildEvents(await startBuild(engine, build, session?.id, options.signal))
  for await (const event of hideIn(events, build.hidden)) {
    log.write(logText(event))
    if (event.type === 'step') {
      const title = build.titles.get(event.command)
      if (title === undefined) continue
      step = title
      tail.length = 0
      options.report({ message: title, done: event.number, total: event.total, unit: 'steps' })
    } else if (event.type === 'output') remember(tail, event.text)
    else if (event.type === 'image') image = event.id
    else {
      // An engine that goes down lets nobody in any more, whatever it says of a build that it breaks off.
      ;(await connectEngine(engine.host, engine.address)).destroy()
      return failedStep(event, { step, tail, log: build.log, titles: build.titles })
    }
  }
  if (image === undefined) return { step, exitCode: 1, tail: [...tail, 'the engine ended the build without an image'], log: build.log }
  return image
}

interface Failed extends Omit<StepFailure, 'exitCode'> {
  readonly titles: ReadonlyMap<string, string>
}

function failedStep(event: BuildEvent & { type: 'failed' }, { step, tail, log, titles }: Failed): StepFailure {
  // A full disk is the engine's affair, not the step's.
  if (/no space left on device/i.test(`${event.message}\n${tail.join('\n')}`)) throw new Error('no space left on device')
  // Nor is an engine that goes down. Where systemd keeps its socket open, its words are the only sign before the connection ends.
  if (/error creating overlay mount|context canceled/i.test(event.message))
    throw Object.assign(new Error(event.message), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
  const said = tail.some((line) => !/^ --->|^Removing intermediate container/.test(line)) ? tail : [...tail, event.message]
  return {
    step: (event.command === undefined ? undefined : titles.get(event.command)) ?? step,
    exitCode: event.exitCode,
    tail: said.filter((line) => !/^ --->|^Removing intermediate container/.test(line)),
    log,
  }
}

function logText(event: BuildEvent): string {
  if (event.type === 'output') return event.text
  if (event.type === 'step') return `Step ${event.number}/${event.total}: ${event.command}\n`
  return event.type === 'failed' ? `${event.message}\n` : `image ${event.id}\n`
}

const remembered = 200

/** The last lines; an unfinished one is continued by the next piece. */
function remember(tail: string[], text: string): void {
  const [first = '', ...rest] = text.replaceAll('\r\n', '\n').split('\n')
  const open = tail.pop() ?? ''
  tail.push(open + first, ...rest)
  if (tail.length > remembered) tail.splice(0, tail.length - remembered)
}

async function sessionOf(engine: Engine, { builder, secrets }: ImageBuild): Promise<BuildSession | undefined> {
  if (builder === 'classic' || secrets === undefined) return undefined
  const { openBuildSession } = await import('./build-session.ts')
  return openBuildSession(engine, secrets)
}

async function startBuild(engine: Engine, build: ImageBuild, session: string | undefined, signal: AbortSignal): Promise<Readable> {
  const { files, query: secrets } = build.builder === 'classic' ? secretsInContext(build.secrets) : nothingInContext
  const context = tarOf([{ path: 'Dockerfile', content: build.dockerfile }, ...build.files, ...files])
  const query = {
    ...secrets,
    t: build.tag,
    labels: build.labels,
    buildargs: build.arguments,
    rm: true,
    forcerm: true,
    ...(build.platform === undefined ? {} : { platform: build.platform }),
    ...(build.builder === 'buildkit' ? { version: '2' } : {}),
  }
  if (session !== undefined) return dialBuild(engine, context, { ...query, session }, signal)
  return (await engine.docker.buildImage(context, { ...query, abortSignal: signal } as object)) as unknown as Readable
}

const nothingInContext = { files: [], query: {} } as const

/** Podman takes secrets with the context, moves them out of it before it builds, and deletes them with it. Source: containers/podman, images_build.go. */
function secretsInContext(secrets: BuildSecrets = {}): {
  readonly files: readonly TarFile[]
  readonly query: { readonly secrets?: string }
} {
  const named = Object.entries(secrets).map(([id, content]) => ({ id, content, path: `errand-secret-${id}` }))
  if (named.length === 0) return nothingInContext
  return {
    files: named.map(({ path, content }) => ({ path, content })),
    query: { secrets: JSON.stringify(named.map(({ id, path }) => `id=${id},src=${path}`)) },
  }
}

/** As dockerode's own, which opens a session that has no secrets. */
function dialBuild({ docker }: Engine, context: Readable, query: object, signal: AbortSignal): Promise<Readable> {
  const request = {
    path: '/build?',
    method: 'POST',
    file: context,
    options: query,
    abortSignal: signal,
    isStream: true,
    statusCodes: { 200: true, 400: 'bad parameter', 500: 'server error' },
  }
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: Error | null, answer: unknown) => (error === null ? resolve(answer as Readable) : reject(error)))
  })
}

/** An engine says in its answer to a ping which builder it would use. */
export function recommendedBuilder({ docker }: Engine): Promise<Builder> {
  return new Promise((resolve, reject) => {
    const request = { path: '/_ping', method: 'GET', isStream: true, statusCodes: { 200: true, 500: 'server error' } }
    docker.modem.dial(request, (error: Error | null, answer: unknown) => {
      if (error !== null) return reject(error)
      const response = answer as IncomingMessage
      response.resume()
      resolve(response.headers['builder-version'] === '2' ? 'buildkit' : 'classic')
    })
  })
}
