import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TargetSuite } from '@errand/testkit'
import { type DockerEngine, allOfRun, isAliveInside } from '@errand/testkit/servers'
import { afterAll } from 'vitest'
import definition, { type DockerConfig } from '../src/target.ts'

/** What the conformance suite is told of this target. `baseDockerImage`: another one than that of Python alone. */
export async function dockerSuite(
  engine: Pick<DockerEngine, 'socket' | 'api' | 'image' | 'log'>,
  baseDockerImage?: string,
): Promise<TargetSuite<DockerConfig>> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-docker-target-'))
  const sharedFolder = join(folder, 'shared')
  mkdirSync(sharedFolder)
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const config = { baseDockerImage: baseDockerImage ?? (await engine.image('python')), engine: engine.socket }
  return {
    name: 'docker',
    definition,
    module: new URL('../src/target.ts', import.meta.url),
    heavy: ['./implementation.ts', '@errand/agent', 'dockerode'],
    config: { ...config, containerOptions: ['-v', `${sharedFolder}:${sharedFolder}`] },
    badConfigs: [
      { config: { baseDockerImage: 3 }, path: ['baseDockerImage'] },
      { config: { ...config, sharedVolumes: 'perhaps' }, path: ['sharedVolumes'] },
      { config: { ...config, containerOptions: '--privileged' }, path: ['containerOptions'] },
      { config: { ...config, memory: 'lots' }, path: ['memory'] },
    ],
    grace: 1,
    report: process.env['ERRAND_CONFORMANCE'],
    sharedFolder,
    // Twenty containers take minutes on a machine that has other work.
    runsAtOnce: process.env['ERRAND_CHECK'] === 'all' ? 20 : 5,
    smallMemory: { options: { memory: '64m' } },
    unknownReference: { externalId: 'errand-never-was', data: { run: 'never-was' } },
    isAlive: (pid, reference) => isAliveInside(engine, pid, reference),
    filesAtPlace: (runId) => allOfRun(engine, runId),
  }
}
