import { chmodSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Environment, EnvironmentLock, Leftover, Prepared, RunRequest } from '@errand/core'
import { openWebHdfsClient } from '@errand/livy'
import {
  livyProblem,
  machinePythons,
  makeCondaChannel,
  sshdProblem,
  startFaultyProxy,
  startGateway,
  startSshd,
  startYarn,
} from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClusterConfig } from '../src/target.ts'
import { type ClusterClient, follow, openClient, options } from './cluster-client.ts'

const problem = livyProblem() ?? sshdProblem()
const folder = mkdtempSync(join(tmpdir(), 'errand-cluster-environment-'))
chmodSync(folder, 0o777)
const yarn = problem === undefined ? await startYarn({ livyLines: ['livy.impersonation.enabled = true'] }) : undefined
const headNode = yarn && (await startSshd({ lines: [`SetEnv ERRAND_HOME=${folder}/errand HOME=${folder}`] }))
const gateway = yarn && (await startGateway({ livy: yarn.livy.url, webhdfs: yarn.webHdfsUrl.replace(/\/v1$/, ''), yarnui: yarn.yarnUrl }))
const proxy = headNode && (await startFaultyProxy(headNode.port))
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await headNode?.stop()
  await yarn?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const script = `
import os, subprocess, sys
import greeter, six
from markupsafe import _speedups
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
def there(_):
    import greeter, six
    from markupsafe import _speedups
    return greeter.__version__, six.__version__, os.path.basename(sys.prefix), os.environ['COLOUR'], os.environ['SIZE']
print('driver', greeter.__version__, six.__version__, os.path.basename(sys.prefix), os.environ['COLOUR'], os.environ['SIZE'])
print('executor', session.sparkContext.parallelize([1]).map(there).collect())
session.udf.register('versions', lambda text: text + greeter.__version__)
print('function', session.sql("select versions('of ')").collect()[0][0])
print('command', subprocess.check_output(['greeter']).decode().strip())
print('activated', open(os.environ['ACTIVATOR_DATA'] + '/data.txt').read().strip(), os.environ['ACTIVATOR_PLAIN'])
print('folder', os.environ['CONDA_PREFIX'] == sys.prefix == os.environ['AZUREML_CONDA_ENVIRONMENT_PATH'])
`

describe.skipIf(problem)(`an environment on a real cluster${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (yarn === undefined || headNode === undefined || proxy === undefined || gateway === undefined) return
  const { python, folder: channel } = makeCondaChannel(join(folder, 'channel'), machinePythons())
  const overSsh: Partial<ClusterConfig> = {
    address: `127.0.0.1:${proxy.port}`,
    username: headNode.user,
    privateKey: headNode.key.file,
    livyPort: yarn.livy.port,
    webhdfsUrl: yarn.webHdfsUrl,
    proxyUser: headNode.user,
    userManagedEnvironment: false,
  }
  const { address: _address, privateKey: _key, ...services } = overSsh
  const direct: Partial<ClusterConfig> = { ...services, livyUrl: yarn.livy.url }
  const environment = (
    pip: readonly string[],
    lock?: EnvironmentLock,
    changes: Readonly<Record<string, readonly string[]>> = {},
  ): Environment => ({
    kind: 'conda',
    file: 'aml_config/conda_dependencies.yml',
    text: '',
    localFiles: [],
    canonical: {
      channels: [`file://${channel}`],
      conda: [`python=${python}`, 'greeter', 'activator'],
      pip,
      pipOptions: [],
      variables: { COLOUR: 'blue', SIZE: 'of the file' },
      ...changes,
    },
    ...(lock === undefined ? {} : { lock }),
  })
  const printed = [
    'driver 2.0.0 1.16.0 environment blue of the run',
    "executor [('2.0.0', '1.16.0', 'environment', 'blue', 'of the run')]",
    'function of 2.0.0',
    `command greeter 2.0.0 on ${python}`,
    'activated data from a file',
    'folder True',
    '',
  ].join('\n')
  const wanted = environment(['six==1.16.0', 'MarkupSafe'])
  const requestOf = (client: ClusterClient, changes: Partial<RunRequest> = {}) =>
    client.request({ 'main.py': script }, { environment: wanted, variables: { SIZE: 'of the run' }, ...changes })
  const reporting = () => {
    const messages: string[] = []
    return { ...options, messages, report: ({ message }: { readonly message: string }) => messages.push(message) }
  }

  beforeAll(async () => {
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    await hdfs.makeDirectory(`/user/${headNode.user}`, { ...options, permission: '777' })
  })

  it('is made on the head node, packed, and used by the driver and the executors', { timeout: 900_000 }, async () => {
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    // What an earlier try of this test has stored.
    await hdfs.delete(`/user/${headNode.user}/.errand/environments`, options)
    await using client = openClient(overSsh)
    const findings: string[] = []
    for await (const { name, outcome, detail } of client.target.check(options)) findings.push(`${name} ${outcome}: ${detail}`)
    expect(findings).toContain(`environments ok: environments are made on ${headNode.user}@127.0.0.1:${proxy.port}, in ${folder}/errand`)
    const request = await requestOf(client)
    await expect(client.target.prepare(request, { ...options, build: false })).rejects.toMatchObject({ code: 'ENVIRONMENT_NOT_PREPARED' })
    const before = await client.target.plan(request, options)
    expect(before.environment).toMatchObject({ ready: false, changed: [] })
    expect(before.steps.join('\n')).toMatch(
      /^make the environment on .*\n(.*\n)+pack it and send it to .*environment-LOCK\.tar\.gz\n(.*\n)*Livy at/,
    )
    const prepared = await client.target.prepare(request, { ...options, build: true })
    expect(prepared.lock?.provider).toMatch(/^(rattler|micromamba|mamba|conda) /)
    expect(prepared.lock?.packages.map(({ name }) => name.toLowerCase())).toEqual(expect.arrayContaining(['greeter', 'markupsafe', 'six']))
    const reference = await client.target.submit(request, prepared, options)
    const { stdout, stderr, status } = await follow(client.target, reference)
    expect(status, stderr).toMatchObject({ state: 'completed' })
    expect(stdout).toBe(printed)
  })

  it('is there for everybody who reaches the storage: nothing is made or sent a second time, nor is the head node asked', async () => {
    writeFileSync(join(yarn.directory, 'gateway.pem'), gateway.certificate)
    const certificateAuthority = join(yarn.directory, 'gateway.pem')
    const roads = { livyUrl: `${gateway.url}/livy`, webhdfsUrl: `${gateway.url}/webhdfs/v1`, certificateAuthority }
    await using client = openClient({ ...services, ...roads }, { clusterPassword: gateway.password })
    const request = await requestOf(client)
    const first = await client.target.prepare(request, { ...options, build: false })
    expect(await client.target.plan(request, options)).toMatchObject({
      environment: { key: first.environmentKey, ready: true, changed: [] },
    })
    const locked = { ...request, environment: environment(['six==1.16.0', 'MarkupSafe'], first.lock) }
    expect(await client.target.prepare(locked, { ...options, build: true })).toEqual(first)
    const again = reporting()
    const before = gateway.received
    const reference = await client.target.submit(request, await client.target.prepare(request, { ...again, build: true }), again)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' } })
    expect(gateway.received - before).toBeLessThan(100_000)
    expect(again.messages).toEqual(['submitting to Livy'])
    const other = { ...request, environment: environment(['six==1.17.0']) }
    expect((await client.target.plan(other, options).catch((error: unknown) => error)) as Error).toMatchObject({
      code: 'ENVIRONMENT_BUILDER_MISSING',
      hint: expect.stringMatching(/address and username.*environmentBuilder: local/) as string,
    })
    await expect(client.target.prepare(other, { ...options, build: false })).rejects.toMatchObject({
      code: 'ENVIRONMENT_NOT_PREPARED',
      message: expect.stringContaining('pip: markupsafe') as string,
    })
  })

  it('is listed with its size and last use, and goes; what the head node made it of goes by itself', async () => {
    await using client = openClient(overSsh)
    const request = await requestOf(client)
    // An earlier try of this test may have removed it.
    const { environmentKey: key } = await client.target.prepare(request, { ...options, build: true })
    const list = async (): Promise<readonly Leftover[]> => {
      const all: Leftover[] = []
      for await (const leftover of client.target.leftovers(options)) all.push(leftover)
      return all
    }
    const found = await list()
    const stored = found.find(({ id }) => id === `environment:${key}`)
    expect(stored).toMatchObject({ kind: 'environment', inUse: false })
    expect(stored?.bytes).toBeGreaterThan(3_000_000)
    expect(Date.now() - Date.parse(stored?.lastUsed ?? '')).toBeLessThan(3_600_000)
    const made = found.filter(({ id }) => /^(made|tool|files):/.test(id))
    expect(made.map(({ id }) => id.split(':')[0])).toEqual(expect.arrayContaining(['made', 'tool']))
    await client.target.removeLeftover(`environment:${key}`, options)
    await expect(client.target.prepare(request, { ...options, build: false })).rejects.toMatchObject({ code: 'ENVIRONMENT_NOT_PREPARED' })
    const again = reporting()
    const { toServer, toClient } = { ...proxy.bytes }
    await client.target.prepare(request, { ...again, build: true })
    // The head node sends it by itself.
    expect(proxy.bytes.toServer - toServer + proxy.bytes.toClient - toClient).toBeLessThan(500_000)
    expect(again.messages.filter((message, index) => again.messages.indexOf(message) === index)).toEqual([
      'packing the environment and sending it to the storage',
    ])
    for (const { id } of made) await client.target.removeLeftover(id, options)
    expect((await list()).filter(({ id }) => id.startsWith('made:') || id.startsWith('tool:'))).toEqual([])
    expect((await client.target.prepare(request, { ...options, build: false })).environmentKey).toBe(key)
  })

  describe('in a channel that changes', () => {
    /** Three environments one after the other. */
    const long = { timeout: 900_000 }
    const changing = join(folder, 'changing')
    const repository = join(changing, 'noarch', 'repodata.json')
    const version = 'import greeter\nprint(greeter.__version__)'
    const greeting = (lock?: EnvironmentLock) =>
      environment([], lock, { channels: [`file://${changing}`], conda: [`python=${python}`, 'greeter'] })
    const inStorage = (name: string): Partial<ClusterConfig> => ({ ...overSsh, storageDirectory: `/user/${headNode.user}/${name}` })
    const here = (name: string): Partial<ClusterConfig> => ({
      ...direct,
      storageDirectory: `/user/${headNode.user}/${name}`,
      environmentBuilder: 'local',
    })
    const greeterOf = ({ lock }: Prepared) => lock?.packages.find(({ name }) => name === 'greeter')?.version
    let [older, newer] = ['', '']

    beforeAll(() => {
      cpSync(channel, changing, { recursive: true })
      newer = readFileSync(repository, 'utf8')
      const { packages, ...rest } = JSON.parse(newer) as { packages: Readonly<Record<string, { name: string; version: string }>> }
      const kept = Object.entries(packages).filter(([, item]) => item.name !== 'greeter' || item.version === '1.0.0')
      older = JSON.stringify({ ...rest, packages: Object.fromEntries(kept) })
      process.env['ERRAND_HOME'] = join(folder, 'changing-here')
    })
    afterAll(() => {
      delete process.env['ERRAND_HOME']
    })

    it('is, with the lock of a run, made again of the packages that the run had', long, async () => {
      writeFileSync(repository, older)
      await using first = openClient(inStorage(`locked-${Date.now()}`))
      const forget = async () => {
        for await (const { id } of first.target.leftovers(options))
          if (/^(environment|made):/.test(id)) await first.target.removeLeftover(id, options)
      }
      // What an earlier try of this test has made.
      await forget()
      const request = await first.request({ 'main.py': version }, { environment: greeting(), framework: 'python' })
      const before = await first.target.prepare(request, { ...options, build: true })
      expect(greeterOf(before)).toBe('1.0.0')
      writeFileSync(repository, newer)
      // Nothing of it is left, neither in the storage nor on the head node.
      await forget()
      const after = await first.target.prepare(request, { ...options, build: true })
      expect(greeterOf(after)).toBe('2.0.0')
      const locked = { ...request, environment: greeting(before.lock) }
      const again = await first.target.prepare(locked, { ...options, build: true })
      expect(again.lock?.packages).toEqual(before.lock?.packages)
      expect(again.environmentKey).not.toBe(after.environmentKey)
      const reference = await first.target.submit(locked, again, options)
      const { stdout, stderr, status } = await follow(first.target, reference)
      expect(status, stderr).toMatchObject({ state: 'completed' })
      expect(stdout).toBe('1.0.0\n')
    })

    it('is the one of the first, with its lock, when two make it at once of what the channel had then and has now', long, async () => {
      const attempt = Date.now()
      writeFileSync(repository, older)
      await using early = openClient(here(`early-${attempt}`))
      const request = await early.request({ 'main.py': version }, { environment: greeting(), framework: 'python' })
      expect(greeterOf(await early.target.prepare(request, { ...options, build: true }))).toBe('1.0.0')
      writeFileSync(repository, newer)
      await using late = openClient(inStorage(`late-${attempt}`))
      expect(greeterOf(await late.target.prepare(request, { ...options, build: true }))).toBe('2.0.0')
      // What each has made it has kept: now both only pack and send.
      await using near = openClient(here(`both-${attempt}`))
      await using there = openClient(inStorage(`both-${attempt}`))
      const [mine, theirs] = await Promise.all([near, there].map(({ target }) => target.prepare(request, { ...options, build: true })))
      expect(mine).toEqual(theirs)
      await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: headNode.user })
      const kept = await hdfs.list(`/user/${headNode.user}/both-${attempt}/environments/${mine?.environmentKey}`, options)
      expect(kept?.filter(({ name }) => name.endsWith('.tar.gz'))).toHaveLength(1)
      const used = await there.request({ 'main.py': version }, { environment: greeting(), framework: 'python' })
      const reference = await there.target.submit(used, mine as Prepared, options)
      const { stdout, stderr, status } = await follow(there.target, reference)
      expect(status, stderr).toMatchObject({ state: 'completed' })
      expect(stdout).toBe(`${greeterOf(mine as Prepared)}\n`)
    })
  })

  it('can be made on this machine', async () => {
    process.env['ERRAND_HOME'] = join(folder, 'local')
    await using client = openClient({ ...direct, environmentBuilder: 'local' })
    const request = await requestOf(client, { environment: environment([]) })
    const { lock } = await client.target.prepare(request, { ...options, build: true })
    delete process.env['ERRAND_HOME']
    expect(lock?.packages.map(({ name }) => name)).toContain('greeter')
  })

  it.each([
    ['in local mode', 'local'],
    ['with executors in YARN', 'client'],
  ] as const)('is brought by a driver on the machine of Livy, %s, which leaves nothing there', async (_mode, kind) => {
    await using maker = openClient(overSsh)
    await maker.target.prepare(await requestOf(maker), { ...options, build: true })
    await using livy = await yarn.startLivy(kind)
    await using client = openClient({ ...direct, livyUrl: livy.url, yarnDeployMode: 'client' })
    const request = await requestOf(client)
    const prepared = await client.target.prepare(request, { ...options, build: false })
    const { stdout, stderr, status } = await follow(client.target, await client.target.submit(request, prepared, options))
    expect(status, stderr).toMatchObject({ state: 'completed' })
    expect(stdout).toBe(printed)
    await expect.poll(() => readdirSync(tmpdir()).filter((name) => name.includes(request.runId)), { timeout: 120_000 }).toEqual([])
  })

  it('is not made of a requirements file, which names no Python', async () => {
    await using client = openClient(direct)
    const request = await requestOf(client, {
      environment: { ...environment(['six']), kind: 'requirements', file: 'requirements.txt' } as Environment,
    })
    const refusal = { code: 'ENVIRONMENT_NOT_SUPPORTED', message: expect.stringContaining('requirements.txt') as string }
    const hint = expect.stringContaining('CondaDependenciesFile') as string
    await expect(client.target.prepare(request, { ...options, build: true })).rejects.toMatchObject({ ...refusal, hint })
    await expect(client.target.plan(request, options)).rejects.toMatchObject(refusal)
  })
})
