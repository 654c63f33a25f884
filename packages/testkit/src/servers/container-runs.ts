import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RunReference } from '@errand/core'
import type { DockerEngine } from './docker-engine.ts'

/** A Docker engine, or what answers as one. */
type Asked = Pick<DockerEngine, 'api' | 'log'>

interface ContainerFacts {
  readonly Id: string
  readonly Image: string
  readonly State: { readonly Running: boolean }
  readonly Mounts: readonly { readonly Destination: string; readonly Source: string }[]
}

/** What the engine tells of a container. */
export const inspect = (engine: Asked, name: string) => engine.api<ContainerFacts>('GET', `/containers/${name}/json`)

/** Whether a process of a container, by its id there, runs: the kernel tells both of its ids. */
export async function isAliveInside(engine: Asked, pid: number, { externalId }: RunReference): Promise<boolean> {
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
export async function allOfRun(engine: Asked, runId: string): Promise<{ path: string; content: Buffer }[]> {
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
