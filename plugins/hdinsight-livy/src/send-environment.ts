import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type PreparedEnvironment, archiveProgram, environmentArchive } from '@errand/conda'
import { type CallOptions, ErrandError, type Host } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { appearWhole, writeWhole } from './stored-run.ts'

interface Sending {
  readonly host: Host
  /** What was made there. */
  readonly made: PreparedEnvironment
  /** Path in the storage. */
  readonly to: string
}

const message = 'packing the environment and sending it to the storage'

/**
 * Packs an environment and puts it to the storage, where it appears whole under its name; what was half sent stays aside. The head node sends
 * what it has made itself where it can. Error: `ENVIRONMENT_NOT_SENT`.
 */
export async function sendEnvironment(cluster: Cluster, sending: Sending, options: CallOptions): Promise<void> {
  options.report({ message })
  const { storage, headNode, nearHeadNode } = cluster
  if (nearHeadNode !== undefined && sending.host === headNode)
    await appearWhole(storage, sending.to, (path) => putFromThere(sending, urlOf(nearHeadNode, path), options), options)
  else await writeWhole(storage, sending.to, () => Readable.from(throughHere(sending, options), { objectMode: false }), options)
}

async function* throughHere({ host, made }: Sending, options: CallOptions): AsyncGenerator<Buffer> {
  let [done, told] = [0, 0]
  for await (const chunk of environmentArchive(host, made, options) as AsyncIterable<Buffer>) {
    done += chunk.length
    if (done - told > 1_000_000) options.report({ message, done: (told = done), unit: 'bytes' })
    yield chunk
  }
}

function urlOf({ url, user }: NonNullable<Cluster['nearHeadNode']>, path: string): string {
  const query = new URLSearchParams({ op: 'CREATE', overwrite: 'true', ...(user === undefined ? {} : { 'user.name': user }) })
  return `${url}${path.split('/').map(encodeURIComponent).join('/')}?${query.toString()}`
}

/** Of an environment nothing passes this machine. */
async function putFromThere({ host, made: { python, prefix } }: Sending, url: string, { signal, report }: CallOptions): Promise<void> {
  const program = readFileSync(fileURLToPath(new URL('../python/put_environment.py', import.meta.url)), 'utf8')
  const process = await host.spawn([python, '-I', '-S', '-B', '-c', program, prefix, archiveProgram(), url], { signal })
  process.stdin.end()
  const complaint = lastLine(process.stderr)
  for await (const line of createInterface({ input: Readable.from(process.stdout) })) report({ message, done: Number(line), unit: 'bytes' })
  const { exitCode } = await process.exit
  signal.throwIfAborted()
  if (exitCode === 0) return
  const reason = (await complaint) || 'it was interrupted'
  throw new ErrandError('ENVIRONMENT_NOT_SENT', `The environment could not be put to the storage from ${host.name}: ${reason}.`, {
    hint: 'Prepare again: what is made is kept there.',
  })
}

async function lastLine(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8').trim().split('\n').at(-1) ?? ''
}
