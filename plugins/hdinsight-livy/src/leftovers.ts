import type { CallOptions, Leftover } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { type StoredRequest, storedRun } from './stored-run.ts'

/** What errand keeps in the storage: runs, and the archives of projects. */
export async function* leftovers(cluster: Cluster, options: CallOptions): AsyncGenerator<Leftover> {
  const { storage, home } = cluster
  for (const { name, modified } of (await storage.list(`${home}/runs`, options)) ?? []) {
    const run = storedRun(cluster, name)
    const [bytes, request, ended] = await Promise.all([
      storage.size(run.folder, options),
      run.read<StoredRequest>('request.json', options),
      run.exists('final.json', options),
    ])
    yield {
      id: `runs/${name}`,
      kind: 'run',
      bytes: bytes ?? 0,
      lastUsed: new Date(modified).toISOString(),
      runId: name,
      ...(request === undefined ? {} : { project: request.project }),
      inUse: !ended && (await cluster.livy.get(name, options)) !== undefined,
    }
  }
  for (const { name, size, modified } of (await storage.list(`${home}/projects`, options)) ?? [])
    yield { id: `projects/${name}`, kind: 'objects', bytes: size, lastUsed: new Date(modified).toISOString(), inUse: false }
}

export async function removeLeftover({ storage, livy, home }: Cluster, id: string, options: CallOptions): Promise<void> {
  const [, kind, name] = /^(runs|projects)\/([\w.-]+)$/.exec(id) ?? []
  if (kind === undefined || name === undefined) return
  if (kind === 'runs') await livy.delete(name, options)
  await storage.delete(`${home}/${kind}/${name}`, options)
}
