import type { CallOptions, LongFile, ReadFile, RunRequest, SnapshotFile } from '@errand/core'
import type { Agent } from './agent.ts'
import type { Answer, CallParameters, CallSettings } from './connection.ts'
import { type ObjectSource, putObjects, unansweredCalls } from './send-objects.ts'
import { countBuffersInHeapLimit } from './short-lived-buffers.ts'

/** Files of one question; a place answers it while the next ones are read. */
const offerLength = 256

/**
 * Sends what the place lacks of a project while the project is still being read. The place fills the folder of the run with what arrives,
 * and {@link submitRun} then finds most of the work done. Resolves when all is on its way.
 */
export async function sendAhead(
  agent: Agent,
  run: Pick<RunRequest, 'runId' | 'projectId'>,
  files: AsyncIterable<ReadFile>,
  source: ObjectSource,
  { signal, report }: CallOptions,
): Promise<void> {
  const queue = unansweredCalls()
  const offered = new Set<string>()
  const message = 'sending the project'
  let done = 0
  let total = 0
  const told = (bytes: number): void => report({ message, done: (done += bytes), total, unit: 'bytes' })
  const call = (name: string, parameters: CallParameters, body?: CallSettings['body']): Promise<Answer> => {
    const answer = agent.call(name, parameters, { signal, ...(body && { body }) })
    answer.catch(() => {})
    return answer
  }

  /** Asks at once; answers what sends the missing ones when its turn comes. */
  function offer(batch: readonly SnapshotFile[]): () => Promise<void> {
    const list = batch.map(({ path, digest, size, executable }) => [path, digest, size, executable])
    const asked = call('offer', {}, Buffer.from(JSON.stringify(list)))
    const sizes = new Map(batch.filter(({ digest }) => !offered.has(digest)).map(({ digest, size }) => [digest, size]))
    for (const digest of sizes.keys()) offered.add(digest)
    return async () => {
      const missing = new Set(((await asked).result['missing'] ?? []) as readonly string[])
      const lacking = [...sizes].filter(([digest]) => missing.has(digest)).map(([digest, size]) => ({ digest, size }))
      total += lacking.reduce((sum, { size }) => sum + size, 0)
      await putObjects(agent, lacking, source, { signal, report: told, queue })
    }
  }

  /** A content of that size may be there already; then its digest is waited for, since nothing is sent twice. */
  function long(file: LongFile): () => Promise<void> {
    const asked = call('holds', { size: file.size })
    let known: string | undefined
    void file.digest.then((digest) => (known = digest))
    return async () => {
      const { holds } = (await asked).result
      if (known === undefined && holds === true) known = await file.digest
      if (known !== undefined) return offer([{ ...file, kind: 'file', digest: known }])()
      await countBuffersInHeapLimit()
      total += file.size
      const { path, executable } = file
      for await (const piece of file.content()) {
        told(piece.length)
        await queue.add(call('append', { path, executable }, { size: piece.length, chunks: only(piece) }))
      }
      const digest = await file.digest
      if (digest !== undefined) await queue.add(call('complete', { path, digest }))
    }
  }

  agent.begun?.add(run.runId)
  await queue.add(call('begin', { run: run.runId, projectId: run.projectId }))
  let turn = Promise.resolve()
  const then = (send: () => Promise<void>): void => {
    turn = turn.then(send)
    turn.catch(() => {})
  }
  let batch: SnapshotFile[] = []
  const offerBatch = (): void => {
    if (batch.length > 0) then(offer(batch))
    batch = []
  }
  for await (const file of files) {
    if (file.kind === 'file') batch.push(file)
    if (batch.length === offerLength || file.kind === 'long') offerBatch()
    if (file.kind === 'long') then(long(file))
  }
  offerBatch()
  await turn
}

async function* only(piece: Buffer): AsyncGenerator<Buffer> {
  yield piece
}
