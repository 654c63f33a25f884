import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunReference } from '@errand/core'
import type { FileAtPlace, TargetSuite } from '@errand/testkit'
import type { DockerEngine } from '@errand/testkit/servers'
import { afterAll } from 'vitest'
import definition, { type DockerConfig } from '../src/target.ts'

/** What the conformance suite is told of this target. */
export async function dockerSuite(engine: DockerEngine): Promise<TargetSuite<DockerConfig>> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-docker-target-'))
  const sharedFolder = join(folder, 'shared')
  mkdirSync(sharedFolder)
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const config = { baseDockerImage: await engine.image('python'), engine: engine.socket }
  return {
    name: 'docker',
    definition,
    module: new URL('../src/target.ts', import.meta.url),
    heavy: ['./implementation.ts', '@errand/docker-engine', 'dockerode'],
    config: { ...config, containerOptions: ['-v', `${sharedFolder}:${sharedFolder}`] },
    badConfigs: [
      { config: { baseDockerImage: 3 }, path: ['baseDockerImage'] },
      { config: { ...config, sharedVolumes: 'perhaps' }, path: ['sharedVolumes'] },
      { config: { ...config, containerOptions: '--privileged' }, path: ['containerOptions'] },
    ],
    grace: 1,
    sharedFolder,
    unknownReference: { externalId: 'errand-never-was', data: { run: 'never-was' } },
    isAlive: (pid, reference) => isAliveInside(engine, pid, reference),
    filesAtPlace: (runId) => allOfRun(engine, runId),
  }
}

interface ContainerFacts {
  readonly Id: string
  readonly Image: string
  readonly State: { readonly Running: boolean }
  readonly Mounts: readonly { readonly Destination: string; readonly Source: string }[]
}

export const inspect = (engine: DockerEngine, name: string) => engine.api<ContainerFacts>('GET', `/containers/${name}/json`)

/** Whether a process of a container, by its id there, runs: the kernel tells both of its ids. */
export async function isAliveInside(engine: DockerEngine, pid: number, { externalId }: RunReference): Promise<boolean> {
  const { Id, State } = await inspect(engine, externalId)
  if (!State.Running) return false
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((name) => {
      const status = read(`/proc/${name}/status`)
      const inner = /^NSpid:\s+\d+\s+(\d+)$/m.exec(status)?.[1]
      return inner === String(pid) && !/^State:\s+[ZX]/m.test(status) && read(`/proc/${name}/cgroup`).includes(Id)
    })
}

/** Everything of a run that somebody could look at: its files in the volume, what the engine tells of it and of its image, its log, command lines. */
export async function allOfRun(engine: DockerEngine, runId: string): Promise<FileAtPlace[]> {
  const container = await inspect(engine, `errand-${runId}`)
  const volume = container.Mounts.find(({ Destination }) => Destination === '/errand')?.Source ?? ''
  const told = {
    'docker inspect': container,
    'docker image inspect': await engine.api('GET', `/images/${container.Image}/json`),
    'docker history': await engine.api('GET', `/images/${container.Image}/history`),
    'docker ps': await engine.api('GET', '/containers/json?all=1'),
    'log of the engine': engine.log(),
  }
  return [
    ...Object.entries(told).map(([path, content]) => ({ path, content: Buffer.from(JSON.stringify(content)) })),
    ...readdirSync(volume, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ path, content: Buffer.from(read(path), 'latin1') })),
    ...readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => ({ path: `/proc/${pid}/cmdline`, content: Buffer.from(read(`/proc/${pid}/cmdline`)) })),
  ]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
