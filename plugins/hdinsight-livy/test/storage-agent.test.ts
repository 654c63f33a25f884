import type { Host, Progress } from '@errand/core'
import { ServiceError } from '@errand/livy'
import { describe, expect, it } from 'vitest'
import { markOf } from '../src/batch-request.ts'
import type { Cluster } from '../src/cluster.ts'
import { storageAgent } from '../src/storage-agent.ts'

const { signal } = new AbortController()
const run = 'run_1'
const folder = `/home/runs/${run}`

/** A cluster with such files of the run; the batch is asked for when they tell of no start. */
function clusterWith(files: Map<string, string>, get: () => object, yarn?: object): Cluster {
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
      write: async (path: string, content: string) => void files.set(path, content),
      rename: async (from: string, to: string) => {
        files.set(to, files.get(from) ?? '')
        return files.delete(from)
      },
    },
    livy: { get: async () => get(), log: async () => undefined },
    yarn: () => yarn,
    [Symbol.asyncDispose]: async () => {},
  }
  return cluster as unknown as Cluster
}

/** As Livy 0.7.1 tells of an application that a ResourceManager without a memory has forgotten. */
const forgotten = [
  'stdout: ',
  '26/11/22 10:54:02 INFO Client: Submitting application application_1_0001 to ResourceManager',
  'YARN Diagnostics: ',
  "Application with id 'application_1_0001' doesn't exist in RM. Please check that the job submission was successful.\n" +
    '\tat org.apache.hadoop.yarn.server.resourcemanager.ClientRMService.getApplicationReport(ClientRMService.java:367)\n' +
    '\tat org.apache.hadoop.ipc.Server$Handler.run(Server.java:2976)\n',
]

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

  it.each([
    ['goes on while YARN has it, although Livy has given it up', { id: 'application_1_0001', state: 'RUNNING' }, { state: 'running' }],
    [
      'ends when YARN has forgotten it, in words without a stack',
      undefined,
      { state: 'failed', reason: expect.stringMatching(/^[^\n]*doesn't exist in RM[^\n]*$/) as string },
    ],
  ])('%s', async (_what, application, status) => {
    const files = new Map([
      [`${folder}/request.json`, '{}'],
      [`${folder}/started.json`, JSON.stringify({ state: 'running' })],
      [`${folder}/claim`, JSON.stringify({ container: 'container_1_0001_01_000001' })],
    ])
    const batch = { id: 0, state: 'dead', appId: 'application_1_0001', log: forgotten }
    const cluster = clusterWith(files, () => batch, { application: async () => application })
    await using agent = storageAgent(cluster, 'cluster', host)
    expect((await agent.call('status', { run }, { signal })).result).toMatchObject(status)
  })

  it.each([{}, { appId: 'application_1_0001' }])(
    'of a Livy without names (%j) can be asked also while the storage is full',
    async (more) => {
      const files = new Map([
        [`${folder}/request.json`, '{}'],
        [`${folder}/started.json`, JSON.stringify({ state: 'running' })],
        [`${folder}/batch.json`, JSON.stringify({ id: 0 })],
      ])
      const cluster = clusterWith(files, () => ({}))
      const get = async (batch: number | string) => {
        if (typeof batch === 'string') throw new ServiceError('NAMES_UNKNOWN', batch)
        return { id: 0, state: 'running', ...more }
      }
      const livy = { get, log: async () => ({ log: [`--conf spark.yarn.tags=${markOf(run)}`] }) }
      const refused = () => Promise.reject(new ServiceError('NO_SPACE', 'full'))
      const storage = { ...cluster.storage, makeDirectory: refused, write: refused }
      const full = { ...cluster, livy, storage } as unknown as Cluster
      await using agent = storageAgent(full, 'cluster', host)
      expect((await agent.call('status', { run }, { signal })).result).toMatchObject({ state: 'running' })
    },
  )

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
