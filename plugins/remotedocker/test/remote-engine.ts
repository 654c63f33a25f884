import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TargetContext } from '@errand/core'
import { type TargetSuite, createTestContext } from '@errand/testkit'
import {
  type DockerEngine,
  type Sshd,
  type SshdSettings,
  allOfRun,
  dockerProblem,
  isAliveInside,
  sharedDockerEngine,
  sshdProblem,
  startSshd,
} from '@errand/testkit/servers'
import { createTarget } from '../src/implementation.ts'
import definition, { type RemoteDockerConfig } from '../src/target.ts'

export const problem = sshdProblem() ?? dockerProblem()

/** A Docker engine, or what answers as one. */
type Engine = Pick<DockerEngine, 'socket' | 'api' | 'image' | 'log'>

/** A machine behind a real sshd with a real engine. */
export interface RemoteEngine extends AsyncDisposable {
  readonly server: Sshd
  readonly engine: Engine
  readonly image: string
  readonly directory: string
  /** Settings of a `.compute` file for it, by its key. */
  config(port?: number): { address: string; username: string; privateKey: string; baseDockerImage: string; engine: string }
}

export async function startRemoteEngine(settings: SshdSettings = {}, given?: Engine): Promise<RemoteEngine> {
  const engine = given ?? (await sharedDockerEngine())
  const image = await engine.image('python')
  const server = await startSshd({ may: 'docker', ...settings })
  const directory = mkdtempSync(join(tmpdir(), 'errand-remotedocker-'))
  chmodSync(directory, 0o755)
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  // Neither the keys nor the known hosts of who runs the tests.
  process.env['HOME'] = directory
  delete process.env['SSH_AUTH_SOCK']
  return {
    server,
    engine,
    image,
    directory,
    config: (port = server.port) => ({
      address: `${server.address}:${port}`,
      username: server.user,
      privateKey: server.key.file,
      baseDockerImage: image,
      engine: engine.socket,
    }),
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The same context with a user who trusts the machine. */
function trusting<Context extends TargetContext<RemoteDockerConfig>>(context: Context): Context {
  return { ...context, ask: async ({ kind }: { readonly kind: string }) => (kind === 'confirm' ? 'yes' : '') }
}

export function openRemoteTarget(machine: RemoteEngine, port?: number, changes: Partial<RemoteDockerConfig> = {}) {
  const directory = mkdtempSync(join(machine.directory, 'client-'))
  mkdirSync(join(directory, 'project'))
  const context = createTestContext({ config: { ...machine.config(port), ...changes }, directory, type: 'remotedocker' })
  return { target: createTarget(trusting(context)), directory, context }
}

export function remoteDockerSuite(machine: RemoteEngine, name: string): TargetSuite<RemoteDockerConfig> {
  const { engine } = machine
  const config = machine.config()
  const sharedFolder = join(machine.directory, 'shared')
  mkdirSync(sharedFolder, { recursive: true })
  chmodSync(sharedFolder, 0o777)
  return {
    name,
    definition,
    module: new URL('../src/target.ts', import.meta.url),
    heavy: ['./implementation.ts', '@errand/agent', 'dockerode', 'ssh2'],
    config: { ...config, containerOptions: ['-v', `${sharedFolder}:${sharedFolder}`] },
    badConfigs: [
      { config: { username: 'ann' }, path: ['address'] },
      { config: { address: 'gpu' }, path: ['username'] },
      { config: { ...config, sharedVolumes: 'perhaps' }, path: ['sharedVolumes'] },
    ],
    secrets: { password: machine.server.password },
    grace: 1,
    report: process.env['ERRAND_CONFORMANCE'],
    sharedFolder,
    smallMemory: { options: { memory: '64m' } },
    unknownReference: { externalId: 'errand-never-was', data: { run: 'never-was' } },
    isAlive: (pid, reference) => isAliveInside(engine, pid, reference),
    filesAtPlace: (runId) => allOfRun(engine, runId),
    open: (context) => createTarget(trusting(context)),
  }
}
