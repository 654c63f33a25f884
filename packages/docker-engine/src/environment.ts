import type { CallOptions, EnvironmentRequest, Plan, Prepared, TargetContext } from '@errand/core'
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
  const prepared = await prepareImage(opened.engine, wantedImage(context, opened, request), { ...options, openObject })
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
