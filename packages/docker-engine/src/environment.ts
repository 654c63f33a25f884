import { setTimeout as sleep } from 'node:timers/promises'
import { type CallOptions, type EnvironmentRequest, type Plan, type Prepared, type TargetContext, errorCode } from '@errand/core'
import type { OpenedEngine } from './docker-target.ts'
import type { WantedImage } from './environment-image.ts'
import { planImage, prepareImage } from './prepare-image.ts'

/** The image for runs of a target, as it is stored with them. Errors: those of `prepareImage`. */
export async function prepareEnvironment(
  context: TargetContext<unknown>,
  opened: OpenedEngine,
  request: EnvironmentRequest,
  options: CallOptions & { readonly build: boolean },
): Promise<Prepared> {
  const { openObject } = context
  const wanted = wantedImage(context, opened, request)
  const prepared = await repeatWhileAway(() => prepareImage(opened.engine, wanted, { ...options, openObject }), options)
  const { image, key, lock, python, variables, user, sparkSubmit, sparkPackages } = prepared
  const spark = {
    ...(sparkSubmit === undefined ? {} : { sparkSubmit }),
    ...(sparkPackages === undefined ? {} : { sparkPackages }),
  }
  return {
    environmentKey: key,
    ...(lock === undefined ? {} : { lock }),
    data: { image, python, variables: { ...variables }, user, ...spark },
  }
}

/** A link that was cut, and an engine that is started anew. */
const passing: ReadonlySet<string> = new Set([
  'CONNECTION_LOST',
  'ENGINE_LOST',
  'ENGINE_UNREACHABLE',
  'ENGINE_NOT_INSTALLED',
  'ECONNRESET',
  'EPIPE',
])
const mostAttempts = 5

/** The steps of a build that were done stay: the next attempt goes on behind them. The host connects again for it. */
async function repeatWhileAway<Value>(work: () => Promise<Value>, { signal, report }: CallOptions): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (attempt === mostAttempts || !passing.has(errorCode(error) ?? '')) throw error
      report({ message: 'the way to the engine was cut: going on from there' })
      await sleep(1000 * 2 ** (attempt - 1), undefined, { signal })
    }
  }
}

/** What `prepareEnvironment` would do. */
export async function planEnvironment(
  context: TargetContext<unknown>,
  opened: OpenedEngine,
  request: EnvironmentRequest,
  options: CallOptions,
): Promise<Omit<Plan, 'upload'>> {
  const { openObject } = context
  return planImage(opened.engine, wantedImage(context, opened, request), { ...options, openObject })
}

function wantedImage({ host, stateDirectory }: TargetContext<unknown>, { place }: OpenedEngine, request: EnvironmentRequest): WantedImage {
  const { baseDockerImage } = place.settings
  return {
    request,
    directory: stateDirectory,
    client: host,
    owner: place.owner,
    ...(baseDockerImage === undefined ? {} : { baseImage: baseDockerImage }),
  }
}
