import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunEvent, RunReference, TargetContext } from '@errand/core'
import { openLivyClient } from '@errand/livy'
import { createTestContext } from '@errand/testkit'
import { livyProblem, startGateway, startYarn } from '@errand/testkit/servers'
import { afterAll, describe, expect, it } from 'vitest'
import { type Cluster, openCluster } from '../src/cluster.ts'
import { type Claim, storedRun } from '../src/stored-run.ts'
import { findRun, submitRun } from '../src/submit.ts'
import type { ClusterConfig } from '../src/target.ts'
import { type ClusterClient, clusterConfig, follow, openClient, options } from './cluster-client.ts'

const problem = livyProblem()
// A slow machine takes its time to show an application.
const yarn = problem === undefined ? await startYarn({ livyLines: ['livy.server.yarn.app-lookup-timeout = 900s'] }) : undefined
afterAll(() => yarn?.stop())

const waiting = `
import os, sys, time
print('started', flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.2)
print('went on')
`

describe.skipIf(problem)(`a Livy without names${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (yarn === undefined) return
  process.env['ERRAND_CANCEL_GRACE'] = '2'
  /** Nobody can ask YARN. */
  const roadless: Partial<ClusterConfig> = { webhdfsUrl: yarn.webHdfsUrl, yarnUrl: 'http://127.0.0.1:9' }
  const started = (event: RunEvent) => event.type === 'log' && event.stream === 'stdout'
  const run = async (client: ClusterClient, script: string, words: readonly string[] = []) => {
    const request = await client.request({ 'main.py': script }, { arguments: words })
    return { request, reference: await client.submit(request) }
  }
  const applicationsOf = async (runId: string): Promise<readonly string[]> => {
    const answer = await fetch(`${yarn.yarnUrl}/ws/v1/cluster/apps?applicationTags=errand-${runId}`)
    const { apps } = (await answer.json()) as { apps: { app?: { id: string }[] } | null }
    return (apps?.app ?? []).map(({ id }) => id)
  }
  const processesOf = (runId: string): readonly number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => commandOf(pid).includes(runId))
      .map(Number)

  it('ten answers lost after Livy acted: ten runs asked, ten applications, ten drivers', async () => {
    await using way = await startGateway({ livy: yarn.livy.url, webhdfs: yarn.webHdfsUrl.replace(/\/v1$/, ''), yarnui: yarn.yarnUrl })
    const authority = join(yarn.directory, 'gateway.pem')
    writeFileSync(authority, way.certificate)
    const config: Partial<ClusterConfig> = {
      livyUrl: `${way.url}/livy`,
      webhdfsUrl: `${way.url}/webhdfs/v1`,
      certificateAuthority: authority,
    }
    const secrets = { clusterPassword: way.password }
    await using client = openClient(config, secrets)
    const context: TargetContext<ClusterConfig> = createTestContext({
      config: { ...clusterConfig, ...config },
      directory: client.directory,
      type: 'cluster',
      project: { name: 'cluster-test', id: 'cluster-test' },
      secrets,
    })
    const { username, password, certificate } = way
    await using named = await openCluster(context, undefined, options)
    await using livy = openLivyClient({
      url: `${way.url}/livy`,
      certificateAuthority: certificate,
      authentication: { kind: 'basic', username, password },
      names: false,
    })
    const nameless: Cluster = { ...named, livy }
    const asked: string[] = []
    const references: RunReference[] = []
    for (const how of ['cut', 502, 504, 'cut', 502, 504, 'cut', 502, 504, 'cut'] as const) {
      const request = await client.request({ 'main.py': "print('once')" })
      asked.push(request.runId)
      way.spoil(1, /^POST \/livy\/batches/, how)
      const reference = await submitRun(context, nameless, { request, environment: undefined }, options)
      expect(await findRun(storedRun(nameless, request.runId), 'cluster-test', options)).toEqual(reference)
      expect(reference.externalId).toMatch(/^Livy batch \d+ at /)
      references.push(reference)
    }
    for (const reference of references)
      expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'once\n' })
    expect(way.requests.filter((line) => line.startsWith('POST /livy/batches'))).toHaveLength(10)
    expect(new Set(references.map(({ externalId }) => externalId)).size).toBe(10)
    for (const id of asked) {
      const applications = await applicationsOf(id)
      expect(applications).toHaveLength(1)
      const claim = await storedRun(named, id).read<Claim>('claim', options)
      expect(claim?.container?.replace(/^container_(?:e\d+_)?(\d+_\d+)_.*$/, 'application_$1')).toBe(applications[0])
    }
  }, 3_000_000)

  it('begins to count anew, and YARN can not be asked: a run that goes on is followed to its end, beside another with its number', async () => {
    const old = await yarn.startLivy('old')
    await using client = openClient({ ...roadless, livyUrl: old.url })
    const flag = join(client.directory, 'flag')
    const first = await run(client, waiting, [flag])
    await follow(client.target, first.reference, { last: started })
    await old.restart()
    const second = await run(client, waiting, [`${flag}-never`])
    expect(second.reference.externalId).toBe(first.reference.externalId)
    await follow(client.target, second.reference, { last: started })
    writeFileSync(flag, '')
    expect(await follow(client.target, first.reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'started\nwent on\n' })
    await using other = await client.target.attach(second.reference, options)
    expect(await other.status(options)).toMatchObject({ state: 'running' })
    await old.restart()
    expect(await other.status(options)).toMatchObject({ state: 'running' })
    for (const pid of processesOf(second.request.runId)) process.kill(pid, 'SIGKILL')
    const { status } = await follow(client.target, second.reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'machine', reason: expect.stringContaining('gone without a word') })
    expect(processesOf(second.request.runId)).toEqual([])
  }, 1_200_000)

  it.each([
    ['after somebody has looked', true],
    ['before anybody has looked', false],
  ])(
    'begins to count anew while a run is in a queue, %s: it is queued until its driver comes',
    async (_when, isSeen) => {
      const old = await yarn.startLivy('old')
      await using client = openClient({ ...roadless, livyUrl: old.url, driverMemory: '3g' })
      const flag = join(client.directory, 'flag')
      const first = await run(client, waiting, [flag])
      await follow(client.target, first.reference, { last: started })
      const second = await run(client, "print('at last')")
      await using handle = await client.target.attach(second.reference, options)
      await expect.poll(() => applicationsOf(second.request.runId), { timeout: 600_000, interval: 1000 }).toHaveLength(1)
      if (isSeen)
        await expect
          .poll(() => handle.status(options), { timeout: 600_000, interval: 1000 })
          .toMatchObject({ state: 'queued', detail: expect.stringMatching(/^application_\w+ waits/) as string })
      await old.restart()
      await using livy = openLivyClient({ url: old.url, names: false })
      for (const number of [0, 1]) {
        const { batch } = await livy.create({ file: '/no/such/script.py' }, options)
        expect(batch.id).toBe(number)
        await expect
          .poll(async () => (await livy.log(number, {}, options))?.log?.join('\n'), { timeout: 240_000 })
          .toContain('/no/such/script.py')
      }
      expect(await handle.status(options)).toMatchObject({
        state: 'queued',
        detail: expect.stringMatching(/^it has not started yet\. Livy does not know the run, and YARN can't be asked/) as string,
      })
      writeFileSync(flag, '')
      expect(await follow(client.target, second.reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'at last\n' })
    },
    1_200_000,
  )

  it('spark-submit dies before it has read a setting: the run has failed with its words, whoever gets its number later', async () => {
    const old = await yarn.startLivy('old', ['livy.server.yarn.app-lookup-timeout = 60s'])
    await using livy = openLivyClient({ url: old.url, names: false })
    await using client = openClient({ ...roadless, livyUrl: old.url })
    const other = { file: '/no/such/script.py', conf: { 'spark.driver.extraJavaOptions': '-Xmx2g' } }
    expect((await livy.create(other, options)).batch.id).toBe(0)
    const spark = { configuration: { 'spark.driver.extraJavaOptions': '-Xmx1g' }, repositories: [], packages: [] }
    const request = await client.request({ 'main.py': "print('never')" }, { spark })
    const reference = await client.submit(request)
    expect(reference.externalId).toMatch(/^Livy batch 1 at /)
    await old.restart()
    for (const number of [0, 1]) expect((await livy.create(other, options)).batch.id).toBe(number)
    const { status, stdout } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'start', reason: expect.stringContaining('(was -Xmx1g)') as string })
    expect(status).not.toMatchObject({ reason: expect.stringContaining('-Xmx2g') as string })
    expect(stdout).toBe('')
  }, 1_200_000)
})

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
