import type { Readable } from 'node:stream'
import { type PreparedEnvironment, contentOf, explainKey, notPrepared, planEnvironment, prepareEnvironment } from '@errand/conda'
import {
  type CallOptions,
  type EnvironmentRequest,
  ErrandError,
  type JsonValue,
  type Plan,
  type Prepared,
  type TargetContext,
} from '@errand/core'
import type { Cluster } from './cluster.ts'
import { openBuilder, wantedOf } from './environment-builder.ts'
import { sendEnvironment } from './send-environment.ts'
import {
  type EnvironmentRecord,
  type StoredEnvironment,
  archiveName,
  findEnvironment,
  keepLatest,
  keepRecord,
  latestInputs,
  noteUse,
} from './stored-environment.ts'
import type { ClusterConfig } from './target.ts'
import type { UnpackedEnvironment } from './unpacked-environment.ts'

type Context = TargetContext<ClusterConfig>

/**
 * Makes the environment on a machine that can, packs it, and puts it to the storage, once for each key. Errors: `ENVIRONMENT_NOT_PREPARED`,
 * `ENVIRONMENT_NOT_SUPPORTED` for a requirements file, those of `openBuilder` and of `prepareEnvironment`.
 */
export async function prepareManaged(
  context: Context,
  cluster: Cluster,
  request: EnvironmentRequest,
  options: CallOptions & { readonly build: boolean },
): Promise<Prepared> {
  refuseRequirements(context, request)
  const found = await findEnvironment(cluster, context.config, request, options)
  const { archive, lock } = found.record ?? (await build(context, cluster, { request, found }, options))
  await Promise.all([noteUse(cluster, found, options), ...(options.build ? [keepLatest(cluster, request, found.inputs, options)] : [])])
  const data = unpackedOf(request, found, archive)
  return { environmentKey: found.key, lock, data: data as unknown as JsonValue }
}

function unpackedOf({ environment }: EnvironmentRequest, { key, folder }: StoredEnvironment, archive: string): UnpackedEnvironment {
  return { key, archive: `${folder}/${archive}`, variables: contentOf(environment).variables }
}

interface Asked {
  readonly request: EnvironmentRequest
  readonly found: StoredEnvironment
}

async function build(
  context: Context,
  cluster: Cluster,
  { request, found }: Asked,
  options: CallOptions & { readonly build: boolean },
): Promise<EnvironmentRecord> {
  if (!options.build) {
    const { file } = contentOf(request.environment)
    throw notPrepared(file, { name: cluster.name }, await changes(cluster, { request, found }, options))
  }
  await using builder = await openBuilder(context, cluster, options)
  const openObject = (digest: string): Readable => context.openObject(digest)
  const made = await prepareEnvironment(builder.host, wantedOf(context, builder, request), { ...options, openObject })
  if (!runsScripts(made.pythonVersion)) throw tooOld(made)
  const archive = archiveName(made.lock)
  const to = `${found.folder}/${archive}`
  // Another prepare may have been quicker.
  if ((await cluster.storage.status(to, options)) === undefined) await sendEnvironment(cluster, { host: builder.host, made, to }, options)
  const { lock, pythonVersion } = made
  return await keepRecord(cluster, found, { archive, inputs: found.inputs, lock, pythonVersion, project: request.project }, options)
}

async function changes(cluster: Cluster, { request, found }: Asked, options: CallOptions): Promise<Plan['environment']['changed']> {
  const previous = await latestInputs(cluster, request, options)
  return previous === undefined ? [] : explainKey(previous, found.inputs)
}

/** What `prepareManaged` would do; for one that is there no machine is asked but the storage. */
export async function planManaged(
  context: Context,
  cluster: Cluster,
  request: EnvironmentRequest,
  options: CallOptions,
): Promise<Pick<Plan, 'environment' | 'steps'> & UnpackedEnvironment> {
  refuseRequirements(context, request)
  const found = await findEnvironment(cluster, context.config, request, options)
  const { key, record } = found
  const environment = { key, ready: record !== undefined, changed: await changes(cluster, { request, found }, options) }
  const unpacked = unpackedOf(request, found, record?.archive ?? 'environment-LOCK.tar.gz')
  if (record !== undefined) return { ...unpacked, environment, steps: [`use the environment ${key}`] }
  await using builder = await openBuilder(context, cluster, options)
  const { steps, ready } = await planEnvironment(builder.host, wantedOf(context, builder, request), options)
  const making = ready ? [] : [`make the environment on ${builder.host.name}:`, ...steps]
  return { ...unpacked, environment, steps: [...making, `pack it and send it to ${unpacked.archive}`] }
}

/** It names no Python, and what is unpacked elsewhere has to bring one: uv would leave the one that it found where it is. */
function refuseRequirements({ target }: Context, { environment }: EnvironmentRequest): void {
  if (environment.kind !== 'requirements') return
  throw new ErrandError(
    'ENVIRONMENT_NOT_SUPPORTED',
    `${environment.file} can't be made into an environment for ${target.name}: a cluster needs one that brings its Python, and the file names none.`,
    {
      hint: 'Write a conda file with `python=3.11`, say, and the packages below `pip:`; name it with CondaDependenciesFile in the run configuration, and take RequirementsFile away.',
    },
  )
}

function runsScripts(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 5)
}

const tooOld = ({ pythonVersion, lock }: PreparedEnvironment): ErrandError =>
  new ErrandError(
    'PYTHON_TOO_OLD',
    `The environment has Python ${pythonVersion} (made by ${lock.provider}); scripts need Python 3.5 or newer.`,
    {
      hint: 'Ask for a newer one in the conda file: python=3.6 or later.',
    },
  )
