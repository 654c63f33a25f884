import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { TargetSuite } from '@errand/testkit'
import type { Yarn } from '@errand/testkit/servers'
import { afterAll } from 'vitest'
import { createTarget } from '../src/implementation.ts'
import definition, { type ClusterConfig } from '../src/target.ts'

/** What the conformance suite is told of this target. */
export function clusterSuite(yarn: Yarn, changes: Readonly<Record<string, string | boolean>> = {}): TargetSuite<ClusterConfig> {
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  const sharedFolder = mkdtempSync(join(tmpdir(), 'errand-cluster-shared-'))
  chmodSync(sharedFolder, 0o777)
  afterAll(() => rmSync(sharedFolder, { recursive: true, force: true }))
  const config = {
    livyUrl: yarn.livy.url,
    webhdfsUrl: yarn.webHdfsUrl,
    username: userInfo().username,
    userManagedEnvironment: true,
    ...changes,
  }
  return {
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
    sharedFolder,
    unknownReference: { externalId: 'Livy batch 99', data: { run: 'never-was' } },
    open: createTarget,
  }
}
