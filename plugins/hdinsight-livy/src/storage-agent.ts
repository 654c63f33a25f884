import type { Agent, Answer, CallParameters } from '@errand/agent'
import type { CallOptions, Host } from '@errand/core'
import { isEnded, mayPass } from '@errand/livy'
import { type CancelCall, cancelRun } from './cancel.ts'
import type { Cluster } from './cluster.ts'
import { type Followed, followedRun, read } from './followed-run.ts'
import { batchOf } from './run-batch.ts'
import { currentStatus } from './run-status.ts'
import { explained } from './service-problem.ts'
import { type Call, type StoredRun, storedRun } from './stored-run.ts'

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
    const made = followedRun(storedRun(cluster, name))
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
