import type { RunRequest, SparkDependencies } from '@errand/core'
import { describe, expect, it } from 'vitest'
import { batchRequest } from '../src/batch-request.ts'
import type { ClusterConfig } from '../src/target.ts'
import { clusterConfig } from './cluster-client.ts'

const asked = (config: Partial<ClusterConfig>, spark: SparkDependencies) =>
  batchRequest({ ...clusterConfig, ...config }, { runId: 'run_1', variables: {}, secretVariables: [], spark } as unknown as RunRequest, {
    home: '/home',
    agent: 'hash',
    environment: undefined,
  })

describe('what Livy is asked for', () => {
  it('the Spark file has the last word on sizes, of which Livy believes its own fields first', () => {
    const spark = { configuration: { 'spark.driver.memory': '6g', 'spark.yarn.queue': 'night' }, repositories: [], packages: [] }
    const { conf, ...batch } = asked({ driverMemory: '2g', queue: 'day', executorMemory: '3g', numExecutors: 2 }, spark)
    expect(batch).toEqual({
      file: '/home/agent/hash/errand_agent_driver.py',
      name: 'run_1',
      args: ['/home', 'run_1', 'hash'],
      executorMemory: '3g',
      numExecutors: 2,
    })
    expect(conf).toMatchObject({ 'spark.driver.memory': '6g', 'spark.yarn.queue': 'night' })
  })

  it('packages and repositories of the lists and of the configuration go together', () => {
    const { conf } = asked(
      {},
      {
        configuration: { 'spark.jars.packages': 'a:b:1, c:d:2', 'spark.jars.repositories': 'https://two' },
        repositories: ['https://one'],
        packages: [{ group: 'g', artifact: 'a', version: '3' }],
      },
    )
    expect(conf).toMatchObject({ 'spark.jars.packages': 'g:a:3,a:b:1,c:d:2', 'spark.jars.repositories': 'https://one,https://two' })
  })
})
