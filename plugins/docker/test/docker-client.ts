import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CallOptions, RunReference, RunRequest, RunStatus, Target } from '@errand/core'
import { type ProjectFiles, createTestContext, createTestRequest } from '@errand/testkit'
import type { DockerEngine } from '@errand/testkit/servers'
import { createDockerTarget } from '@errand/docker-engine'
import { createTarget } from '../src/implementation.ts'
import type { DockerConfig } from '../src/target.ts'

export const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

/** What a client has: a project, a state folder, and targets that it opens anew as another process would. */
export interface DockerClient extends AsyncDisposable {
  readonly directory: string
  open(changes?: Partial<DockerConfig>): Target
  request(files: ProjectFiles, changes?: Partial<RunRequest>): Promise<RunRequest>
  /** Prepares, submits and closes. */
  submit(request: RunRequest, changes?: Partial<DockerConfig>): Promise<RunReference>
  /** All of a run from its beginning, seen by a target of its own. */
  follow(reference: RunReference): Promise<Followed>
}

export interface Followed {
  readonly status: RunStatus
  readonly stdout: string
  readonly control: string
}

/** `owner`: a user that no other test is. */
export async function openClient(engine: DockerEngine, owner?: string): Promise<DockerClient> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-docker-client-'))
  mkdirSync(join(directory, 'project'))
  const config = { baseDockerImage: await engine.image('python'), engine: engine.socket }
  const project = { name: 'faults', id: 'faults' }
  const references: RunReference[] = []
  const open = (changes: Partial<DockerConfig> = {}) => {
    const context = createTestContext({ config: { ...config, ...changes }, directory, type: 'docker', project })
    if (owner === undefined) return createTarget(context)
    const { engine: address = '', ...settings } = context.config
    return createDockerTarget(context, { host: context.host, local: true, owner, settings, address })
  }
  return {
    directory,
    open,
    request: (files, changes) => createTestRequest({ directory, project, files }, changes),
    async submit(request, changes) {
      await using target = open(changes)
      const prepared = await target.prepare(request, { ...options, build: true })
      const reference = await target.submit(request, prepared, options)
      references.push(reference)
      return reference
    },
    async follow(reference) {
      await using target = open()
      return await followIn(target, reference)
    },
    async [Symbol.asyncDispose]() {
      for (const { externalId } of references) await engine.api('DELETE', `/containers/${externalId}?force=true`).catch(() => undefined)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** `onOutput` is told how many bytes of standard output have come. */
export async function followIn(target: Target, reference: RunReference, onOutput: (bytes: number) => void = () => {}): Promise<Followed> {
  await using handle = await target.attach(reference, options)
  const chunks: Record<string, Uint8Array[]> = { stdout: [], stderr: [], control: [] }
  let status: RunStatus = { state: 'queued' }
  let bytes = 0
  for await (const event of handle.events(options)) {
    if (event.type === 'log') {
      chunks[event.stream]?.push(event.data)
      if (event.stream === 'stdout') onOutput((bytes += event.data.length))
    }
    if (event.type === 'status') status = event.status
  }
  const text = (stream: string) => Buffer.concat(chunks[stream] ?? []).toString('utf8')
  return { status, stdout: text('stdout'), control: text('control') }
}

/** The first line that a run prints has come, in however many pieces. */
export async function untilItPrints(target: Target, reference: RunReference): Promise<void> {
  await using handle = await target.attach(reference, options)
  for await (const event of handle.events(options))
    if (event.type === 'log' && event.stream === 'stdout' && event.data.includes(0x0a)) return
}
