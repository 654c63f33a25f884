import type { Readable } from 'node:stream'
import { openAgent, repeatWhileLost } from '@errand/agent'
import { type CallOptions, errorCode, errorMessage } from '@errand/core'
import { type HdfsEntry, ServiceError, type ServiceErrorCode, type WebHdfsClient } from '@errand/livy'
import type { SshHost } from '@errand/ssh'
import type { Call } from './stored-run.ts'

/** Bytes of a piece of a file that is too large to be sent at once. */
const pieceSize = 4 * 1024 * 1024

/**
 * The cluster's storage as the head node's Spark sees it: HDFS, ABFS, WASB or whatever Hadoop has a class for. One JVM there serves all
 * calls of this client; it takes some seconds to start and ends with the connection.
 */
export async function openHeadNodeStorage(host: SshHost, user: string | undefined, options: CallOptions): Promise<WebHdfsClient> {
  const report = (message: string) => options.report({ message })
  const agent = await openAgent({ host, pythons: ['python3', 'python'], signal: options.signal, report })
  const who = user === undefined ? {} : { user }
  const look = (operation: string, parameters: object, { signal }: Call) =>
    asService(agent.call('storageLook', { operation, ...who, ...parameters }, { signal }))
  const change = (operation: string, parameters: object, { signal }: Call, body?: Buffer) =>
    asService(agent.call('storageChange', { operation, ...who, ...parameters }, { signal, ...(body === undefined ? {} : { body }) }))
  /** For what may be done twice: whether it was done before its answer was lost nobody knows. */
  const repeated = <Value>(work: () => Promise<Value>, { signal }: Call) =>
    repeatWhileLost(work, signal, () => report(`the connection to ${host.name} was lost: it is made again`))
  report(`starting a JVM on ${host.name} that reaches its storage`)

  return {
    async homeDirectory(call) {
      return (await look('home', {}, call)).result['path'] as string
    },
    status: (path, call) => ifThere(async () => (await look('status', { path }, call)).result['entry'] as HdfsEntry),
    list: (path, call) => ifThere(async () => (await look('list', { path }, call)).result['entries'] as readonly HdfsEntry[]),
    size: (path, call) => ifThere(async () => (await look('size', { path }, call)).result['size'] as number),
    read: (path, range, call) => ifThere(async () => (await look('read', { path, ...range }, call)).body),
    write(path, content, { overwrite, permission, signal }) {
      const settings = { path, overwrite, ...(permission === undefined ? {} : { permission }) }
      const whole = async () => {
        let first = true
        for await (const { piece, more } of pieces(content)) {
          await (first ? change('create', { ...settings, more }, { signal }, piece) : change('append', { path, more }, { signal }, piece))
          first = false
        }
      }
      // Of several writers that overwrite nothing one is the first: the second time it would be refused by itself.
      return overwrite ? repeated(whole, { signal }) : whole()
    },
    async makeDirectory(path, { permission, signal }) {
      await repeated(() => change('makeDirectory', { path, permission }, { signal }), { signal })
    },
    async rename(from, to, call) {
      return (await repeated(() => change('rename', { path: from, to }, call), call)).result['done'] === true
    },
    async delete(path, call) {
      return (await repeated(() => change('delete', { path }, call), call)).result['done'] === true
    },
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  }
}

/** At least one piece; the last says that no more comes. */
async function* pieces(content: string | Buffer | (() => Readable)): AsyncGenerator<{ readonly piece: Buffer; readonly more: boolean }> {
  if (typeof content !== 'function') {
    yield { piece: Buffer.from(content), more: false }
    return
  }
  let chunks: Buffer[] = []
  let size = 0
  for await (const chunk of content() as AsyncIterable<Buffer>) {
    if (size >= pieceSize) {
      yield { piece: Buffer.concat(chunks), more: true }
      chunks = []
      size = 0
    }
    chunks.push(chunk)
    size += chunk.length
  }
  yield { piece: Buffer.concat(chunks), more: false }
}

const ofStorage: ReadonlySet<string> = new Set<ServiceErrorCode>(['NOT_FOUND', 'EXISTS', 'FORBIDDEN', 'NO_SPACE', 'READ_ONLY'])

/** What the storage refuses is the same error, with the same hint, by whichever way it is reached. */
async function asService<Value>(call: Promise<Value>): Promise<Value> {
  try {
    return await call
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined || !ofStorage.has(code)) throw error
    throw new ServiceError(code as ServiceErrorCode, errorMessage(error), { cause: error })
  }
}

async function ifThere<Value>(look: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await look()
  } catch (error) {
    if (errorCode(error) === 'NOT_FOUND') return undefined
    throw error
  }
}
