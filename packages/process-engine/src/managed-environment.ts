import type { Launch } from '@errand/agent'
import {
  type WantedEnvironment,
  activation,
  environmentLeftovers,
  isEnvironmentLeftover,
  planEnvironment,
  prepareEnvironment,
  removeEnvironmentLeftover,
} from '@errand/conda'
import {
  type CallOptions,
  type EnvironmentRequest,
  ErrandError,
  type Host,
  type JsonValue,
  type Leftover,
  type Plan,
  type Prepared,
  type TargetContext,
} from '@errand/core'
import { findSparkSubmit, packagedSparkSubmit } from './spark-submit.ts'

/** Where environments are made, and with what. */
export interface EnvironmentPlace extends Pick<WantedEnvironment, 'provider' | 'programs'> {
  readonly host: Host
  /** Folder of errand's own files there, absolute. */
  readonly home: string
  /** The interpreter that answers for the place. */
  readonly python: string
  readonly sparkSubmit?: string
}

/** What a submit needs to know of an environment that was made: stored with the run. */
type EnvironmentData = {
  readonly python: string
  readonly prefix: string
  readonly variables: Readonly<Record<string, string>>
  readonly sparkSubmit?: string
}

function wanted({ home, python, provider, programs }: EnvironmentPlace, request: EnvironmentRequest): WantedEnvironment {
  return {
    home,
    environment: request.environment,
    projectId: request.projectId,
    pythons: [python],
    ...(provider === undefined ? {} : { provider }),
    ...(programs === undefined ? {} : { programs }),
  }
}

/** Spark's own packages are fetched by `spark-submit` at the start of each run: they are no part of this environment. */
export async function prepareManaged(
  context: Pick<TargetContext<unknown>, 'openObject'>,
  place: EnvironmentPlace,
  request: EnvironmentRequest,
  options: CallOptions & { readonly build: boolean },
): Promise<Prepared> {
  const made = await prepareEnvironment(place.host, wanted(place, request), { ...options, openObject: context.openObject })
  if (!runsScripts(made.pythonVersion)) throw tooOld(made.pythonVersion, made.lock.provider)
  const spark = request.framework === 'pyspark' ? await sparkOf(place, made.python, options) : undefined
  const data: EnvironmentData = {
    python: made.python,
    prefix: made.prefix,
    variables: { ...spark?.variables, ...activation(made) },
    ...(spark === undefined ? {} : { sparkSubmit: spark.sparkSubmit }),
  }
  return { environmentKey: made.key, lock: made.lock, data }
}

/** A PySpark that the dependency file asks for goes before a Spark that the place has, whose `SPARK_HOME` would lead it astray. */
async function sparkOf(
  { host, sparkSubmit }: EnvironmentPlace,
  python: string,
  { signal }: CallOptions,
): Promise<{ readonly sparkSubmit: string; readonly variables?: Readonly<Record<string, string>> }> {
  const named = sparkSubmit !== undefined && sparkSubmit !== 'spark-submit'
  const packaged = named ? undefined : await packagedSparkSubmit(host, python, signal)
  if (packaged === undefined) return { sparkSubmit: await findSparkSubmit(host, python, sparkSubmit, signal) }
  return { sparkSubmit: packaged, variables: { SPARK_HOME: packaged.replace(/\/bin\/spark-submit$/, '') } }
}

/** What starts a script runs on the script's own interpreter. */
function runsScripts(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 5)
}

function tooOld(version: string, provider: string): ErrandError {
  return new ErrandError(
    'PYTHON_TOO_OLD',
    `The environment has Python ${version} (made by ${provider}); scripts need Python 3.5 or newer.`,
    {
      hint: 'Ask for a newer one in the conda file: python=3.6 or later.',
    },
  )
}

/** How the script is started in an environment that `prepareManaged` has made. */
export function managedLaunch(
  prepared: Prepared,
): Omit<Launch, 'launch' | 'grace' | 'sharedDirectory'> & { readonly sparkSubmit?: string } {
  const { python, prefix, variables, sparkSubmit } = dataOf(prepared)
  const launch = { python, pathPrepend: [`${prefix}/bin`], environment: variables, activate: prefix }
  return { ...launch, ...(sparkSubmit === undefined ? {} : { sparkSubmit }) }
}

function dataOf({ data, environmentKey }: Prepared): EnvironmentData {
  if (isObject(data) && typeof data['python'] === 'string' && typeof data['prefix'] === 'string') return data as unknown as EnvironmentData
  throw new ErrandError('ENVIRONMENT_UNKNOWN', `What was prepared (${environmentKey}) is no environment of this place.`, {
    hint: 'Submit again.',
  })
}

const isObject = (value: JsonValue | undefined): value is Readonly<Record<string, JsonValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What `prepareManaged` would do. */
export async function planManaged(
  place: EnvironmentPlace,
  request: EnvironmentRequest,
  options: CallOptions,
): Promise<{ readonly environment: Plan['environment']; readonly steps: readonly string[]; readonly python: string }> {
  const { key, ready, changed, steps, prefix } = await planEnvironment(place.host, wanted(place, request), options)
  return { environment: { key, ready, changed }, steps: ready ? [`use the environment ${key}`] : steps, python: `${prefix}/bin/python` }
}

/** What the place keeps because of environments. */
export const managedLeftovers = ({ host, home, python }: EnvironmentPlace, options: CallOptions): Promise<readonly Leftover[]> =>
  environmentLeftovers(host, { home, pythons: [python] }, options)

/** False for a leftover of another kind. */
export async function removeManagedLeftover({ host, home, python }: EnvironmentPlace, id: string, options: CallOptions): Promise<boolean> {
  if (!isEnvironmentLeftover(id)) return false
  await removeEnvironmentLeftover(host, { home, id, pythons: [python] }, options)
  return true
}
