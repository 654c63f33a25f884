import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Agent, openAgent, runHandle, submitRun } from '../packages/agent/src/index.ts'
import type { RunReference } from '../packages/core/src/index.ts'
import { type SshHost, openSshHost } from '../packages/ssh/src/index.ts'
import { createTestRequest } from '../packages/testkit/src/test-request.ts'
import { objectPath } from '../packages/testkit/src/project-files.ts'
import { type FaultyProxy, type Sshd, sshdProblem, startFaultyProxy, startSshd } from '../packages/testkit/src/servers/index.ts'

const problem = sshdProblem()
const options = { signal: new AbortController().signal, report() {} }

/** A machine behind a bad network, with the agent on it. */
interface Remote extends AsyncDisposable {
  readonly server: Sshd
  readonly proxy: FaultyProxy
  readonly host: SshHost
  readonly agent: Agent
  submit(script: string, files?: Readonly<Record<string, string>>, runId?: string): Promise<RunReference>
}

async function openRemote(): Promise<Remote> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-ssh-runs-'))
  const server = await startSshd()
  const proxy = await startFaultyProxy(server.port)
  const host = await openSshHost({
    destination: { address: `127.0.0.1:${proxy.port}`, username: server.user, keyFiles: [server.key.file] },
    stateDirectory: folder,
    secret: async () => undefined,
    ask: async () => 'no',
    log: { debug() {}, info() {}, warn() {} },
    acceptHostKey: server.hostKeys[0]?.fingerprint ?? '',
    signal: options.signal,
    environment: { HOME: folder },
    configFile: join(folder, 'ssh_config'),
    knownHostsFiles: [],
  })
  const home = `${host.home}/errand-test-${randomUUID()}`
  const agent = await openAgent({ host, pythons: ['python3'], home, signal: options.signal })
  return {
    server,
    proxy,
    host,
    agent,
    async submit(script, files = {}, runId = `run-${randomUUID()}`) {
      const request = await createTestRequest({ directory: folder, files: { 'main.py': script, ...files } }, { runId })
      const openObject = (digest: string) => createReadStream(objectPath(join(folder, 'objects'), digest))
      return submitRun(agent, request, { python: agent.hello.python.executable }, { openObject }, {}, options)
    },
    async [Symbol.asyncDispose]() {
      proxy.accept()
      // The last cut may be noticed by this call alone.
      const clean = () => host.run(['rm', '-rf', home], options)
      await clean().catch(clean)
      await agent[Symbol.asyncDispose]()
      await host[Symbol.asyncDispose]()
      await proxy[Symbol.asyncDispose]()
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

async function outputOf(
  agent: Agent,
  reference: RunReference,
  each: (bytes: number) => void = () => {},
): Promise<{ text: string; state: string }> {
  const chunks: Buffer[] = []
  let size = 0
  let state = ''
  for await (const event of runHandle(agent, reference).events(options)) {
    if (event.type === 'status') state = event.status.state
    if (event.type !== 'log' || event.stream !== 'stdout') continue
    chunks.push(Buffer.from(event.data))
    each((size += event.data.length))
  }
  return { text: Buffer.concat(chunks).toString(), state }
}

describe.skipIf(problem)(`runs behind a bad network${problem ? ` (${problem})` : ''}`, () => {
  it('starts a run once, wherever its submit is cut', async () => {
    await using remote = await openRemote()
    const big = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`data/${index}.txt`, `${index} `.repeat(50_000)]))
    const started: string[] = []
    for (let cut = 0; cut < 10; cut++) {
      const runId = `cut-${cut}-${randomUUID()}`
      const files = { ...big, 'number.txt': String(cut), [`new-${cut}.txt`]: `${cut} `.repeat(100_000) }
      const script =
        'import os\nn = open("number.txt").read()\nprint(n, len(os.listdir("data")))\nopen("outputs/n", "w").write(n * 3000000)\n'
      const submitting = remote.submit(script, files, runId)
      const timer = setTimeout(() => remote.proxy.cut(), cut * 25)
      const reference = await submitting
      clearTimeout(timer)
      expect(await remote.submit('print("never")\n', files, runId)).toEqual(reference)
      const { text, state } = await outputOf(remote.agent, reference)
      started.push(`${text.trim()} ${state}`)
      expect(started.at(-1)).toBe(`${cut} 20 completed`)
      const collected = join(tmpdir(), `errand-collected-${randomUUID()}`)
      const second = setTimeout(() => remote.proxy.cut(), cut * 5)
      await runHandle(remote.agent, reference).collect(collected, { ...options, include: ['outputs/**'] })
      clearTimeout(second)
      expect(readFileSync(join(collected, 'outputs', 'n'), 'utf8')).toBe(String(cut).repeat(3_000_000))
      rmSync(collected, { recursive: true })
    }
    expect(started).toEqual(Array.from({ length: 10 }, (_, cut) => `${cut} 20 completed`))
  })

  it('shows 100,000 lines as they are, with the connection cut on the way', async () => {
    await using remote = await openRemote()
    const script = 'import time\nfor n in range(100000):\n    print("line %06d" % n)\n    if n % 10000 == 0:\n        time.sleep(0.05)\n'
    const reference = await remote.submit(script)
    const cuts = [100, 200_000, 400_000, 800_000, 1_100_000]
    let done = 0
    const { text, state } = await outputOf(remote.agent, reference, (bytes) => {
      while (bytes > (cuts[0] ?? Infinity)) {
        cuts.shift()
        done++
        remote.proxy.cut()
      }
    })
    expect(done).toBe(5)
    expect(state).toBe('completed')
    expect(text).toBe(Array.from({ length: 100_000 }, (_, line) => `line ${String(line).padStart(6, '0')}\n`).join(''))
  })
})
