import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { CallOptions, RunEvent, RunReference, RunRequest, RunStatus, Target, TargetContext } from '@errand/core'
import { type ProjectFiles, createTestContext, takeProjectSnapshot, writeProject } from '@errand/testkit'
import { createTarget } from '../src/implementation.ts'
import type { ClusterConfig } from '../src/target.ts'

export const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

/** What a client has: a project, a state folder, a target. */
export interface ClusterClient extends AsyncDisposable {
  readonly target: Target
  readonly context: TargetContext<ClusterConfig>
  readonly directory: string
  request(files: ProjectFiles, changes?: Partial<RunRequest>): Promise<RunRequest>
  submit(request: RunRequest): Promise<RunReference>
}

/** What a `.compute` file of the tests says beside its addresses. */
export const clusterConfig: ClusterConfig = {
  username: userInfo().username,
  livyPort: 8998,
  yarnDeployMode: 'cluster',
  userManagedEnvironment: true,
  environmentBuilder: 'headNode',
}

let runs = 0

export function openClient(changes: Partial<ClusterConfig>, secrets: Readonly<Record<string, string>> = {}): ClusterClient {
  const directory = mkdtempSync(join(tmpdir(), 'errand-cluster-'))
  mkdirSync(join(directory, 'project'))
  const project = { name: 'cluster-test', id: 'cluster-test' }
  const context = createTestContext<ClusterConfig>({
    config: { ...clusterConfig, ...changes },
    directory,
    type: 'cluster',
    project,
    secrets,
  })
  const trusting = { ...context, ask: async ({ kind }: { readonly kind: string }) => (kind === 'confirm' ? 'yes' : '') }
  const target = createTarget(trusting)
  return {
    target,
    context: trusting,
    directory,
    async request(files, more = {}) {
      await writeProject(join(directory, 'project'), files)
      return {
        project: project.name,
        projectId: project.id,
        framework: 'pyspark',
        environment: { kind: 'user-managed' },
        runId: `cluster-test_${Date.now()}_${++runs}`,
        script: Object.keys(files)[0] ?? '',
        arguments: [],
        variables: {},
        secretVariables: [],
        snapshot: await takeProjectSnapshot(join(directory, 'objects'), files),
        outputs: ['outputs/**'],
        ...more,
      }
    },
    submit: async (request) => target.submit(request, await target.prepare(request, { ...options, build: true }), options),
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export interface Followed {
  readonly stdout: string
  readonly stderr: string
  readonly control: string
  readonly status: RunStatus | undefined
  readonly metrics: Readonly<Record<string, unknown>>
  readonly cursor: string | undefined
}

/** Follows a run to its end, or to the first event that `last` accepts. */
export async function follow(
  target: Target,
  reference: RunReference,
  { cursor, last = () => false }: { readonly cursor?: string | undefined; readonly last?: (event: RunEvent) => boolean } = {},
): Promise<Followed> {
  await using handle = await target.attach(reference, options)
  const text = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], control: [] as Uint8Array[] }
  const metrics: Record<string, unknown> = {}
  let status: RunStatus | undefined
  let at = cursor
  for await (const event of handle.events({ ...options, ...(cursor === undefined ? {} : { cursor }) })) {
    at = event.cursor
    if (event.type === 'log') text[event.stream].push(event.data)
    if (event.type === 'metric') metrics[event.name] = event.value
    if (event.type === 'status') status = event.status
    if (last(event)) break
  }
  const textOf = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks).toString('utf8')
  return { stdout: textOf(text.stdout), stderr: textOf(text.stderr), control: textOf(text.control), status, metrics, cursor: at }
}
