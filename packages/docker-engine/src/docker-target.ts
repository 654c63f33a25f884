import { posix } from 'node:path'
import { type OpenedOnce, cancelGrace, findRun, openOnce, submitRun } from '@errand/agent'
import { type CallOptions, ErrandError, type RunReference, type RunRequest, type Target, type TargetContext, errorCode } from '@errand/core'
import { readContainerOptions } from './container-options.ts'
import type { ContainerSettings } from './container-settings.ts'
import { dockerRunHandle, removeRunContainer } from './docker-run.ts'
import { type Engine, type EnginePlace, openEngine } from './engine.ts'
import { engineError } from './engine-errors.ts'
import { containerUser } from './container-user.ts'
import { prepareEnvironment } from './environment.ts'
import { type RunAgents, runAgents } from './run-agents.ts'
import { type RunImage, imageOf, runImage } from './run-image.ts'
import { containerName, runContainerOptions } from './run-container.ts'
import { lookAtRunContainer } from './run-container-state.ts'
import { removeUnclaimed } from './unclaimed-container.ts'
import { sharedDirectory } from './shared-directory.ts'
import { sparkLaunch } from './spark-launch.ts'
import { shareFolder, storeVolume, storeVolumes } from './store-volume.ts'

/** Where runs are containers. Everything but host and owner comes from the target's configuration. */
export interface DockerPlace extends EnginePlace {
  readonly settings: ContainerSettings & { readonly baseDockerImage?: string | undefined }
  /** Whose runs and images they are on the engine: the user of this machine, or of the one behind SSH. */
  readonly owner: string
}

/** An engine that answers, and the agents that were reached there. */
export interface OpenedEngine extends AsyncDisposable {
  readonly place: DockerPlace
  readonly engine: Engine
  readonly agents: RunAgents
  /** Seconds between the polite and the hard end of a run. */
  readonly grace: number
}

/** Whose volumes are that name no user. The image that reads one need not run as root by itself. */
const root = '0'

/**
 * A target that runs a script in a container of an engine. A place that must be reached first is given as a function, which the first call
 * asks and, after a failure, the next one; its host stays the caller's to close. `ERRAND_CANCEL_GRACE` on this machine is the number of seconds
 * between the polite and the hard end of a run, 30 else. Error: `GRACE_INVALID`.
 */
export function createDockerTarget(
  context: TargetContext<unknown>,
  given: DockerPlace | ((options: CallOptions) => Promise<DockerPlace>),
): Target {
  const grace = cancelGrace()
  const opening: OpenedOnce<OpenedEngine> = openOnce(async (options) => {
    const place = typeof given === 'function' ? await given(options) : given
    const engine = await openEngine(place, options)
    const agents = runAgents(engine, place)
    return {
      place,
      engine,
      agents,
      grace,
      async [Symbol.asyncDispose]() {
        await agents[Symbol.asyncDispose]()
        await engine[Symbol.asyncDispose]()
      },
    }
  })
  const opened = (options: CallOptions): Promise<OpenedEngine> => opening.get(options)
  return {
    async *check(options) {
      const { check } = await import('./check.ts')
      yield* check(context.host, opened, options)
    },
    async plan(request, options) {
      const { plan } = await import('./plan.ts')
      return plan(context, await opened(options), request, options)
    },
    async prepare(request, options) {
      return prepareEnvironment(context, await opened(options), request, options)
    },
    async submit(request, prepared, options) {
      const found = await opened(options)
      try {
        return await submit(context, found, request, runImage(prepared), options)
      } catch (error) {
        if (errorCode(error) !== 'SUPERVISOR_GONE') throw error
        // A container is there that ended before its run came: what a killed client has left.
        const { state } = await lookAtRunContainer(found.engine, request.runId)
        if (state === 'ended') await removeRunContainer(found.engine, request.runId)
        return submit(context, found, request, runImage(prepared), options)
      }
    },
    async find(runId, options) {
      const { engine, agents, place } = await opened(options)
      const state = await lookAtRunContainer(engine, runId)
      if (state.projectId !== undefined && state.projectId !== context.project.id) return undefined
      const { image, python } = imageOf(options.prepared)
      // Which user the container of a run had, and so which volume, nobody knows once it is gone.
      const volumes = state.volume === undefined ? await storeVolumes(engine, place.owner) : [{ name: state.volume, user: state.user }]
      for (const { name: volume, user = root } of volumes) {
        const known = { runId, image: state.image ?? image, python: state.python ?? python, user, volume }
        const found = await findRun(await agents.get(known, options), runId, context.project.id, options)
        if (found !== undefined) return referenceOf(known)
        await agents.forget(known)
      }
      // It ended before its run came.
      if (state.state === 'ended' && place.settings.keepContainer !== true) await removeRunContainer(engine, runId)
      return undefined
    },
    async attach(reference, options) {
      const { engine, agents, place } = await opened(options)
      const run = runOf(reference)
      return dockerRunHandle({
        engine,
        reference,
        runId: run.runId,
        volume: run.volume ?? storeVolume(place.owner, place.settings.user).name,
        keep: place.settings.keepContainer === true,
        agent: (call) => agents.get(run, call),
        isReached: () => agents.isReached(run),
        forget: () => agents.forget(run),
      })
    },
    async *leftovers(options) {
      const [{ runLeftovers }, { imageLeftovers }] = await Promise.all([import('./run-leftovers.ts'), import('./image-leftovers.ts')])
      const found = await opened(options)
      yield* runLeftovers(found, options)
      yield* imageLeftovers(found.engine, { ...options, owner: found.place.owner })
    },
    async removeLeftover(id, options) {
      const { isImageLeftover, removeImageLeftover } = await import('./image-leftovers.ts')
      const found = await opened(options)
      if (isImageLeftover(id)) return removeImageLeftover(found.engine, id)
      const { removeRunLeftover } = await import('./run-leftovers.ts')
      return removeRunLeftover(found, id, options)
    },
    [Symbol.asyncDispose]: () => opening[Symbol.asyncDispose](),
  }
}

async function submit(
  context: TargetContext<unknown>,
  opened: OpenedEngine,
  request: RunRequest,
  prepared: RunImage,
  options: CallOptions,
): Promise<RunReference> {
  const { engine, place, agents, grace } = opened
  const settings: ContainerSettings = { ...place.settings, ...(request.options as ContainerSettings | undefined) }
  const { image, python, variables } = prepared
  const user = settings.user ?? readContainerOptions(settings.containerOptions ?? []).container.User ?? prepared.user
  const { number, accounts } = await containerUser(engine, { image, user }, context.stateDirectory, options.signal)
  const volume = storeVolume(place.owner, number)
  const [share, secrets] = await Promise.all([
    sharedDirectory(engine, { ...settings, local: place.local === true }, options),
    secretVariables(context, request),
  ])
  const create = {
    options: runContainerOptions({
      request,
      settings: { ...settings, user },
      image,
      python,
      volume,
      agent: agents.files().hash,
      grace,
      ...(share === undefined ? {} : { share }),
    }),
    ...(accounts === undefined ? {} : { accounts }),
  }
  const spark = sparkLaunch(request, prepared)
  const launch = {
    python,
    grace,
    ...spark,
    environment: { ...variables, ...spark.environment },
    ...(request.environment.kind === 'user-managed' ? {} : { activate: posix.join(python, '../..') }),
    ...(share === undefined ? {} : { sharedDirectory: shareFolder }),
  }
  const run = { runId: request.runId, image, python, user, volume: volume.name }
  options.report({ message: `starting the container ${containerName(request.runId)}` })
  try {
    const agent = await agents.get(run, options, create)
    const source = { openObject: (digest: string) => context.openObject(digest), objectsDirectory: context.objectsDirectory }
    await submitRun(agent, request, launch, source, secrets, options)
  } catch (error) {
    await removeUnclaimed(opened, run, request.projectId)
    // Room in a volume is the engine's.
    throw errorCode(error) === 'NO_SPACE' ? engineError(error, 'bringing the project there', engine.host.name) : error
  }
  return referenceOf(run)
}

async function secretVariables(context: TargetContext<unknown>, request: RunRequest): Promise<Record<string, string>> {
  const values = await Promise.all(request.secretVariables.map(async (name) => [name, await context.secretVariable(name)] as const))
  return Object.fromEntries(values)
}

/** What is known of a run without asking. */
export interface KnownRun {
  readonly runId: string
  readonly image?: string | undefined
  readonly python?: string | undefined
  readonly user?: string | undefined
  readonly volume?: string | undefined
}

function referenceOf({ runId, image, python, user, volume }: KnownRun): RunReference {
  const known = { ...(image ? { image } : {}), ...(python ? { python } : {}), ...(user ? { user } : {}), ...(volume ? { volume } : {}) }
  return { externalId: containerName(runId), data: { run: runId, ...known } }
}

function runOf({ externalId, data }: RunReference): KnownRun {
  const { run, image, python, user, volume } = (typeof data === 'object' && data !== null ? data : {}) as Readonly<Record<string, unknown>>
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  if (typeof run !== 'string') throw new ErrandError('REFERENCE_INVALID', `The run's reference ${externalId} names no run.`)
  return { runId: run, image: text(image), python: text(python), user: text(user), volume: text(volume) }
}
