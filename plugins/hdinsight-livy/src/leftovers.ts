import { randomBytes } from 'node:crypto'
import { type CallOptions, ErrandError, type Leftover } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { lookAt } from './outlook.ts'
import { deleteBatch } from './run-batch.ts'
import { type StoredRequest, type StoredRun, storedRun } from './stored-run.ts'

/** Milliseconds after which what is half sent is nobody's any more, and a run without a batch was never submitted. */
const longestSending = 3_600_000

interface ListedRun {
  readonly name: string
  readonly modified: number
  readonly request: StoredRequest | undefined
  readonly inUse: boolean
}

/** What errand keeps in the storage: runs, and the archives of projects and environments. */
export async function* leftovers(cluster: Cluster, options: CallOptions): AsyncGenerator<Leftover> {
  const { storage, home } = cluster
  const used = new Set<string>()
  for await (const { name, modified, request, inUse } of listedRuns(cluster, options)) {
    for (const archive of inUse ? needsOf(request) : []) used.add(archive)
    yield {
      id: `runs/${name}`,
      kind: 'run',
      bytes: (await storage.size(`${home}/runs/${name}`, options)) ?? 0,
      lastUsed: new Date(modified).toISOString(),
      runId: name,
      ...(request === undefined ? {} : { project: request.project }),
      inUse,
    }
  }
  for (const { name, size, modified } of (await storage.list(`${home}/projects`, options)) ?? []) {
    const inUse = used.has(name) || isBeingSent(name, modified)
    yield { id: `projects/${name}`, kind: 'objects', bytes: size, lastUsed: new Date(modified).toISOString(), inUse }
  }
  yield* environments(cluster, used, options)
}

async function* listedRuns(cluster: Cluster, options: CallOptions): AsyncGenerator<ListedRun> {
  for (const { name, modified } of (await cluster.storage.list(`${cluster.home}/runs`, options)) ?? []) {
    const run = storedRun(cluster, name)
    const [request, inUse] = await Promise.all([run.read<StoredRequest>('request.json', options), isInUse(run, modified, options)])
    yield { name, modified, request, inUse }
  }
}

async function isInUse(run: StoredRun, modified: number, options: CallOptions): Promise<boolean> {
  const [ended, submitted] = await Promise.all([run.exists('final.json', options), run.exists('batch.json', options)])
  return !ended && ((!submitted && isYoung(modified)) || (await lookAt(run, options)).state === 'alive')
}

const isYoung = (modified: number): boolean => Date.now() - modified < longestSending

/** Under a name of its own until it is whole. */
const isBeingSent = (name: string, modified: number): boolean => name.startsWith('.') && isYoung(modified)

/** Names of the archives that its driver, or an executor, still has to fetch. */
function needsOf(request: StoredRequest | undefined): readonly string[] {
  if (request === undefined) return []
  const { snapshot, agent } = request
  const project = snapshot.digest.replace('sha256:', '')
  return agent?.environmentKey === undefined ? [project] : [project, agent.environmentKey]
}

async function* environments({ storage, home }: Cluster, used: ReadonlySet<string>, options: CallOptions): AsyncGenerator<Leftover> {
  for (const { name, modified } of (await storage.list(`${home}/environments`, options)) ?? []) {
    if (!/^(\.?[0-9a-f]{24})/.test(name)) continue
    const folder = `${home}/environments/${name}`
    const [bytes, use, record] = await Promise.all([
      storage.size(folder, options),
      storage.status(`${folder}/used`, options),
      storage.status(`${folder}/complete.json`, options),
    ])
    const inUse = used.has(name) || (record === undefined && !name.startsWith('.') && isYoung(modified))
    yield {
      id: `environment:${name}`,
      kind: 'environment',
      bytes: bytes ?? 0,
      lastUsed: new Date(use?.modified ?? modified).toISOString(),
      inUse,
    }
  }
}

export async function removeLeftover(cluster: Cluster, id: string, options: CallOptions): Promise<void> {
  const [, environment] = /^environment:(\.?[0-9a-f]{24}[\w.-]*)$/.exec(id) ?? []
  if (environment !== undefined) await removeArchive(cluster, 'environments', environment, options)
  const [, kind, name] = /^(runs|projects)\/([\w.-]+)$/.exec(id) ?? []
  if (name === undefined) return
  if (kind === 'projects') return removeArchive(cluster, kind, name, options)
  await deleteBatch(storedRun(cluster, name), options)
  await cluster.storage.delete(`${cluster.home}/runs/${name}`, options)
}

/**
 * A submit writes down what its run needs and looks then whether that is there; here it is put aside, and then looked whether a run needs it.
 * So one of the two sees the other. Error: `ARCHIVE_IN_USE`.
 */
async function removeArchive(cluster: Cluster, kind: 'projects' | 'environments', name: string, options: CallOptions): Promise<void> {
  const { storage, home } = cluster
  // Before as well: a driver that starts just now must not find it put aside.
  await refuseNeeded(cluster, name, options)
  const path = `${home}/${kind}/${name}`
  const aside = `${home}/${kind}/.${name.replace(/^\./, '')}.${randomBytes(6).toString('hex')}`
  // After a lost answer a rename that was done says that there is nothing to do.
  if (!(await storage.rename(path, aside, options)) && (await storage.status(aside, options)) === undefined) return
  try {
    await refuseNeeded(cluster, name, options)
  } catch (error) {
    await putBack(storage, { aside, path, kind }, options)
    throw error
  }
  await storage.delete(aside, options)
}

interface PutAside {
  readonly aside: string
  readonly path: string
  readonly kind: 'projects' | 'environments'
}

/** What was sent again meanwhile is as good. A folder that is there again, for a note of its use, gets what it lacks: a rename would lead into it. */
async function putBack(storage: Cluster['storage'], { aside, path, kind }: PutAside, options: CallOptions): Promise<void> {
  if ((await storage.status(path, options)) === undefined) {
    if (await storage.rename(aside, path, options)) return
  } else if (kind === 'environments') {
    // The record says that the archive is there: it comes after that.
    const names = ((await storage.list(aside, options)) ?? []).map(({ name }) => name).toSorted()
    for (const name of names.toReversed()) await storage.rename(`${aside}/${name}`, `${path}/${name}`, options)
  }
  await storage.delete(aside, options)
}

/** Older runs were there when what may go was listed. */
async function refuseNeeded(cluster: Cluster, archive: string, options: CallOptions): Promise<void> {
  for (const { name, modified } of (await cluster.storage.list(`${cluster.home}/runs`, options)) ?? []) {
    if (!isYoung(modified)) continue
    const run = storedRun(cluster, name)
    // One request a run: most need another archive.
    if (!needsOf(await run.read<StoredRequest>('request.json', options)).includes(archive)) continue
    if (await isInUse(run, modified, options))
      throw new ErrandError('ARCHIVE_IN_USE', `The run ${name} needs it.`, { hint: `To end it: errand experiment cancel -r ${name}` })
  }
}
