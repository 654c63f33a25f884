import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { CallOptions, RunReference, RunRequest, Target } from '@errand/core'
import { type ProjectFiles, createTestContext, createTestRequest } from '@errand/testkit'
import { createTarget } from '../src/implementation.ts'
import type { RemoteConfig } from '../src/target.ts'
import { type RemoteMachine, configFor, trusting } from './remote-suite.ts'

export const options: CallOptions = { signal: new AbortController().signal, report: () => {} }

/** What a client has: a project, a state folder, a target that reaches the machine through a port. */
export interface RemoteClient extends AsyncDisposable {
  readonly target: Target
  /** What the target has said to its log. */
  readonly said: readonly string[]
  request(files: ProjectFiles): Promise<RunRequest>
  submit(request: RunRequest): Promise<RunReference>
}

export function openClient(machine: RemoteMachine, port: number, changes: Partial<RemoteConfig> = {}): RemoteClient {
  const directory = mkdtempSync(join(machine.directory, 'client-'))
  mkdirSync(join(directory, 'project'))
  const said: string[] = []
  const config = { ...configFor(machine, port), ...changes }
  const project = { name: 'faults', id: 'faults' }
  const context = createTestContext({ config, directory, type: 'remote', project, onLog: (message) => void said.push(message) })
  const target = createTarget(trusting(context))
  return {
    target,
    said,
    request: (files) => createTestRequest({ directory, project, files }),
    submit: async (request) => target.submit(request, await target.prepare(request, { ...options, build: false }), options),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  }
}
