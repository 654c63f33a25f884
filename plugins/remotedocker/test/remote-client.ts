import type { CallOptions, EnvironmentRequest, Prepared, RunReference, RunRequest, Target } from '@errand/core'
import { type ProjectFiles, createTestRequest } from '@errand/testkit'
import { type RemoteEngine, openRemoteTarget } from './remote-engine.ts'
import type { RemoteDockerConfig } from '../src/target.ts'

export const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

/** Somebody with a project, who has a target open. */
export interface Client extends AsyncDisposable {
  readonly target: Target
  readonly directory: string
  /** Text: of a project of that script alone. */
  request(files: ProjectFiles | string): Promise<RunRequest>
  submit(files: ProjectFiles | string): Promise<RunReference>
  /** An environment of that conda file. */
  prepare(environment: EnvironmentRequest['environment'], call?: Partial<CallOptions>): Promise<Prepared>
}

export function openClient(machine: RemoteEngine, port?: number, changes: Partial<RemoteDockerConfig> = {}): Client {
  const { target, directory, context } = openRemoteTarget(machine, port, changes)
  const { name: project, id: projectId } = context.project
  const environment = { kind: 'user-managed' as const }
  const request: Client['request'] = (files) =>
    createTestRequest({ directory, project: context.project, files: typeof files === 'string' ? { 'main.py': files } : files })
  const prepare: Client['prepare'] = (wanted, call = {}) =>
    target.prepare({ project, projectId, framework: 'python', environment: wanted }, { ...options, ...call, build: true })
  return {
    target,
    directory,
    request,
    prepare,
    submit: async (files) => target.submit(await request(files), await prepare(environment), options),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  }
}

/** What a package server of the tests gives, installed with pip. */
export const environmentOf = (url: string, pip: readonly string[]): EnvironmentRequest['environment'] => ({
  kind: 'conda',
  file: 'aml_config/conda_dependencies.yml',
  text: '',
  localFiles: [],
  canonical: { channels: ['conda-forge'], conda: ['python>=3.8'], pip: [...pip], pipOptions: ['--extra-index-url', url] },
})
