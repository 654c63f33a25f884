import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, Answer, CallParameters } from '@errand/agent'
import { type CallOptions, type Host, type RunStatus, logMagic } from '@errand/core'
import { isEnded, mayPass } from '@errand/livy'
import { type CancelCall, cancelRun } from './cancel.ts'
import type { Cluster } from './cluster.ts'
import { batchOf } from './run-batch.ts'
import { openRunFiles } from './run-files.ts'
import { currentStatus, finalStatus, writtenStatus } from './run-status.ts'
import { type Segments, openSegments } from './segments.ts'
import { explained } from './service-problem.ts'
import { type Call, type StoredRun, storedRun } from './stored-run.ts'

/** Milliseconds between two looks at the storage, and between two at Livy, of somebody who follows a run. */
const lookEvery = 400
const askEvery = 3000

interface Followed {
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

/** The same agent; whatever it is asked, it says what it waits for. */
export function tellingAgent(agent: Agent, report: CallOptions['report']): Agent {
  return { ...agent, call: (name, parameters, options) => agent.call(name, parameters, { ...options, progress: report }) }
}

/** What an agent answers at other places, answered from the cluster's storage, where the driver's agent has written it. */
export function storageAgent(cluster: Cluster, target: string, host: Host): Agent {
  const followed = new Map<string, Followed>()

  function follow(id: unknown): Followed {
    const name = String(id)
    const known = followed.get(name)
    if (known !== undefined) return known
    const run = storedRun(cluster, name)
    const log = openSegments(run, 'log', logMagic.length)
    const metrics = openSegments(run, 'metrics', 0)
    const made: Followed = { run, log, metrics, files: openRunFiles(run), askedAt: 0, filesAskedAt: 0, known: undefined, told: undefined }
    followed.set(name, made)
    return made
  }

  const calls: Readonly<Record<string, (parameters: CallParameters, call: CancelCall) => Promise<Answer>>> = {
    status: async ({ run }, call) => answer(await currentStatus(follow(run).run, call)),
    read: (parameters, call) => read(follow(parameters['run']), parameters, call),
    async cancel({ run }, call) {
      await cancelRun(follow(run).run, call)
      return answer({})
    },
    collect: async ({ run, include }, call) => answer(await follow(run).files.collect(include as readonly string[], call)),
    async fetch({ run, path, offset, limit }, call) {
      const from = Number(offset ?? 0)
      const { size, body } = await follow(run).files.fetch(String(path), from, Number(limit), call)
      return { result: { size, end: from + body.length >= size }, body }
    },
    async remove({ run }, call) {
      const { run: stored } = follow(run)
      await forgetBatch(stored, call)
      await cluster.storage.delete(stored.folder, call)
      followed.delete(stored.id)
      return answer({})
    },
  }

  return {
    hello: {
      protocol: 1,
      python: { executable: 'python', version: '', prefix: '' },
      home: cluster.home,
      platform: host.platform,
      hostname: cluster.name,
      user: '',
      free: null,
    },
    host: { ...host, name: cluster.name },
    async call(name, parameters, { signal, progress }) {
      const made = calls[name]
      if (made === undefined) throw new Error(`The storage of a cluster has no answer to ${name}.`)
      return explained(target, () =>
        made(parameters, { signal, ...(progress && { tell: (message, amount) => progress({ message, ...amount }) }) }),
      )
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/**
 * Makes Livy forget a run that is over. One whose driver is about to end stays with Livy, which forgets by itself: a delete would kill the
 * application, and YARN show a completed run as killed. So does one while Livy gives no answer.
 */
async function forgetBatch(run: StoredRun, call: Call): Promise<void> {
  try {
    const batch = await batchOf(run, call)
    if (batch !== undefined && isEnded(batch)) await run.cluster.livy.delete(batch.id, call)
  } catch (error) {
    if (!mayPass(error)) throw error
  }
}

const answer = (result: object): Answer => ({ result: result as Answer['result'], body: Buffer.alloc(0) })

async function read(followed: Followed, { log, metrics, wait, state }: CallParameters, call: CancelCall): Promise<Answer> {
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
