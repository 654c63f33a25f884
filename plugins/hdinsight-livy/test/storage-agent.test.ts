import type { Host } from '@errand/core'
import { describe, expect, it } from 'vitest'
import type { Cluster } from '../src/cluster.ts'
import { storageAgent } from '../src/storage-agent.ts'

const { signal } = new AbortController()
const run = 'run_1'
const folder = `/home/runs/${run}`

/** A cluster whose driver writes its last lines and its end at the moment in which Livy is asked. */
function endingCluster(): Cluster {
  const files = new Map([[`${folder}/request.json`, '{}']])
  const entryOf = (path: string) => {
    const content = files.get(path)
    return content === undefined ? undefined : { name: path, kind: 'file', size: content.length, modified: 0 }
  }
  const driverEnds = () => {
    files.set(`${folder}/claim`, JSON.stringify({ container: 'container_1' }))
    files.set(`${folder}/log/0000000000000008`, 'at last')
    files.set(`${folder}/final.json`, JSON.stringify({ state: 'completed', exitCode: 0 }))
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
    livy: {
      get: async () => {
        driverEnds()
        return { id: 0, state: 'success', log: [] }
      },
      log: async () => ({ log: [] }),
    },
    yarn: () => undefined,
    [Symbol.asyncDispose]: async () => {},
  }
  return cluster as unknown as Cluster
}

describe('what is read of a run on a cluster', () => {
  it('has the last lines of a run whose end is told by a look at Livy', async () => {
    await using agent = storageAgent(endingCluster(), 'cluster', { platform: 'linux' } as unknown as Host)
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
})
