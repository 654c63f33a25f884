import type { Agent, Launch } from '@errand/agent'
import type { CallOptions, EnvironmentRequest, Prepared, RunRequest } from '@errand/core'
import type { EnvironmentPlace } from './managed-environment.ts'
import type { ProcessPlace } from './process-place.ts'
import { findSparkSubmit, sparkCommand } from './spark-submit.ts'

/** The environment is the interpreter itself: its path and version are all that can be said of it. */
export async function prepareUserManaged(
  agent: Agent,
  place: ProcessPlace,
  request: EnvironmentRequest,
  options: CallOptions,
): Promise<Prepared> {
  const { executable, version } = agent.hello.python
  const spark =
    request.framework === 'pyspark' ? { sparkSubmit: await findSparkSubmit(place.host, executable, place.sparkSubmit, options.signal) } : {}
  return { environmentKey: keyOf(agent.hello.python), data: { python: executable, version, ...spark } }
}

/** How the user's own interpreter is named where an environment has a key. */
export const keyOf = ({ executable, version }: { readonly executable: string; readonly version: string }): string =>
  `python ${version} at ${executable}`

/** How the script of a run is started, in what its prepare has found or made. */
export async function launchOf(
  agent: Agent,
  place: ProcessPlace,
  request: RunRequest,
  prepared: Prepared,
  signal: AbortSignal,
): Promise<Launch> {
  const { sparkSubmit, ...launch } = await interpreterOf(agent, place, request, prepared, signal)
  const settings = place.sharedDirectory === undefined ? {} : { sharedDirectory: place.sharedDirectory }
  const { python } = launch
  const front = place.launcher?.(request) ?? []
  if (sparkSubmit === undefined) return { ...launch, ...(front.length === 0 ? {} : { launch: [...front, python] }), ...settings }
  return {
    ...launch,
    launch: [...front, ...sparkCommand(sparkSubmit, request.spark)],
    environment: { PYSPARK_PYTHON: python, PYSPARK_DRIVER_PYTHON: python, ...launch.environment },
    ...settings,
  }
}

/** The interpreter and what it needs around it; for PySpark also what starts Spark. */
async function interpreterOf(
  agent: Agent,
  place: ProcessPlace,
  request: RunRequest,
  prepared: Prepared,
  signal: AbortSignal,
): Promise<Omit<Launch, 'launch' | 'grace' | 'sharedDirectory'> & { readonly sparkSubmit?: string }> {
  if (request.environment.kind !== 'user-managed') {
    const { managedLaunch } = await import('./managed-environment.ts')
    return managedLaunch(prepared)
  }
  const python = request.environment.python ?? agent.hello.python.executable
  return request.framework === 'python'
    ? { python }
    : { python, sparkSubmit: await findSparkSubmit(place.host, python, place.sparkSubmit, signal) }
}

/** The place as environments are made there. */
export function environmentPlace(
  { hello }: { readonly hello: { readonly home: string; readonly python: { readonly executable: string } } },
  { host, sparkSubmit, provider, programs }: ProcessPlace,
): EnvironmentPlace {
  return {
    host,
    home: hello.home,
    python: hello.python.executable,
    ...(sparkSubmit === undefined ? {} : { sparkSubmit }),
    ...(provider === undefined ? {} : { provider }),
    ...(programs === undefined ? {} : { programs }),
  }
}
