import { type CallOptions, type EnvironmentRequest, ErrandError, type Plan, type Prepared, type TargetContext } from '@errand/core'
import type { OpenedEngine } from './docker-target.ts'
import { refusalStatus } from './engine-errors.ts'

/** The image for a run of this target. Error: `ENVIRONMENT_NOT_PREPARED`. */
export async function prepareEnvironment(
  _context: TargetContext<unknown>,
  { engine, place }: OpenedEngine,
  { environment }: EnvironmentRequest,
  _options: CallOptions & { readonly build: boolean },
): Promise<Prepared> {
  const base = place.settings.baseDockerImage ?? 'python:3'
  if (environment.kind !== 'user-managed')
    throw new ErrandError('ENVIRONMENT_NOT_SUPPORTED', 'Images for conda files are not built yet.', {
      hint: 'Use an image that has what the script needs.',
    })
  const image = await engine.docker
    .getImage(base)
    .inspect()
    .catch((error: unknown) => {
      if (refusalStatus(error) !== 404) throw error
      throw new ErrandError('ENVIRONMENT_NOT_PREPARED', `The image ${base} is not on ${engine.host.name}.`, { hint: `docker pull ${base}` })
    })
  const user = image.Config.User
  const python = environment.python ?? 'python3'
  return { environmentKey: image.Id, data: { image: image.Id, python, variables: {}, ...(user ? { user } : {}) } }
}

/** What `prepareEnvironment` would do. */
export async function planEnvironment(
  context: TargetContext<unknown>,
  opened: OpenedEngine,
  request: EnvironmentRequest,
  options: CallOptions,
): Promise<Omit<Plan, 'upload'>> {
  const { environmentKey } = await prepareEnvironment(context, opened, request, { ...options, build: false })
  return {
    environment: { key: environmentKey, ready: true, changed: [] },
    steps: [`use ${opened.place.settings.baseDockerImage} as it is`],
  }
}
