import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TargetContext } from '@errand/core'
import type { FileAtPlace, TargetSuite } from '@errand/testkit'
import { type Sshd, type SshdSettings, startSshd } from '@errand/testkit/servers'
import { createTarget } from '../src/implementation.ts'
import definition, { type RemoteConfig } from '../src/target.ts'

/** A machine of its own for one test file: an sshd whose user keeps errand's files in a folder that goes with it. */
export interface RemoteMachine extends AsyncDisposable {
  readonly server: Sshd
  /** `ERRAND_HOME` there. */
  readonly home: string
  readonly sharedFolder: string
  readonly directory: string
}

export async function startMachine(settings: SshdSettings = {}): Promise<RemoteMachine> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-remote-'))
  const [home, sharedFolder] = [join(directory, 'home'), join(directory, 'shared')]
  for (const folder of [directory, home, sharedFolder]) {
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o777)
  }
  const server = await startSshd({ ...settings, lines: [`SetEnv ERRAND_HOME=${home}`, ...(settings.lines ?? [])] })
  process.env['ERRAND_CANCEL_GRACE'] = '1'
  // Neither the keys nor the known hosts of who runs the tests.
  process.env['HOME'] = directory
  delete process.env['SSH_AUTH_SOCK']
  return {
    server,
    home,
    sharedFolder,
    directory,
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Settings of a `.compute` file for that machine, by its key. */
export function configFor({ server }: RemoteMachine, port = server.port) {
  return {
    address: `127.0.0.1:${port}`,
    username: server.user,
    privateKey: server.key.file,
    pythonLocation: '/usr/bin/python3',
    sparkSubmitLocation: 'spark-submit',
    userManagedEnvironment: true,
  }
}

/** The same context with a user who trusts the machine. */
export function trusting<Context extends TargetContext<RemoteConfig>>(context: Context): Context {
  return { ...context, ask: async ({ kind }: { readonly kind: string }) => (kind === 'confirm' ? 'yes' : '') }
}

export function remoteSuite(machine: RemoteMachine): TargetSuite<RemoteConfig> {
  const config = { ...configFor(machine) }
  return {
    name: 'remote',
    definition,
    module: new URL('../src/target.ts', import.meta.url),
    heavy: ['./implementation.ts', '@errand/process-engine', '@errand/agent', '@errand/conda', 'ssh2'],
    config,
    badConfigs: [
      { config: { username: 'ann' }, path: ['address'] },
      { config: { address: 'gpu' }, path: ['username'] },
      { config: { ...config, address: '' }, path: ['address'] },
      { config: { ...config, pythonLocation: 3 }, path: ['pythonLocation'] },
      { config: { ...config, environmentProvider: 'poetry' }, path: ['environmentProvider'] },
    ],
    secrets: { password: machine.server.password },
    grace: 1,
    report: process.env['ERRAND_CONFORMANCE'],
    sharedFolder: machine.sharedFolder,
    unknownReference: { externalId: 'nowhere:1', data: { run: 'never-was' } },
    filesAtPlace: async () => [...filesBelow(machine.home), ...commandLines()],
    open: (context) => createTarget(trusting(context)),
  }
}

function filesBelow(folder: string): FileAtPlace[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((path) => readIfThere(path))
}

/** Every user of a machine can read these. */
function commandLines(): FileAtPlace[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readIfThere(`/proc/${pid}/cmdline`))
}

function readIfThere(path: string): FileAtPlace[] {
  try {
    return [{ path, content: readFileSync(path) }]
  } catch {
    return []
  }
}
