import type { Readable } from 'node:stream'
import { readAgentFiles } from '@errand/agent'
import { type CallOptions, ErrandError, type RunReference, type RunRequest, type TargetContext, errorCode } from '@errand/core'
import { type Batch, type BatchRequest, ServiceError } from '@errand/livy'
import { batchRequest } from './batch-request.ts'
import type { Cluster } from './cluster.ts'
import { projectArchive, sizeOf } from './project-archive.ts'
import { type StoredBatch, batchOf, findBatch } from './run-batch.ts'
import { type Call, type StoredRequest, type StoredRun, removeRun, storedRequest, storedRun, writeWhole } from './stored-run.ts'
import type { ClusterConfig } from './target.ts'
import { type UnpackedEnvironment, unpackedFolder } from './unpacked-environment.ts'
import { witness } from './witness.ts'

interface Submission {
  readonly request: RunRequest
  /** Absent: the cluster's own Python. */
  readonly environment: UnpackedEnvironment | undefined
}

/** Sends what the storage lacks, and has Livy start the driver, once: a run whose batch is known gets no other. */
export async function submitRun(
  context: TargetContext<ClusterConfig>,
  cluster: Cluster,
  { request, environment }: Submission,
  options: CallOptions,
): Promise<RunReference> {
  const run = storedRun(cluster, request.runId)
  const stored = await run.read<StoredRequest>('request.json', options)
  if (stored !== undefined && stored.projectId !== context.project.id)
    throw new ErrandError('RUN_ID_TAKEN', `The run id ${run.id} belongs to a run of another project.`)
  const known = stored && (await referenceOfAsked(run, options))
  if (known !== undefined) return known
  const agent = await bringAgent(cluster, options)
  const values = await secretsOf(context, request)
  // What the run needs is written down before it is looked for: from then on a clean leaves it, and what one took before is seen to be gone.
  await bringRequest(run, context, { request, environment }, options)
  await Promise.all([
    bringProject(cluster, request, context.openObject.bind(context), options),
    environment && refuseWithout(environment, cluster, options),
  ])
  // At last: no secret stays behind when what comes before fails.
  if (values !== undefined) await writeWhole(cluster.storage, `${run.folder}/variables`, values, options, '600')
  options.report({ message: 'submitting to Livy' })
  const asked = batchRequest(context.config, request, { home: cluster.home, agent, environment })
  const batch = await createBatch(run, asked, options).catch(async (error: unknown) => {
    // Of a run that was written down before, an earlier submit may have started a driver.
    if (stored === undefined && error instanceof ServiceError && error.createdNothing) await removeRun(run)
    throw error
  })
  if (batch !== undefined) {
    await run.put('batch.json', { id: batch.id }, options)
    if ((batch.name ?? null) === null) await witness(run, batch, options)
  }
  return referenceOf(run, options)
}

/** Undefined for a run that has started in a batch which can't be told from others: its driver's claim is enough to follow and to end it. */
async function createBatch(run: StoredRun, request: BatchRequest, { signal }: Call): Promise<Batch | undefined> {
  try {
    return (await run.cluster.livy.create(request, { signal, findBatch: () => findBatch(run, { signal }) })).batch
  } catch (error) {
    if (errorCode(error) === 'BATCH_NOT_FOUND') return undefined
    throw error
  }
}

/** The run of that id, when Livy was asked to run it for this project. */
export async function findRun(run: StoredRun, projectId: string, call: Call): Promise<RunReference | undefined> {
  const request = await run.read<StoredRequest>('request.json', call)
  return request === undefined || request.projectId !== projectId ? undefined : referenceOfAsked(run, call)
}

async function referenceOfAsked(run: StoredRun, call: Call): Promise<RunReference | undefined> {
  if (await run.exists('batch.json', call)) return referenceOf(run, call)
  const batch = await batchOf(run, call)
  if (batch !== undefined) await run.put('batch.json', { id: batch.id }, call)
  if (batch === undefined && !(await run.exists('claim', call))) return undefined
  return referenceOf(run, call)
}

/** The same whoever asks, and after Livy has forgotten the batch. */
async function referenceOf(run: StoredRun, call: Call): Promise<RunReference> {
  const batch = await run.read<StoredBatch>('batch.json', call)
  return { externalId: batch === undefined ? run.cluster.name : `Livy batch ${batch.id} at ${run.cluster.name}`, data: { run: run.id } }
}

/** → the agent's version. Once there, it is never sent again. */
async function bringAgent({ storage, home }: Cluster, call: CallOptions): Promise<string> {
  const { hash, files } = readAgentFiles()
  const folder = `${home}/agent/${hash}`
  const entry = `${folder}/errand_agent_driver.py`
  if ((await storage.status(entry, call)) !== undefined) return hash
  call.report({ message: 'sending the agent' })
  await storage.makeDirectory(home, { ...call, permission: '755' })
  await writeWhole(storage, `${folder}/agent.json`, JSON.stringify(files), call)
  await writeWhole(storage, entry, files['errand_agent_driver.py'] ?? '', call)
  return hash
}

const projectPath = ({ home }: Cluster, digest: string): string => `${home}/projects/${digest.replace('sha256:', '')}`

export async function hasProject(cluster: Cluster, digest: string, call: Call): Promise<boolean> {
  return (await cluster.storage.status(projectPath(cluster, digest), call)) !== undefined
}

async function bringProject(
  cluster: Cluster,
  { snapshot }: RunRequest,
  openObject: (digest: string) => Readable,
  call: CallOptions,
): Promise<void> {
  if (await hasProject(cluster, snapshot.digest, call)) return
  const path = projectPath(cluster, snapshot.digest)
  const { files, bytes } = sizeOf(snapshot)
  call.report({ message: `sending ${files} files`, total: bytes, unit: 'bytes' })
  await writeWhole(cluster.storage, path, () => projectArchive(snapshot, openObject), call)
}

async function refuseWithout({ archive }: UnpackedEnvironment, { storage, name }: Cluster, call: Call): Promise<void> {
  if ((await storage.status(archive, call)) !== undefined) return
  throw new ErrandError('ENVIRONMENT_GONE', `The environment was removed from the storage of ${name} since it was prepared.`, {
    hint: 'Submit again: it is made anew.',
  })
}

/** As the driver reads them; undefined when the run has none. */
async function secretsOf(context: TargetContext<ClusterConfig>, { secretVariables }: RunRequest): Promise<string | undefined> {
  const values = await Promise.all(secretVariables.map(async (name) => [name, await context.secretVariable(name)] as const))
  return values.length === 0 ? undefined : JSON.stringify(Object.fromEntries(values))
}

async function bringRequest(
  run: StoredRun,
  context: TargetContext<ClusterConfig>,
  { request, environment }: Submission,
  call: CallOptions,
): Promise<void> {
  const { storage } = run.cluster
  await storage.makeDirectory(run.folder, { ...call, permission: '700' })
  const agent = {
    environment: { ...environment?.variables, AZUREML_TARGET_TYPE: 'cluster' },
    deployMode: context.config.yarnDeployMode,
    ...(environment === undefined ? {} : { unpacked: unpackedFolder, environmentKey: environment.key, archive: environment.archive }),
  }
  await run.put('request.json', { ...storedRequest(request), agent }, call)
}
