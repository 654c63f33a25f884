import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { testTarget } from '@errand/testkit'
import { livyProblem, startYarn } from '@errand/testkit/servers'
import { afterAll, describe, it } from 'vitest'
import { createTarget } from '../src/implementation.ts'
import definition from '../src/target.ts'

const problem = livyProblem()
const yarn = problem === undefined ? await startYarn({ memory: 8192 }) : undefined
const shared = mkdtempSync(join(tmpdir(), 'errand-cluster-shared-'))
chmodSync(shared, 0o777)
afterAll(async () => {
  await yarn?.stop()
  rmSync(shared, { recursive: true, force: true })
})

describe.skipIf(problem)(`a real Livy with YARN and HDFS${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (yarn === undefined) return
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  const config = {
    livyUrl: yarn.livy.url,
    webhdfsUrl: yarn.webHdfsUrl,
    username: userInfo().username,
    userManagedEnvironment: true,
  }
  testTarget(it, {
    name: 'cluster',
    definition,
    module: new URL('../src/target.ts', import.meta.url),
    heavy: ['./implementation.ts', '@errand/agent', '@errand/livy', 'undici', 'ssh2'],
    config,
    badConfigs: [
      { config: { ...config, livyUrl: 'mycluster' }, path: ['livyUrl'] },
      { config: { ...config, yarnDeployMode: 'yarn' }, path: ['yarnDeployMode'] },
      { config: { ...config, driverMemory: 'much' }, path: ['driverMemory'] },
      { config: { ...config, environmentBuilder: 'here' }, path: ['environmentBuilder'] },
    ],
    grace: 1,
    patience: 240,
    // Each is a driver of its own, and the cluster of the tests is one machine.
    runsAtOnce: 5,
    report: process.env['ERRAND_CONFORMANCE'],
    sharedFolder: shared,
    unknownReference: { externalId: 'Livy batch 99', data: { run: 'never-was' } },
    open: createTarget,
  })
})
