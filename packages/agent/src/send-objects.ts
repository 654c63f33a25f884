import type { Readable } from 'node:stream'
import { type CallOptions, type RunRequest, errorCode } from '@errand/core'
import type { Agent } from './agent.ts'
import { objectDamaged } from './connection.ts'
import { type Content, storedContents } from './stored-contents.ts'

/** Where the contents of a snapshot are read from, by their digest. */
export interface ObjectSource {
  openObject(digest: string): Readable
  /** The folder of the objects on this machine, from which they are read more quickly than through streams. */
  readonly objectsDirectory?: string
  /** A folder of objects on the agent's own machine, for an agent that may link instead of being sent copies. */
  readonly directory?: string
}

/** Bytes and contents of one call: an answer to each small file would cost more than the file. */
const batchBytes = 1024 * 1024
const batchLength = 256
/** Bytes up to which contents are joined to one piece. */
const pieceBytes = 256 * 1024
/** Calls. On a long way, the next must not wait for the answer to the one before it. */
const mostUnanswered = 64

/** Resolves, with the calls that are not answered yet, once all objects are on their way. */
export async function sendObjects(
  agent: Agent,
  request: RunRequest,
  digests: readonly string[],
  source: ObjectSource,
  options: CallOptions,
): Promise<readonly Promise<unknown>[]> {
  const sizes = new Map(request.snapshot.entries.flatMap((entry) => (entry.kind === 'file' ? [[entry.digest, entry.size] as const] : [])))
  const missing = digests.map((digest) => ({ digest, size: sizes.get(digest) ?? 0 }))
  if (source.directory !== undefined)
    return [agent.call('adopt', { directory: source.directory }, { signal: options.signal, body: Buffer.from(JSON.stringify(missing)) })]
  const total = sizeOf(missing)
  let done = 0
  const message = `sending ${missing.length} files`
  const report = (bytes: number) => options.report({ message, done: (done += bytes), total, unit: 'bytes' })
  report(0)
  const queue = unansweredCalls()
  await putObjects(agent, missing, source, { signal: options.signal, report, queue })
  return queue.calls
}

/** Calls whose answers are looked at later: the next one follows without waiting for the answer to the last. */
export interface UnansweredCalls {
  readonly calls: readonly Promise<unknown>[]
  /** Resolves when there is room for another. Rejects with the failure of an earlier one. */
  add(call: Promise<unknown>): Promise<unknown>
}

export function unansweredCalls(): UnansweredCalls {
  const calls: Promise<unknown>[] = []
  return {
    calls,
    add(call) {
      // One that fails while an earlier one is waited for is looked at in its turn.
      call.catch(() => {})
      calls.push(call)
      return calls.length < mostUnanswered ? Promise.resolve() : (calls.shift() ?? call)
    },
  }
}

export interface Putting {
  readonly signal: AbortSignal
  readonly queue: UnansweredCalls
  /** Told of bytes that are on their way. */
  report(bytes: number): void
}

/** Resolves when all contents are on their way. */
export async function putObjects(
  agent: Pick<Agent, 'call'>,
  missing: readonly Content[],
  source: ObjectSource,
  { signal, report, queue }: Putting,
): Promise<void> {
  for (const batch of batches(missing)) {
    const body = { size: sizeOf(batch), chunks: pieces(contents(batch, source), report) }
    await queue.add(agent.call('put', { objects: batch.map(({ digest, size }) => [digest, size]) }, { signal, body }))
  }
}

const sizeOf = (objects: readonly Content[]): number => objects.reduce((sum, { size }) => sum + size, 0)

function* batches(missing: readonly Content[]): Generator<readonly Content[]> {
  let batch: Content[] = []
  let bytes = 0
  for (const object of missing) {
    if (batch.length > 0 && (batch.length === batchLength || bytes + object.size > batchBytes)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(object)
    bytes += object.size
  }
  if (batch.length > 0) yield batch
}

/** Errors: `OBJECT_DAMAGED`, those of `openObject`. */
async function* contents(batch: readonly Content[], source: ObjectSource): AsyncGenerator<Buffer> {
  if (source.objectsDirectory === undefined) {
    yield* streamedContents(batch, source)
    return
  }
  try {
    yield* storedContents(source.objectsDirectory, batch)
  } catch (error) {
    // Who keeps the contents says what it means that one is not there.
    if (errorCode(error) !== 'ENOENT') throw error
    yield* streamedContents(batch, source)
  }
}

/** Each is opened in its turn only: the others hold neither a file nor memory. Error: `OBJECT_DAMAGED`. */
async function* streamedContents(batch: readonly Content[], source: ObjectSource): AsyncGenerator<Buffer> {
  for (const { digest, size } of batch) {
    let sent = 0
    for await (const chunk of source.openObject(digest) as AsyncIterable<Buffer>) {
      sent += chunk.length
      if (sent > size) break
      yield chunk
    }
    // The place counts the bytes that were announced: other ones would be taken for those of the next content.
    if (sent !== size) throw objectDamaged(digest, size)
  }
}

/** Joins short chunks: each piece is a write of its own, and a packet of its own. */
async function* pieces(chunks: AsyncIterable<Buffer>, report: (bytes: number) => void): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    waiting.push(chunk)
    bytes += chunk.length
    if (bytes < pieceBytes) continue
    report(bytes)
    yield joined(waiting, bytes)
    waiting = []
    bytes = 0
  }
  if (bytes === 0) return
  report(bytes)
  yield joined(waiting, bytes)
}

const joined = (chunks: readonly Buffer[], bytes: number): Buffer => (chunks.length === 1 && chunks[0]) || Buffer.concat(chunks, bytes)
