import type { Host, Progress } from '@errand/core'
import { describe, expect, it } from 'vitest'
import type { Cluster } from '../src/cluster.ts'
import { storageAgent } from '../src/storage-agent.ts'

const { signal } = new AbortController()
const run = 'run_1'
const folder = `/home/runs/${run}`

/** A cluster with such files of the run; the batch is asked for when they tell of no start. */
function clusterWith(files: Map<string, string>, get: () => object): Cluster {
  const entryOf = (path: string) => {
    const content = files.get(path)
    return content === undefined ? undefined : { name: path, kind: 'file', size: content.length, modified: 0 }
  }
  const cluster = {
    name: 'cluster',
    home: '/home',
    storage: {
      read: async (path: string) => {
        const content = files.get(path)
        return content === undefined ? undefined : Buffer.from(content)
      },
      status: async (path: string) => entryOf(path),
      list: async () => [],
    },
    livy: { get: async () => get(), log: async () => ({ log: [] }) },
    yarn: () => undefined,
    [Symbol.asyncDispose]: async () => {},
  }
  return cluster as unknown as Cluster
}

/** Its driver writes its last lines and its end at the moment in which Livy is asked. */
function endingCluster(): Cluster {
  const files = new Map([[`${folder}/request.json`, '{}']])
  return clusterWith(files, () => {
    files.set(`${folder}/claim`, JSON.stringify({ container: 'container_1' }))
    files.set(`${folder}/log/0000000000000008`, 'at last')
    files.set(`${folder}/final.json`, JSON.stringify({ state: 'completed', exitCode: 0 }))
    return { id: 0, state: 'success', log: [] }
  })
}

const host = { platform: 'linux' } as unknown as Host

describe('what is read of a run on a cluster', () => {
  it('has the last lines of a run whose end is told by a look at Livy', async () => {
    await using agent = storageAgent(endingCluster(), 'cluster', host)
    let log = 8
    const read: string[] = []
    for (let end = false; !end;) {
      const { result, body } = await agent.call('read', { run, log, metrics: 0 }, { signal })
      const answer = result as { readonly log: number; readonly end: boolean }
      read.push(body.toString('utf8'))
      log += answer.log
      end = answer.end
    }
    expect(read.join('')).toBe('at last')
  })

  it('says what a run waits for, once, and how far the files are that its driver brings at the end', async () => {
    const files = new Map([[`${folder}/request.json`, '{}']])
    await using agent = storageAgent(
      clusterWith(files, () => ({ id: 0, state: 'starting', appId: 'application_1_0007' })),
      'cluster',
      host,
    )
    const told: Progress[] = []
    const progress = (step: Progress) => void told.push(step)
    for (let look = 0; look < 2; look++) await agent.call('read', { run, log: 8, metrics: 0, wait: 0 }, { signal, progress })
    expect(told).toEqual([{ message: "application_1_0007 waits for the cluster's resources" }])
    files.set(`${folder}/started.json`, JSON.stringify({ state: 'running' }))
    files.set(`${folder}/bringing.json`, JSON.stringify({ done: 5, total: 50 }))
    await agent.call('read', { run, log: 8, metrics: 0, wait: 0 }, { signal, progress })
    expect(told.slice(1)).toEqual([{ message: 'the driver saves files', done: 5, total: 50, unit: 'bytes' }])
  })
})
