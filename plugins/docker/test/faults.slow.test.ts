import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DockerEngine, dockerProblem, sharedDockerEngine } from '@errand/testkit/servers'
import { beforeAll, describe, expect, it } from 'vitest'
import { followIn, openClient, options, untilItPrints } from './docker-client.ts'

const problem = dockerProblem()
const patient = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"

async function isRunning(engine: DockerEngine, name: string): Promise<boolean> {
  const { State } = await engine.api<{ readonly State: { readonly Running: boolean } }>('GET', `/containers/${name}/json`)
  return State.Running
}

describe.skipIf(problem !== undefined)(`a run in a container${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  let engine: DockerEngine

  beforeAll(async () => {
    process.env['ERRAND_CANCEL_GRACE'] = '1'
    engine = await sharedDockerEngine()
  })

  const startPatient = async () => {
    const client = await openClient(engine)
    const reference = await client.submit(await client.request({ 'main.py': patient }))
    await using target = client.open()
    await untilItPrints(target, reference)
    return { client, reference, name: reference.externalId, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() }
  }

  it('has the limits, the user and the folders that its settings say', async () => {
    await using client = await openClient(engine)
    const share = join(client.directory, 'share')
    const script = `
import json, os
def read(*paths):
    for path in paths:
        if os.path.exists(path):
            with open(path) as file:
                return file.read().strip()
shm = os.statvfs('/dev/shm')
share = os.environ['AZUREML_NATIVE_SHARE_DIRECTORY']
with open(share + 'from-the-run', 'w') as file:
    file.write('x')
with open('/sys/class/net/lo/operstate') as file:
    networks = os.listdir('/sys/class/net')
print(json.dumps({
    'shm': shm.f_blocks * shm.f_frsize, 'share': share, 'networks': networks, 'cwd': os.getcwd(),
    'memory': read('/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max'),
    'hostname': os.uname().nodename,
}))
`
    const request = await client.request({ 'main.py': script }, { options: { shmSize: '64m', containerOptions: ['--hostname=box'] } })
    const changes = { memory: '256m', cpus: 0.5, network: 'none', sharedVolumes: true, nativeSharedDirectory: share }
    const { status, stdout } = await client.follow(await client.submit(request, changes))
    expect(status).toMatchObject({ state: 'completed' })
    expect(JSON.parse(stdout)).toEqual({
      shm: 64 * 1024 ** 2,
      share: '/azureml-share/faults/',
      networks: ['lo'],
      cwd: `/errand/runs/${request.runId}/work`,
      memory: String(256 * 1024 ** 2),
      hostname: 'box',
    })
    expect(existsSync(join(share, 'faults/from-the-run'))).toBe(true)
  })

  it('runs as the user that its settings name, twice, and its files come back', async () => {
    await using client = await openClient(engine)
    for (const changes of [{ user: '1234:1234' }, { containerOptions: ['--user', '1234:1234'] }]) {
      const script =
        "import getpass, os\nopen('outputs/made', 'w').write('x')\nprint(os.getuid(), os.getgid(), getpass.getuser(), os.path.expanduser('~'))\n"
      const request = await client.request({ 'main.py': script })
      const reference = await client.submit(request, changes)
      const { status, stdout, control } = await client.follow(reference)
      expect([status.state, stdout], control).toEqual(['completed', '1234 1234 user1234 /tmp\n'])
      await using target = client.open()
      await using handle = await target.attach(reference, options)
      const directory = join(client.directory, request.runId)
      mkdirSync(directory)
      expect(await handle.collect(directory, { ...options, include: ['outputs/**'] })).toEqual(['outputs/made'])
      await handle.remove(options)
    }
  })

  it('runs as users that two images call by one name, each with files of its own', async () => {
    await using client = await openClient(engine, `alice${process.pid}`)
    const base = await engine.image('python')
    for (const number of [1500, 1600]) {
      const name = `alice-${process.pid}`
      await engine.api('POST', `/containers/create?name=${name}-${number}`, {
        Image: base,
        Entrypoint: ['/bin/sh', '-c', `echo alice:x:${number}:${number}::/:/bin/sh >> /etc/passwd`],
      })
      await engine.api('POST', `/containers/${name}-${number}/start`)
      await engine.api('POST', `/containers/${name}-${number}/wait`)
      await engine.api('POST', `/commit?container=${name}-${number}&repo=${name}&tag=${number}`, { User: 'alice' })
      await engine.api('DELETE', `/containers/${name}-${number}`)
      const request = await client.request({ 'main.py': 'import os\nprint(os.getuid())\n' })
      const { status, stdout } = await client.follow(await client.submit(request, { baseDockerImage: `${name}:${number}` }))
      expect([status.state, stdout]).toEqual(['completed', `${number}\n`])
    }
  })

  it('is found and read in the volume that it has, once its container is gone, whatever user its image has', async () => {
    const owner = `bob${process.pid}`
    await using client = await openClient(engine, owner)
    const name = `bob-${process.pid}`
    await engine.api('POST', `/containers/create?name=${name}`, { Image: await engine.image('python'), Entrypoint: ['/bin/true'] })
    await engine.api('POST', `/commit?container=${name}&repo=${name}&tag=1`, { User: '1700' })
    await engine.api('DELETE', `/containers/${name}`)
    const script = "import time\nprint('ready', flush=True)\ntime.sleep(600)\n"
    const runs = []
    for (const user of [{}, { user: 'root' }, { user: '1234' }]) {
      const request = await client.request({ 'main.py': script })
      const changes = { baseDockerImage: `${name}:1`, ...user }
      await using target = client.open(changes)
      const prepared = await target.prepare(request, { ...options, build: true })
      const reference = await target.submit(request, prepared, options)
      await untilItPrints(target, reference)
      await engine.api('DELETE', `/containers/${reference.externalId}?force=true`)
      runs.push({ request, prepared, reference })
    }
    await using target = client.open({ baseDockerImage: `${name}:1` })
    const volumes = []
    for (const { request, prepared, reference } of runs) {
      // One of them is known already when it is looked for.
      const { status, stdout } = await followIn(target, reference)
      expect([stdout, status]).toMatchObject(['ready\n', { state: 'lost', reason: /removed by somebody else/ }])
      const found = await target.find(request.runId, { ...options, prepared })
      volumes.push((found?.data as { volume?: string } | undefined)?.volume)
    }
    expect(volumes).toEqual([`errand-${owner}-1700`, `errand-${owner}`, `errand-${owner}-1234`])
  })

  it('that needs more memory than it may have ends as out of memory', async () => {
    await using client = await openClient(engine)
    const request = await client.request({ 'main.py': "held = []\nwhile True:\n    held.append(b'x' * 10_000_000)\n" })
    const { status } = await client.follow(await client.submit(request, { memory: '64m' }))
    expect(status).toMatchObject({ state: 'failed', cause: 'out-of-memory' })
  })

  it('that is killed from outside has failed for the machine', async () => {
    await using started = await startPatient()
    const { client, reference, name } = started
    await engine.api('POST', `/containers/${name}/kill`)
    const { status, stdout } = await client.follow(reference)
    expect([stdout, status]).toMatchObject(['ready\n', { state: 'failed', cause: 'machine', reason: /killed from outside/ }])
  })

  it('that is stopped from outside is not cancelled', async () => {
    await using started = await startPatient()
    const { client, reference, name } = started
    await engine.api('POST', `/containers/${name}/stop`)
    const { status } = await client.follow(reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'machine', reason: /stopped from outside/ })
  })

  it('whose container is removed while it is followed is lost, with what it had printed', async () => {
    await using started = await startPatient()
    const { client, reference, name } = started
    await using target = client.open()
    const printed = Promise.withResolvers<void>()
    const following = followIn(target, reference, (bytes) => bytes >= 'ready\n'.length && printed.resolve())
    await printed.promise
    await engine.api('DELETE', `/containers/${name}?force=true`)
    const { status, stdout } = await following
    expect([stdout, status]).toMatchObject(['ready\n', { state: 'lost', reason: /removed by somebody else/ }])
    await using handle = await target.attach(reference, options)
    await handle.remove(options)
    expect((await client.follow(reference)).status.state).toBe('lost')
  })

  it('that is paused can be cancelled', async () => {
    await using started = await startPatient()
    const { client, reference, name } = started
    await engine.api('POST', `/containers/${name}/pause`)
    await using target = client.open()
    await using handle = await target.attach(reference, options)
    expect((await handle.status(options)).state).toBe('running')
    await handle.cancel(options)
    expect((await client.follow(reference)).status.state).toBe('cancelled')
  })

  it('whose container stays is removed all the same', async () => {
    await using client = await openClient(engine)
    const request = await client.request({ 'main.py': "print('done')\n" })
    const reference = await client.submit(request, { keepContainer: true })
    await client.follow(reference)
    await using target = client.open({ keepContainer: true })
    await using handle = await target.attach(reference, options)
    await handle.remove(options)
    expect((await handle.status(options)).state).toBe('lost')
    await target[Symbol.asyncDispose]()
    while (await isRunning(engine, reference.externalId)) await sleep(100)
  })

  it('writes 100 MB, and all of it is read', async () => {
    await using client = await openClient(engine)
    const request = await client.request({ 'main.py': "line = 'x' * 999\nfor number in range(100_000):\n    print(line)\n" })
    const { status, stdout } = await client.follow(await client.submit(request))
    expect([status.state, stdout.length]).toEqual(['completed', 100_000_000])
  })

  it('is one run although its client died between making and starting the container, or before it brought the run', async () => {
    await using client = await openClient(engine)
    const image = await engine.image('python')
    const count = join(client.directory, 'count')
    const script = `open(${JSON.stringify(count)}, 'a').write('x')\nprint('ran')\n`
    const changes = { containerOptions: ['-v', `${client.directory}:${client.directory}`] }
    const made = await client.request({ 'main.py': script })
    await engine.api('POST', `/containers/create?name=errand-${made.runId}`, {
      Image: image,
      Entrypoint: ['python3', '-c', 'pass'],
      Labels: { 'errand.project.id': 'faults' },
    })
    const ended = await client.request({ 'main.py': script })
    await engine.api('POST', `/containers/create?name=errand-${ended.runId}`, { Image: image, Entrypoint: ['python3', '-c', 'pass'] })
    await engine.api('POST', `/containers/errand-${ended.runId}/start`)
    for (const [index, request] of [ended, made].entries()) {
      const { status, stdout } = await client.follow(await client.submit(request, changes))
      expect([status.state, stdout, readFileSync(count, 'utf8').length]).toEqual(['completed', 'ran\n', index + 1])
    }
  })

  it('is refused with the options of the container that are not understood, and with GPUs that the engine does not have', async () => {
    await using client = await openClient(engine)
    const request = await client.request({ 'main.py': '' })
    await expect(client.submit(request, { containerOptions: ['--publish', '80:80'] })).rejects.toMatchObject({
      code: 'CONTAINER_OPTION_UNKNOWN',
      message: expect.stringContaining('--publish') as string,
    })
    await expect(client.submit(request, { containerOptions: ['-e', 'TOKEN=1'] })).rejects.toMatchObject({
      hint: expect.stringContaining('EnvironmentVariables') as string,
    })
    await expect(client.submit(request, { gpus: 'all' })).rejects.toMatchObject({
      code: 'CONTAINER_REFUSED',
      hint: expect.stringContaining('NVIDIA Container Toolkit') as string,
    })
  })
})
