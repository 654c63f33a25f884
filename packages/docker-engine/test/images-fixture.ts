import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type Environment, type EnvironmentLock, type JsonValue, type Progress, type SnapshotFile, localHost } from '@errand/core'
import { type DockerEngine, type Podman, sharedDockerEngine } from '@errand/testkit/servers'
import { type Engine, type PrepareImageOptions, type WantedImage, openEngine } from '../src/index.ts'

/** An engine, a folder of a client's own, and what a project wants. */
export interface ImagesFixture extends AsyncDisposable {
  readonly server: DockerEngine
  readonly engine: Engine
  readonly directory: string
  /** A base image that no other test has. */
  base(): Promise<string>
  wanted(base: string, canonical: JsonValue, more?: WantedMore): WantedImage
  options(more?: Partial<PrepareImageOptions>): PrepareImageOptions & { readonly messages: string[] }
}

export interface WantedMore {
  readonly projectId?: string
  readonly lock?: EnvironmentLock
  readonly localFiles?: readonly SnapshotFile[]
  readonly framework?: 'python' | 'pyspark'
}

let made = 0

export async function imagesFixture(server?: DockerEngine | Podman): Promise<ImagesFixture> {
  const started = server ?? (await sharedDockerEngine())
  const engine = await openEngine({ host: localHost(), address: started.socket }, { signal: new AbortController().signal })
  const directory = mkdtempSync(join(tmpdir(), 'errand-images-'))
  const own = `${process.pid}-${Date.now()}`
  return {
    server: started as DockerEngine,
    engine,
    directory,
    async base() {
      const name = `base-${own}-${++made}`
      const container = await engine.docker.createContainer({ Image: await started.image('python'), Labels: { name } })
      await container.commit({ repo: name, tag: '1' })
      await container.remove()
      return `${name}:1`
    },
    wanted(baseImage, canonical, { projectId = 'project', lock, localFiles = [], framework = 'python' } = {}) {
      const file = { kind: 'conda' as const, file: 'aml_config/conda_dependencies.yml', text: '', localFiles, canonical }
      const environment: Environment = lock === undefined ? file : { ...file, lock }
      return {
        request: { project: 'churn', projectId: `${own}-${projectId}`, framework, environment },
        baseImage,
        directory,
        client: localHost(),
      }
    },
    options(more = {}) {
      const messages: string[] = []
      const report = ({ message }: Progress) => void messages.push(message)
      return { signal: new AbortController().signal, report, messages, build: true, openObject: () => Readable.from([]), ...more }
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The meaning of a conda file that asks for Python and pip packages. */
export const pipFile = (pip: readonly string[], more: Readonly<Record<string, JsonValue>> = {}): JsonValue => ({
  channels: ['conda-forge'],
  conda: ['python>=3.8'],
  pip: [...pip],
  pipOptions: [],
  ...more,
})
