import { errorMessage } from '../errors.ts'
import type { ReadFile } from '../request.ts'
import type { SnapshotOptions } from '../snapshot/index.ts'
import type { Prepared } from '../target.ts'
import type { OpenTarget } from './context.ts'
import { type Submission, reporting } from './start.ts'

/** What is less than either is read and sent before a head start would save anything. */
const manyBytes = 8_000_000
const manyFiles = 500

export interface HeadStart extends Required<Pick<SnapshotOptions, 'reading'>>, Disposable {
  /** All has been read: waits for what is on its way. It never fails: what did not arrive, the submit sends. */
  end(): Promise<void>
}

/**
 * Gives the target the files of a large project while they are read, once its place is ready. A project that was read before the place was
 * ready is left to the submit.
 */
export function headStart(submission: Submission, { target }: OpenTarget, prepared: Promise<Prepared>): HeadStart {
  const { context, runId } = submission
  const run = { runId, project: context.project.name, projectId: context.history.projectId }
  const files = fileQueue()
  const giving = new AbortController()
  let reading = false
  let receiving: Promise<void> | undefined

  async function receive(): Promise<void> {
    await prepared
    if (!reading) return
    const { signal, report } = reporting(submission)
    receiving = target.receive?.(run, files.read(), {
      signal: AbortSignal.any([signal, giving.signal]),
      // How far the reading is tells more, as long as it goes on.
      report: (progress) => reading || report(progress),
    })
    await receiving
  }

  return {
    reading(found) {
      const bytes = found.reduce((sum, { size }) => sum + size, 0)
      if (target.receive === undefined || (bytes < manyBytes && found.length < manyFiles)) return undefined
      reading = true
      receive().catch((error: unknown) => context.log.debug(`The head start of ${runId} ended: ${errorMessage(error)}`))
      return files.add
    },
    async end() {
      reading = false
      files.end()
      await receiving?.catch(() => {})
    },
    [Symbol.dispose]() {
      giving.abort()
      files.end()
    },
  }
}

function fileQueue(): { add(file: ReadFile): void; end(): void; read(): AsyncIterable<ReadFile> } {
  const waiting: ReadFile[] = []
  let ended = false
  let awaken = Promise.withResolvers<void>()
  return {
    add(file) {
      waiting.push(file)
      awaken.resolve()
    },
    end() {
      ended = true
      awaken.resolve()
    },
    async *read() {
      for (;;) {
        yield* waiting.splice(0)
        if (waiting.length > 0) continue
        if (ended) return
        awaken = Promise.withResolvers()
        await awaken.promise
      }
    },
  }
}
