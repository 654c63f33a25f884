import { type EnvironmentInputs, contentOf, environmentInputs, environmentKey, lockDigest } from '@errand/conda'
import { type Environment, type EnvironmentLock, type EnvironmentRequest, errorCode } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { type Call, writeWhole } from './stored-run.ts'
import type { ClusterConfig } from './target.ts'

/** What is kept beside the archive of an environment, written when that is whole. The first record that is written is that of the environment. */
export interface EnvironmentRecord {
  /** Name of the archive that has what `lock` says; another's, made at the same time, may have other packages. */
  readonly archive: string
  readonly inputs: EnvironmentInputs
  readonly lock: EnvironmentLock
  readonly pythonVersion: string
  readonly project: string
}

/** An environment in the cluster's storage. */
export interface StoredEnvironment {
  readonly key: string
  readonly inputs: EnvironmentInputs
  readonly folder: string
  /** Absent until it is there. */
  readonly record?: EnvironmentRecord
}

/** Name of the archive with the packages of a lock: of two that have the same, either will do. */
export const archiveName = (lock: EnvironmentLock): string => `environment-${lockDigest(lock).replace('sha256:', '').slice(0, 16)}.tar.gz`

/**
 * The environment that a request asks for, as far as the storage has it. The key covers what the project asks for, and not which version of
 * which program made it: it is answered without a look at the machine that makes them. With a lock, one that was made without it will do when
 * it has those very packages.
 */
export async function findEnvironment(
  cluster: Cluster,
  config: ClusterConfig,
  { environment }: EnvironmentRequest,
  call: Call,
): Promise<StoredEnvironment> {
  const lock = environment.kind === 'user-managed' ? undefined : environment.lock
  if (lock !== undefined) {
    const free = await look(cluster, inputsOf(config, environment), call)
    if (free.record !== undefined && lockDigest(free.record.lock) === lockDigest(lock)) return free
  }
  return look(cluster, inputsOf(config, environment, lock), call)
}

async function look(cluster: Cluster, inputs: EnvironmentInputs, call: Call): Promise<StoredEnvironment> {
  const key = environmentKey(inputs)
  const folder = `${cluster.home}/environments/${key}`
  const record = await readRecord(cluster, folder, call)
  return { key, inputs, folder, ...(record === undefined ? {} : { record }) }
}

function inputsOf(config: ClusterConfig, environment: Environment, lock?: EnvironmentLock): EnvironmentInputs {
  const inputs = environmentInputs({
    content: contentOf(environment),
    platform: '',
    base: '',
    provider: { name: '', version: '' },
    ...(lock === undefined ? {} : { lock }),
  })
  return { ...inputs, provider: config.environmentProvider ?? 'the best that is there' }
}

/**
 * Only when its archive is whole. Two may have made the environment at the same time, with other packages when a channel has changed between
 * them: the record of the first holds for both, and the archive of the other goes.
 */
export async function keepRecord(
  cluster: Cluster,
  { folder }: StoredEnvironment,
  record: EnvironmentRecord,
  call: Call,
): Promise<EnvironmentRecord> {
  const path = `${folder}/complete.json`
  if (await writeWhole(cluster.storage, path, JSON.stringify(record), call)) return record
  const first = (await readRecord(cluster, folder, call)) ?? record
  if (first.archive !== record.archive) await cluster.storage.delete(`${folder}/${record.archive}`, call)
  return first
}

/** Its time of change is when the environment was last used. */
export async function noteUse({ storage }: Cluster, { folder }: StoredEnvironment, call: Call): Promise<void> {
  await writeLast(storage, `${folder}/used`, '', call)
}

const latestPath = ({ home }: Cluster, { projectId, environment }: EnvironmentRequest): string => {
  const file = environment.kind === 'user-managed' ? '' : environment.file
  return `${home}/environments/latest/${`${projectId}.${file}`.replaceAll(/[^\w.-]/g, '_')}.json`
}

/** What the project's last environment was made of: the next change is explained against it. */
export const latestInputs = (cluster: Cluster, request: EnvironmentRequest, call: Call): Promise<EnvironmentInputs | undefined> =>
  readJson<EnvironmentInputs>(cluster, latestPath(cluster, request), call)

export async function keepLatest(cluster: Cluster, request: EnvironmentRequest, inputs: EnvironmentInputs, call: Call): Promise<void> {
  await writeLast(cluster.storage, latestPath(cluster, request), JSON.stringify(inputs), call)
}

/** Of several that write it at the same moment one is the last; HDFS tells the others that their file is gone. */
async function writeLast(storage: Cluster['storage'], path: string, content: string, call: Call): Promise<void> {
  try {
    await storage.write(path, content, { ...call, overwrite: true })
  } catch (error) {
    if (errorCode(error) !== 'NOT_FOUND') throw error
  }
}

/** Records of before archives were named after their lock name none. */
async function readRecord(cluster: Cluster, folder: string, call: Call): Promise<EnvironmentRecord | undefined> {
  const record = await readJson<EnvironmentRecord>(cluster, `${folder}/complete.json`, call)
  return record && { ...record, archive: record.archive ?? 'environment.tar.gz' }
}

async function readJson<Value>({ storage }: Cluster, path: string, call: Call): Promise<Value | undefined> {
  const bytes = await storage.read(path, {}, call)
  return bytes === undefined || bytes.length === 0 ? undefined : (JSON.parse(bytes.toString('utf8')) as Value)
}
