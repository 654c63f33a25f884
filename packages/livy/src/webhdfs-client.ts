import type { Readable } from 'node:stream'
import { type Answer, type HttpService, type Sending, type ServiceSettings, openHttpService } from './http-service.ts'
import { webHdfsRefusal } from './refusal.ts'
import { ServiceError, codeOf } from './service-error.ts'

export interface WebHdfsSettings extends ServiceSettings {
  /** Named to a cluster that believes its users; absent behind gateways, which say it themselves. */
  readonly user?: string
}

export interface WebHdfsCall {
  readonly signal: AbortSignal
}

/** A file or folder as the name node knows it. */
export interface HdfsEntry {
  /** Name within its folder; empty for the entry that was asked for itself. */
  readonly name: string
  readonly type: 'FILE' | 'DIRECTORY' | 'SYMLINK'
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970, by the cluster's clock. */
  readonly modified: number
  readonly owner: string
}

/** HDFS over HTTP. Paths are absolute within the file system. Errors are {@link ServiceError}s. */
export interface WebHdfsClient extends AsyncDisposable {
  homeDirectory(call: WebHdfsCall): Promise<string>
  /** Undefined when there is none. */
  status(path: string, call: WebHdfsCall): Promise<HdfsEntry | undefined>
  /** Undefined when there is no such folder. */
  list(path: string, call: WebHdfsCall): Promise<readonly HdfsEntry[] | undefined>
  /** Bytes of all files below it; undefined when there is none. */
  size(path: string, call: WebHdfsCall): Promise<number | undefined>
  /** Bytes from an offset, at most `length`; undefined when there is no such file. */
  read(path: string, range: { readonly offset?: number; readonly length?: number }, call: WebHdfsCall): Promise<Buffer | undefined>
  /** Writes a whole file; folders on the way are made. Error `EXISTS` when it is there and may not be overwritten. */
  write(path: string, content: string | Buffer | (() => Readable), options: WebHdfsCall & WriteOptions): Promise<void>
  makeDirectory(path: string, options: WebHdfsCall & { readonly permission?: string }): Promise<void>
  /** False when the source is not there or the destination is. */
  rename(from: string, to: string, call: WebHdfsCall): Promise<boolean>
  /** With all that is below it. False when there was nothing. */
  delete(path: string, call: WebHdfsCall): Promise<boolean>
}

export interface WriteOptions {
  readonly overwrite: boolean
  /** Octal, `600` for example. */
  readonly permission?: string
}

interface FileStatus {
  readonly pathSuffix: string
  readonly type: HdfsEntry['type']
  readonly length: number
  readonly modificationTime: number
  readonly owner: string
}

type Query = NonNullable<Sending['query']>

/** @param settings `url` ends with `/webhdfs/v1`. */
export function openWebHdfsClient(settings: WebHdfsSettings): WebHdfsClient {
  const service = openHttpService({ ...settings, headers: { 'X-Requested-By': 'webhdfs-client', ...settings.headers } })
  const user = settings.user === undefined ? {} : { 'user.name': settings.user }
  const sendingOf = (method: Sending['method'], path: string, query: Query, signal: AbortSignal): Sending => ({
    method,
    path: encodePath(path),
    query: { ...query, ...user },
    signal,
    repeatable: true,
  })

  async function ask<Value>(method: Sending['method'], path: string, query: Query, signal: AbortSignal): Promise<Value> {
    const answer = await service.send(sendingOf(method, path, query, signal))
    throwRefusal(answer, `WebHDFS ${String(query['op'])} ${path}`)
    return jsonOf(answer) as Value
  }

  return {
    async homeDirectory({ signal }) {
      const { Path } = await ask<{ Path: string }>('GET', '/', { op: 'GETHOMEDIRECTORY' }, signal)
      return Path
    },
    async status(path, { signal }) {
      const found = await ifThere(ask<{ FileStatus: FileStatus }>('GET', path, { op: 'GETFILESTATUS' }, signal))
      return found && entryOf(found.FileStatus)
    },
    async list(path, { signal }) {
      const query = { op: 'LISTSTATUS' }
      const found = await ifThere(ask<{ FileStatuses: { FileStatus: readonly FileStatus[] } }>('GET', path, query, signal))
      return found?.FileStatuses.FileStatus.map(entryOf)
    },
    async size(path, { signal }) {
      const found = await ifThere(ask<{ ContentSummary: { length: number } }>('GET', path, { op: 'GETCONTENTSUMMARY' }, signal))
      return found?.ContentSummary.length
    },
    async read(path, { offset = 0, length }, { signal }) {
      const query = { op: 'OPEN', offset, length, noredirect: true }
      try {
        const answer = await followed(service, sendingOf('GET', path, query, signal), {})
        throwRefusal(answer, `WebHDFS OPEN ${path}`)
        return answer.body
      } catch (error) {
        if (codeOf(error) === 'NOT_FOUND') return undefined
        // Nothing lies behind the end of a file.
        if (offset > 0 && /out of the range|Offset=/i.test(String(error))) return Buffer.alloc(0)
        throw error
      }
    },
    async write(path, content, { overwrite, permission, signal }) {
      const query = { op: 'CREATE', overwrite, permission, noredirect: true }
      const sending = { ...sendingOf('PUT', path, query, signal), repeatable: overwrite }
      const answer = await followed(service, sending, {
        body: content,
        isContent: true,
        headers: { 'content-type': 'application/octet-stream' },
      })
      throwRefusal(answer, `WebHDFS CREATE ${path}`)
    },
    async makeDirectory(path, { permission, signal }) {
      await ask('PUT', path, { op: 'MKDIRS', permission }, signal)
    },
    async rename(from, to, { signal }) {
      const { boolean } = await ask<{ boolean: boolean }>('PUT', from, { op: 'RENAME', destination: to }, signal)
      return boolean
    },
    async delete(path, { signal }) {
      const { boolean } = await ask<{ boolean: boolean }>('DELETE', path, { op: 'DELETE', recursive: true }, signal)
      return boolean
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

/** Content goes to and comes from another server of the cluster, which the first one names: in its answer, or as a redirect. */
async function followed(service: HttpService, sending: Sending, rest: Pick<Sending, 'body' | 'headers' | 'isContent'>): Promise<Answer> {
  const first = await service.send(sending)
  const to = first.location ?? (first.status === 200 ? locationOf(first) : undefined)
  if (to === undefined || first.status >= 400) return first
  const { query: _query, ...second } = sending
  return service.send({ ...second, ...rest, path: to })
}

/** Older clusters redirect, or answer with the content itself. */
function locationOf(answer: Answer): string | undefined {
  if (answer.body.length > 10_000 || answer.body[0] !== 0x7b) return undefined
  const { Location } = (jsonOf(answer) ?? {}) as { readonly Location?: unknown }
  return typeof Location === 'string' ? Location : undefined
}

function jsonOf({ body }: Answer): unknown {
  try {
    return body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as unknown)
  } catch (error) {
    throw new ServiceError('ANSWER_UNREADABLE', `The answer is not WebHDFS's: ${body.toString('utf8').slice(0, 200)}`, { cause: error })
  }
}

function throwRefusal(answer: Answer, what: string): void {
  const refusal = webHdfsRefusal(answer, what)
  if (refusal !== undefined) throw refusal
}

async function ifThere<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  try {
    return await promise
  } catch (error) {
    if (codeOf(error) === 'NOT_FOUND') return undefined
    throw error
  }
}

const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

const entryOf = ({ pathSuffix, type, length, modificationTime, owner }: FileStatus): HdfsEntry => ({
  name: pathSuffix,
  type,
  size: length,
  modified: modificationTime,
  owner,
})
