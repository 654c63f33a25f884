import type { CallOptions, Leftover } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { lookAt } from './outlook.ts'
import { deleteBatch } from './run-batch.ts'
import { type StoredRequest, storedRun } from './stored-run.ts'

/** What errand keeps in the storage: runs, and the archives of projects and environments. */
export async function* leftovers(cluster: Cluster, options: CallOptions): AsyncGenerator<Leftover> {
  const { storage, home } = cluster
  const used = new Set<string>()
  for (const { name, modified } of (await storage.list(`${home}/runs`, options)) ?? []) {
    const run = storedRun(cluster, name)
    const [bytes, request, ended] = await Promise.all([
      storage.size(run.folder, options),
      run.read<StoredRequest>('request.json', options),
      run.exists('final.json', options),
    ])
    const inUse = !ended && (await lookAt(run, options)).state === 'alive'
    if (inUse && request !== undefined) for (const archive of needsOf(request)) used.add(archive)
    yield {
      id: `runs/${name}`,
      kind: 'run',
      bytes: bytes ?? 0,
      lastUsed: new Date(modified).toISOString(),
      runId: name,
      ...(request === undefined ? {} : { project: request.project }),
      inUse,
    }
  }
  for (const { name, size, modified } of (await storage.list(`${home}/projects`, options)) ?? [])
    yield { id: `projects/${name}`, kind: 'objects', bytes: size, lastUsed: new Date(modified).toISOString(), inUse: used.has(name) }
  yield* environments(cluster, used, options)
}

/** Names of the archives that its driver, or an executor, still has to fetch. */
function needsOf({ snapshot, agent }: StoredRequest): readonly string[] {
  const project = snapshot.digest.replace('sha256:', '')
  return agent?.environmentKey === undefined ? [project] : [project, agent.environmentKey]
}

async function* environments({ storage, home }: Cluster, used: ReadonlySet<string>, options: CallOptions): AsyncGenerator<Leftover> {
  for (const { name, modified } of (await storage.list(`${home}/environments`, options)) ?? []) {
    if (!environmentKey.test(name)) continue
    const folder = `${home}/environments/${name}`
    const [bytes, use] = await Promise.all([storage.size(folder, options), storage.status(`${folder}/used`, options)])
    const lastUsed = new Date(use?.modified ?? modified).toISOString()
    yield { id: `environment:${name}`, kind: 'environment', bytes: bytes ?? 0, lastUsed, inUse: used.has(name) }
  }
}

const environmentKey = /^[0-9a-f]{24}$/

export async function removeLeftover(cluster: Cluster, id: string, options: CallOptions): Promise<void> {
  const { storage, home } = cluster
  const [, environment] = /^environment:([0-9a-f]{24})$/.exec(id) ?? []
  if (environment !== undefined) {
    // Its record first: what is half removed is never taken for whole.
    await storage.delete(`${home}/environments/${environment}/complete.json`, options)
    await storage.delete(`${home}/environments/${environment}`, options)
  }
  const [, kind, name] = /^(runs|projects)\/([\w.-]+)$/.exec(id) ?? []
  if (kind === undefined || name === undefined) return
  if (kind === 'runs') await deleteBatch(storedRun(cluster, name), options)
  await storage.delete(`${home}/${kind}/${name}`, options)
}
