import { randomBytes } from 'node:crypto'
import { type RunRequest, errorCode } from '@errand/core'
import type { Cluster } from './cluster.ts'

export interface Call {
  readonly signal: AbortSignal
}

/** What a driver wrote when it took the run. */
export interface Claim {
  readonly container?: string | null
  /** `host:port` of YARN's ResourceManager. */
  readonly manager?: string | null
}

/** The folder of one run in the cluster's storage. */
export interface StoredRun {
  readonly id: string
  readonly cluster: Cluster
  readonly folder: string
  /** A small JSON file of it; undefined while there is none. */
  read<Value>(name: string, call: Call): Promise<Value | undefined>
  exists(name: string, call: Call): Promise<boolean>
  /** Makes a file appear whole. False when there is one: of several writers one gets true. */
  put(name: string, value: object, call: Call): Promise<boolean>
}

export function storedRun(cluster: Cluster, id: string): StoredRun {
  const folder = `${cluster.home}/runs/${id}`
  const { storage } = cluster
  return {
    id,
    cluster,
    folder,
    async read<Value>(name: string, call: Call) {
      const bytes = await storage.read(`${folder}/${name}`, {}, call)
      // One that is being written at this moment is empty.
      return bytes === undefined || bytes.length === 0 ? undefined : (JSON.parse(bytes.toString('utf8')) as Value)
    },
    exists: async (name, call) => (await storage.status(`${folder}/${name}`, call)) !== undefined,
    put: (name, value, call) => writeWhole(storage, `${folder}/${name}`, JSON.stringify(value), call),
  }
}

/** Makes a file appear whole, under its name only when all of it is there. False when there is one of that name. */
export async function writeWhole(
  storage: Cluster['storage'],
  path: string,
  content: Parameters<Cluster['storage']['write']>[1],
  call: Call,
  permission?: string,
): Promise<boolean> {
  const options = { ...call, overwrite: true, ...(permission === undefined ? {} : { permission }) }
  return appearWhole(storage, path, (temporary) => storage.write(temporary, content, options), call)
}

/** Milliseconds for what is done after a failure, also after an abort. */
const longestRemoval = 3000

/** The same, however it is written. */
export async function appearWhole(
  storage: Cluster['storage'],
  path: string,
  write: (temporary: string) => Promise<void>,
  call: Call,
): Promise<boolean> {
  const temporary = path.replace(/[^/]*$/, (name) => `.${name}.${randomBytes(6).toString('hex')}`)
  try {
    await write(temporary)
  } catch (error) {
    // Half an archive would stay in a storage that may be full of just that.
    await storage.delete(temporary, { signal: AbortSignal.timeout(longestRemoval) }).catch(() => undefined)
    throw error
  }
  if (await storage.rename(temporary, path, call)) return true
  await storage.delete(temporary, call)
  return false
}

/** What was sent for this run alone, its secrets with it, after a failure. What can't be removed now is a leftover. */
export async function removeRun({ cluster: { storage }, folder }: StoredRun): Promise<void> {
  await storage.delete(folder, { signal: AbortSignal.timeout(longestRemoval) }).catch(() => undefined)
}

/**
 * Writes the end of a run, unless it has one. False also when the run was removed meanwhile: another client, which follows it, has read the end
 * that its driver wrote, and has collected it.
 */
export async function putEnd(run: StoredRun, end: object, call: Call): Promise<boolean> {
  // A file alone would make the folder anew.
  if (!(await run.exists('request.json', call))) return false
  try {
    return await run.put('final.json', end, call)
  } catch (error) {
    if (errorCode(error) === 'NOT_FOUND') return false
    throw error
  }
}

/** What is stored of a request: everything but the contents of its snapshot. */
export type StoredRequest = Omit<RunRequest, 'snapshot'> & {
  readonly snapshot: { readonly digest: string }
  /** For the agent in the driver. */
  readonly agent?: { readonly environmentKey?: string }
}

export function storedRequest({ snapshot, ...request }: RunRequest): StoredRequest {
  return { ...request, snapshot: { digest: snapshot.digest } }
}
