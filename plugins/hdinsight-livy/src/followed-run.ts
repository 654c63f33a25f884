import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, CallParameters } from '@errand/agent'
import { type RunStatus, logMagic } from '@errand/core'
import type { CancelCall } from './cancel.ts'
import { openRunFiles } from './run-files.ts'
import { currentStatus, finalStatus, writtenStatus } from './run-status.ts'
import { type Segments, openSegments } from './segments.ts'
import type { Call, StoredRun } from './stored-run.ts'

/** Milliseconds between two looks at the storage, and between two at Livy, of somebody who follows a run. */
const lookEvery = 400
const askEvery = 3000

/** A run and what is known of it since somebody began to follow it. */
export interface Followed {
  readonly run: StoredRun
  readonly log: Segments
  readonly metrics: Segments
  readonly files: ReturnType<typeof openRunFiles>
  askedAt: number
  filesAskedAt: number
  known: RunStatus | undefined
  /** What whoever follows it was told last that it waits for. */
  told: string | undefined
}

export function followedRun(run: StoredRun): Followed {
  const log = openSegments(run, 'log', logMagic.length)
  const metrics = openSegments(run, 'metrics', 0)
  return { run, log, metrics, files: openRunFiles(run), askedAt: 0, filesAskedAt: 0, known: undefined, told: undefined }
}

/** What is new of the run: as `read` of an agent answers it. */
export async function read(followed: Followed, { log, metrics, wait, state }: CallParameters, call: CancelCall): Promise<Answer> {
  for (const until = Date.now() + Number(wait ?? 0) * 1000; ;) {
    // The end first, whoever tells of it: what is read after it is all there is.
    const status = (await finalStatus(followed.run, call)) ?? (await unfinished(followed, call))
    const [logged, measured] = await Promise.all([
      followed.log.from(Number(log), call),
      followed.metrics.from(Number(metrics), call),
      tell(followed, status, call),
    ])
    const over = status.state !== 'queued' && status.state !== 'running'
    const end = over && logged.length === 0 && measured.length === 0
    if (logged.length > 0 || measured.length > 0 || end || Date.now() >= until || (state !== undefined && status.state !== state && !over))
      return { result: { log: logged.length, metrics: measured.length, status, end }, body: Buffer.concat([logged, measured]) }
    if (!over) await sleep(lookEvery, undefined, { signal: call.signal })
  }
}

/** A run may wait in a queue for hours, and what for changes; a driver that has much to bring after the script's end says how far it is. */
async function tell(followed: Followed, status: RunStatus, call: CancelCall): Promise<void> {
  if (call.tell === undefined) return
  const detail = status.state === 'queued' ? status.detail : undefined
  if (detail !== undefined && detail !== followed.told) call.tell(detail)
  followed.told = detail
  if (status.state !== 'running' || Date.now() - followed.filesAskedAt < askEvery) return
  followed.filesAskedAt = Date.now()
  const bringing = await followed.run.read<{ readonly done: number; readonly total: number }>('bringing.json', call)
  if (bringing !== undefined) call.tell('the driver saves files', { ...bringing, unit: 'bytes' })
}

/** Livy and YARN are asked now and then; between, what is known holds. */
async function unfinished(followed: Followed, call: Call): Promise<RunStatus> {
  if (followed.known?.state !== 'running') {
    const started = await writtenStatus(followed.run, call)
    if (started !== undefined) return (followed.known = started)
  }
  if (followed.known === undefined || Date.now() - followed.askedAt > askEvery) {
    followed.askedAt = Date.now()
    followed.known = await currentStatus(followed.run, call)
  }
  return followed.known
}
