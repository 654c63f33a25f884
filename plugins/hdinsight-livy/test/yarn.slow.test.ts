import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openWebHdfsClient } from '@errand/livy'
import { livyProblem, sparkParts, sshdProblem, startFaultyProxy, startGateway, startSshd, startYarn } from '@errand/testkit/servers'
import { afterAll, describe, expect, it } from 'vitest'
import { type Cluster, openCluster } from '../src/cluster.ts'
import { openHeadNode } from '../src/head-node.ts'
import { createTarget } from '../src/implementation.ts'
import { removeLeftover } from '../src/leftovers.ts'
import { appearWhole, putEnd, storedRun } from '../src/stored-run.ts'
import { findEnvironment } from '../src/stored-environment.ts'
import { submitRun } from '../src/submit.ts'
import { type ClusterClient, follow, openClient, options } from './cluster-client.ts'

const problem = livyProblem()
const yarn = problem === undefined ? await startYarn({ livyLines: ['livy.impersonation.enabled = true'] }) : undefined
const gateway = yarn && (await startGateway({ livy: yarn.livy.url, webhdfs: yarn.webHdfsUrl.replace(/\/v1$/, ''), yarnui: yarn.yarnUrl }))
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await yarn?.stop()
})

const wordCount = `
import os, sys
from pyspark.sql import SparkSession
from azureml.logging import get_azureml_logger
print('arguments', sys.argv, os.environ['EXTRA'], os.environ['AZUREML_TARGET_TYPE'])
session = SparkSession.builder.getOrCreate()
print('of', session.sparkContext.appName)
words = session.sparkContext.textFile('data/words.txt').flatMap(lambda line: line.split())
counts = dict(words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b).collect())
print('counts', sorted(counts.items()))
print('in an executor', session.sparkContext.parallelize([1]).map(lambda _: os.environ.get('EXTRA')).collect())
get_azureml_logger().log('Words', sum(counts.values()))
session.createDataFrame(list(counts.items()), ['word', 'count']).write.csv('outputs/table')
with open('outputs/counts.txt', 'w') as file:
    file.write(str(sorted(counts.items())))
`

const writeTo = (storage: Cluster['storage'], path: string, chunks: () => Iterable<Buffer>) =>
  storage.write(path, () => Readable.from(chunks(), { objectMode: false }), { ...options, overwrite: true })

const nowhere = 'http://127.0.0.1:9'

/** What a check of such a cluster says of each hop. */
async function checked(changes: Parameters<typeof openClient>[0]): Promise<readonly string[]> {
  await using client = openClient(changes)
  const findings: string[] = []
  for await (const { name, outcome } of client.target.check(options)) findings.push(`${name} ${outcome}`)
  return findings
}

const stubborn = `
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('started', flush=True)
while True:
    time.sleep(1)
`

const writing = `
import signal, time
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
session.createDataFrame([('a', 1)], ['word', 'count']).coalesce(1).write.csv('outputs/table')
with open('outputs/model.txt', 'w') as file:
    file.write('as good as it gets')
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('written', flush=True)
while True:
    time.sleep(1)
`

const executors = `
import io, os, signal, sys
from pyspark.sql import SparkSession

def logged(_):
    from azureml.logging import get_azureml_logger
    sys.stderr = io.StringIO()
    for value in range(3):
        get_azureml_logger().log('Inside', value)
    return sys.stderr.getvalue()

def killed_once(number):
    from pyspark import TaskContext
    if number == 0 and TaskContext.get().attemptNumber() == 0:
        # A worker of Python, the daemon that made it, the executor's JVM.
        with open('/proc/%d/stat' % os.getppid()) as file:
            os.kill(int(file.read().rsplit(')', 1)[1].split()[1]), signal.SIGKILL)
    return number

context = SparkSession.builder.getOrCreate().sparkContext
print(context.parallelize([0], 1).map(logged).collect())
print(context.parallelize(range(10), 2).map(killed_once).sum())
`

describe.skipIf(problem)(`a real Livy with YARN and HDFS${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (yarn === undefined || gateway === undefined) return
  process.env['ERRAND_CANCEL_GRACE'] = '2'
  /** For what waits for several things one after the other. */
  const long = { timeout: 900_000 }
  const direct = () => openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl })
  const certificate = join(yarn.directory, 'gateway.pem')

  const run = async (client: ClusterClient, script: string) => {
    const request = await client.request({ 'main.py': script })
    return { request, reference: await client.submit(request) }
  }
  const applicationsOf = async (
    runId: string,
  ): Promise<readonly { readonly id: string; readonly state: string; readonly finalStatus: string }[]> => {
    const answer = await fetch(`${yarn.yarnUrl}/ws/v1/cluster/apps?applicationTags=errand-${runId}`)
    const { apps } = (await answer.json()) as { apps: { app?: { id: string; state: string; finalStatus: string }[] } | null }
    return apps?.app ?? []
  }
  const fill = async (path: string) => {
    const query = `op=SETQUOTA&storagespacequota=1&namespacequota=1000000&user.name=${userInfo().username}`
    expect((await fetch(`${yarn.webHdfsUrl}${path}?${query}`, { method: 'PUT' })).status).toBe(200)
  }
  const processesOf = (runId: string): readonly string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => {
        try {
          const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
          return line.includes(runId) ? [line] : []
        } catch {
          return []
        }
      })

  it('runs an unchanged PySpark script: output, metric, files of the driver and of Spark', async () => {
    await using client = direct()
    const files = { 'main.py': wordCount, 'data/words.txt': 'a b a\nc a b\n', 'Grüße: nicht für Hadoop.txt': 'x' }
    const request = await client.request(files, {
      arguments: ['FULL', 'two words'],
      variables: { EXTRA: 'blue' },
      spark: { configuration: { 'spark.app.name': 'Count of words' }, repositories: [], packages: [] },
    })
    const reference = await client.submit(request)
    const { stdout, status, metrics } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'completed' })
    expect(stdout).toBe(
      "arguments ['main.py', 'FULL', 'two words'] blue cluster\nof Count of words\ncounts [('a', 3), ('b', 2), ('c', 1)]\nin an executor ['blue']\n",
    )
    expect(metrics).toEqual({ Words: 6 })
    await using handle = await client.target.attach(reference, options)
    const paths = await handle.collect(join(client.directory, 'collected'), { ...options, include: ['outputs/**'] })
    expect(paths.filter((path) => !path.startsWith('outputs/table/part-'))).toEqual(['outputs/counts.txt', 'outputs/table/_SUCCESS'])
    expect(readFileSync(join(client.directory, 'collected/outputs/counts.txt'), 'utf8')).toBe("[('a', 3), ('b', 2), ('c', 1)]")
    expect(await client.submit(request)).toEqual(reference)
    expect(await client.target.find(request.runId, options)).toEqual(reference)
    await handle.remove(options)
    expect(await handle.status(options)).toMatchObject({ state: 'lost' })
    expect(await client.target.find(request.runId, options)).toBeUndefined()
    await expect
      .poll(() => applicationsOf(request.runId), { timeout: 240_000 })
      .toMatchObject([{ state: 'FINISHED', finalStatus: 'SUCCEEDED' }])
  })

  it('goes on without an executor that is lost; values logged in executors are refused with one warning each', async () => {
    await using client = direct()
    const { reference } = await run(client, executors)
    const { stdout, stderr, status, metrics } = await follow(client.target, reference)
    expect(status, stderr).toMatchObject({ state: 'completed' })
    expect(stdout).toMatch(/^\['errand: this process is not on the machine of the run[^']*'\]\n45\n$/)
    expect(stdout.match(/errand: /g)).toHaveLength(1)
    expect(metrics).toEqual({})
  })

  it('a script without a Spark context succeeds, for YARN too, and what it wrote comes back, also a large file', async () => {
    await using client = direct()
    const large = "open('outputs/large', 'wb').write(bytes(range(256)) * 150000)"
    const { request, reference } = await run(client, `print('no Spark here')\n${large}`)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'no Spark here\n' })
    await expect
      .poll(() => applicationsOf(request.runId), { timeout: 60_000 })
      .toMatchObject([{ state: 'FINISHED', finalStatus: 'SUCCEEDED' }])
    await using handle = await client.target.attach(reference, options)
    const collected = join(client.directory, 'collected')
    expect(await handle.collect(collected, { ...options, include: ['outputs/**'] })).toEqual(['outputs/large'])
    const bytes = Buffer.alloc(256 * 150_000, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))
    expect(readFileSync(join(collected, 'outputs/large')).equals(bytes)).toBe(true)
  })

  it('a driver knows of a large file how much of it is there, piece by piece', () => {
    const source = join(yarn.directory, 'large')
    writeFileSync(source, Buffer.alloc(9_000_000))
    const program = `
import sys
from pyspark.java_gateway import launch_gateway
from errand_agent.cluster_storage import ClusterStorage
storage, told = ClusterStorage(launch_gateway(), sys.argv[2]), []
storage.upload_in_pieces(sys.argv[1], 'copy', told.append)
print(told, storage.length('copy'))`
    const agent = join(import.meta.dirname, '../../../packages/agent/python')
    const env = { ...process.env, PYTHONPATH: agent, HADOOP_CONF_DIR: yarn.configuration }
    const copied = execFileSync(sparkParts().python, ['-c', program, source, `/pieces-${Date.now()}`], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(copied).toBe('[4194304, 8388608, 9000000] 9000000\n')
  })

  it('shows the traceback of a script that fails, which Livy never shows', async () => {
    await using client = direct()
    const { reference } = await run(client, 'raise ValueError("the third row is broken")')
    const { status, stderr } = await follow(client.target, reference)
    expect(status).toMatchObject({
      state: 'failed',
      cause: 'exit',
      exitCode: 1,
      reason: expect.stringContaining('the third row is broken'),
    })
    expect(stderr).toMatch(/File ".*\/work\/main\.py", line 1/)
    expect(stderr).toContain('ValueError: the third row is broken')
  })

  it('goes through a gateway: one batch for a lost answer, wrong login, untrusted certificate', async () => {
    writeFileSync(certificate, gateway.certificate)
    const through = { livyUrl: `${gateway.url}/livy`, webhdfsUrl: `${gateway.url}/webhdfs/v1`, certificateAuthority: certificate }
    await using client = openClient(through, { clusterPassword: gateway.password })
    const request = await client.request({ 'main.py': "print('through the gateway')" })
    gateway.spoil(1, /^POST \/livy\/batches/, 504)
    const reference = await client.submit(request)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'through the gateway\n' })
    expect(await applicationsOf(request.runId)).toHaveLength(1)
    const before = gateway.received
    await run(client, "print('through the gateway')").then(async ({ reference: second }) => follow(client.target, second))
    expect(gateway.received - before).toBeLessThan(100_000)
    await using stranger = openClient(through, { clusterPassword: 'wrong' })
    await expect(stranger.submit(request)).rejects.toMatchObject({
      code: 'CLUSTER_UNAUTHORIZED',
      hint: expect.stringContaining('clusterPassword'),
    })
    const { certificateAuthority: _certificate, ...untrusting } = through
    await using distrustful = openClient(untrusting, { clusterPassword: gateway.password })
    await expect(distrustful.submit(request)).rejects.toMatchObject({ code: 'CLUSTER_CERTIFICATE_UNTRUSTED' })
    await using roadless = openClient(
      { livyUrl: `${gateway.url}/livy`, certificateAuthority: certificate },
      { clusterPassword: gateway.password },
    )
    await expect(roadless.submit(request)).rejects.toMatchObject({
      code: 'STORAGE_WAY_MISSING',
      hint: expect.stringContaining('webhdfsUrl'),
    })
  })

  it.each([502, 504, 'cut'] as const)(
    'a gateway that fails (%s), on the way to a run and while it is followed, costs nothing',
    async (how) => {
      writeFileSync(certificate, gateway.certificate)
      const through = { livyUrl: `${gateway.url}/livy`, webhdfsUrl: `${gateway.url}/webhdfs/v1`, certificateAuthority: certificate }
      await using client = openClient(through, { clusterPassword: gateway.password })
      const request = await client.request({ 'main.py': "import time\nprint('first', flush=True)\ntime.sleep(3)\nprint('last')" })
      gateway.spoil(1, /^POST \/livy\/batches/, how)
      const reference = await client.submit(request)
      gateway.spoil(3, /^GET \/livy\/batches/, how)
      await using handle = await client.target.attach(reference, options)
      expect(['queued', 'running', 'completed']).toContain((await handle.status(options)).state)
      gateway.spoil(4, /^GET \/(livy|webhdfs|yarnui)/, how)
      expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'first\nlast\n' })
      expect(await applicationsOf(request.runId)).toHaveLength(1)
    },
  )

  it.each([
    ['before its driver starts', 0],
    ['while a driver that ignores SIGTERM runs', 1],
  ])('cancels a run %s, and nothing of it is left', async (_when, running) => {
    await using client = direct()
    const { request, reference } = await run(client, stubborn)
    if (running === 1) await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    await using handle = await client.target.attach(reference, options)
    await handle.cancel(options)
    expect(await handle.status(options)).toMatchObject({ state: 'cancelled' })
    for (const { state } of await applicationsOf(request.runId)) expect(['KILLED', 'FAILED', 'FINISHED']).toContain(state)
    await expect.poll(() => processesOf(request.runId), { timeout: 60_000 }).toEqual([])
    expect((await follow(client.target, reference)).status).toMatchObject({ state: 'cancelled' })
    // Another client that follows the run may remove it while this one is still about to cancel it.
    await handle.remove(options)
    await handle.cancel(options)
    expect(await handle.status(options)).toMatchObject({ state: 'lost' })
    await using cluster = await openCluster(client.context, undefined, options)
    const removed = storedRun(cluster, request.runId)
    expect(await putEnd(removed, { state: 'cancelled' }, options)).toBe(false)
    expect(await cluster.storage.status(removed.folder, options)).toBeUndefined()
  })

  it('an application that is killed from outside is a failed run, and says so; what it had written comes back', async () => {
    await using client = direct()
    const { request, reference } = await run(client, writing)
    await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    await using handle = await client.target.attach(reference, options)
    const collect = async (folder: string) =>
      (await handle.collect(join(client.directory, folder), { ...options, include: ['outputs/**'] })).map((path) =>
        path.replace(/part-.*/, 'part'),
      )
    // It goes on, and can be looked at.
    await expect.poll(() => collect('going'), { timeout: 240_000 }).toContain('outputs/model.txt')
    const answer = await fetch(`${yarn.yarnUrl}/ws/v1/cluster/apps?applicationTags=errand-${request.runId}`)
    const { apps } = (await answer.json()) as { apps: { app: { id: string }[] } }
    await fetch(`${yarn.yarnUrl}/ws/v1/cluster/apps/${apps.app[0]?.id}/state`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"state":"KILLED"}',
    })
    const { status } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'preempted', reason: expect.stringContaining('killed') })
    await expect.poll(() => processesOf(request.runId), { timeout: 60_000 }).toEqual([])
    expect(await collect('killed')).toEqual(['outputs/model.txt', 'outputs/table/_SUCCESS', 'outputs/table/part'])
    expect(readFileSync(join(client.directory, 'killed/outputs/model.txt'), 'utf8')).toBe('as good as it gets')
  })

  it('streams 100,000 lines through two lost clients and a restart of Livy', async () => {
    const lines = 100_000
    const script = `import time
for number in range(${lines}):
    print('line', number)
    if number % 10000 == 0:
        time.sleep(0.7)
`
    const expected = Array.from({ length: lines }, (_, number) => `line ${number}\n`).join('')
    await using first = direct()
    const { reference } = await run(first, script)
    const half = (bytes: number) => {
      let seen = 0
      return (event: { readonly type: string }) => {
        if (event.type === 'log' && 'data' in event) seen += (event.data as Uint8Array).length
        return seen > bytes
      }
    }
    const one = await follow(first.target, reference, { last: half(expected.length / 4) })
    await using second = direct()
    const two = await follow(second.target, reference, { cursor: one.cursor, last: half(expected.length / 4) })
    await yarn.livy.restart()
    await using third = direct()
    const three = await follow(third.target, reference, { cursor: two.cursor })
    expect(three.status).toMatchObject({ state: 'completed' })
    expect(one.stdout + two.stdout + three.stdout === expected).toBe(true)
  })

  it.skipIf(sshdProblem())('goes through the head node alone, as a user of its own', async () => {
    await using sshd = await startSshd()
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    await hdfs.makeDirectory(`/user/${sshd.user}`, { ...options, permission: '777' })
    const headNode = { address: `127.0.0.1:${sshd.port}`, username: sshd.user, privateKey: sshd.key.file, livyPort: yarn.livy.port }
    const hops = ['way ok', 'address ok', 'port ok', 'host key ok', 'login ok', 'machine ok']
    expect(await checked({ ...headNode, webhdfsUrl: yarn.webHdfsUrl })).toEqual([...hops, 'livy ok', 'storage ok'])
    expect(await checked({ ...headNode, webhdfsUrl: nowhere })).toEqual([...hops, 'livy ok', 'storage failed'])
    await using client = openClient({ ...headNode, webhdfsUrl: yarn.webHdfsUrl, proxyUser: sshd.user })
    const { reference } = await run(client, "print('over SSH')\nopen('outputs/file', 'w').write('content')")
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'over SSH\n' })
    await using handle = await client.target.attach(reference, options)
    expect(await handle.collect(join(client.directory, 'collected'), { ...options, include: ['outputs/**'] })).toEqual(['outputs/file'])
    await handle.remove(options)
    expect(await handle.status(options)).toMatchObject({ state: 'lost' })
  })

  it.skipIf(sshdProblem())('reaches the storage with the Spark of the head node, where there is no WebHDFS', async () => {
    chmodSync(yarn.directory, 0o755)
    const { sparkHome, python } = sparkParts()
    await using sshd = await startSshd({
      lines: [`SetEnv SPARK_HOME=${sparkHome} HADOOP_CONF_DIR=${yarn.configuration} PYSPARK_PYTHON=${python}`],
    })
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    await hdfs.makeDirectory(`/user/${sshd.user}`, { ...options, permission: '777' })
    await hdfs.delete(`/user/${sshd.user}/.errand`, options)
    const ssh = { address: `127.0.0.1:${sshd.port}`, username: sshd.user, privateKey: sshd.key.file }
    await using client = openClient({ ...ssh, livyPort: yarn.livy.port, proxyUser: sshd.user })
    const big = randomBytes(9_000_000)
    const script = "print(len(open('big.bin', 'rb').read()))\nopen('outputs/file', 'w').write('content')"
    const request = await client.request({ 'main.py': script, 'big.bin': big })
    const reference = await client.submit(request)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: '9000000\n' })
    await using handle = await client.target.attach(reference, options)
    expect(await handle.collect(join(client.directory, 'collected'), { ...options, include: ['outputs/**'] })).toEqual(['outputs/file'])
    const kinds: string[] = []
    for await (const { kind } of client.target.leftovers?.(options) ?? []) kinds.push(kind)
    expect(kinds).toEqual(['run', 'objects'])
    await handle.remove(options)
    expect(await handle.status(options)).toMatchObject({ state: 'lost' })
    await fill(`/user/${sshd.user}/.errand`)
    await expect(run(client, 'print(2)')).rejects.toMatchObject({ code: 'CLUSTER_NO_SPACE', hint: expect.stringContaining('errand clean') })
    const elsewhere = { storageDirectory: `/of-others-${Date.now()}` }
    await hdfs.makeDirectory(elsewhere.storageDirectory, { ...options, permission: '755' })
    await using stranger = openClient({ ...ssh, ...elsewhere, livyPort: yarn.livy.port, proxyUser: sshd.user })
    await expect(run(stranger, 'print(2)')).rejects.toMatchObject({ code: 'CLUSTER_FORBIDDEN', hint: expect.stringContaining('proxyUser') })
  })

  it.skipIf(sshdProblem())(
    'goes on with what it changes there when the connection to the head node is lost, and says so',
    long,
    async () => {
      chmodSync(yarn.directory, 0o755)
      const { sparkHome, python } = sparkParts()
      await using sshd = await startSshd({
        lines: [`SetEnv SPARK_HOME=${sparkHome} HADOOP_CONF_DIR=${yarn.configuration} PYSPARK_PYTHON=${python}`],
      })
      await using proxy = await startFaultyProxy(sshd.port)
      await using client = openClient({
        address: `127.0.0.1:${proxy.port}`,
        username: sshd.user,
        privateKey: sshd.key.file,
        livyPort: yarn.livy.port,
        proxyUser: userInfo().username,
      })
      const messages: string[] = []
      const reporting = { ...options, report: ({ message }: { readonly message: string }) => messages.push(message) }
      await using headNode = await openHeadNode(client.context, options)
      await using cluster = await openCluster(client.context, headNode, reporting)
      const { storage } = cluster
      const folder = `/cut-${Date.now()}`
      const lost = () => messages.filter((message) => message.includes('was lost')).length
      await storage.makeDirectory(folder, options)
      expect(lost()).toBe(0)
      const content = randomBytes(9_000_000)
      let cut = false
      const chunks = function* () {
        for (let at = 0; at < content.length; at += 1_000_000) {
          if (at === 6_000_000 && !cut) {
            cut = true
            proxy.cut()
          }
          yield content.subarray(at, at + 1_000_000)
        }
      }
      expect(await appearWhole(storage, `${folder}/big`, (path) => writeTo(storage, path, chunks), options)).toBe(true)
      expect(cut).toBe(true)
      expect(lost()).toBeGreaterThan(0)
      expect((await storage.read(`${folder}/big`, {}, options))?.equals(content)).toBe(true)
      proxy.cut()
      await storage.rename(`${folder}/big`, `${folder}/moved`, options)
      expect((await storage.status(`${folder}/moved`, options))?.size).toBe(content.length)
      await storage.delete(folder, options)
      expect(await storage.status(folder, options)).toBeUndefined()
    },
  )

  it('with a Livy 0.5, which knows no names: one application for a lost answer, a cancel that is proven, nothing kept', async () => {
    const old = await yarn.startLivy('old')
    await using way = await startGateway({ livy: old.url, webhdfs: yarn.webHdfsUrl.replace(/\/v1$/, ''), yarnui: yarn.yarnUrl })
    const authority = join(yarn.directory, 'old-gateway.pem')
    writeFileSync(authority, way.certificate)
    const through = { livyUrl: `${way.url}/livy`, webhdfsUrl: `${way.url}/webhdfs/v1`, certificateAuthority: authority }
    await using client = openClient(through, { clusterPassword: way.password })
    const request = await client.request({ 'main.py': "print('by number')" })
    way.spoil(1, /^POST \/livy\/batches/, 504)
    const reference = await client.submit(request)
    expect(await client.target.find(request.runId, options)).toEqual(reference)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'by number\n' })
    expect(await applicationsOf(request.runId)).toHaveLength(1)
    const doomed = await run(client, stubborn)
    await using handle = await client.target.attach(doomed.reference, options)
    await handle.cancel(options)
    expect(await handle.status(options)).toMatchObject({ state: 'cancelled' })
    for (const { state } of await applicationsOf(doomed.request.runId)) expect(['KILLED', 'FAILED', 'FINISHED']).toContain(state)
    await expect.poll(() => processesOf(doomed.request.runId), { timeout: 60_000 }).toEqual([])
    await handle.remove(options)
    expect(await client.target.find(doomed.request.runId, options)).toBeUndefined()
  })

  const sum = 'from pyspark.sql import SparkSession\nprint(SparkSession.builder.getOrCreate().sparkContext.parallelize([1, 2]).sum())'

  it('runs and cancels with a Livy whose Spark is in local mode, and leaves nothing there', async () => {
    await using livy = await yarn.startLivy('local')
    await using client = openClient({ livyUrl: livy.url, webhdfsUrl: yarn.webHdfsUrl })
    const { reference } = await run(client, sum)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: '3\n' })
    const started = (event: { readonly type: string }) => event.type === 'log' && 'stream' in event && event.stream === 'stdout'
    const cancelled = await run(client, stubborn)
    await follow(client.target, cancelled.reference, { last: started })
    await using handle = await client.target.attach(cancelled.reference, options)
    await handle.cancel(options)
    expect(await handle.status(options)).toMatchObject({ state: 'cancelled' })
    expect(processesOf(cancelled.request.runId)).toEqual([])
    const deleted = await run(client, stubborn)
    await follow(client.target, deleted.reference, { last: started })
    await fetch(`${livy.url}/batches/${deleted.request.runId}`, { method: 'DELETE', headers: { 'X-Requested-By': 'test' } })
    await expect.poll(() => processesOf(deleted.request.runId), { timeout: 60_000 }).toEqual([])
    const left = (name: string) => [cancelled, deleted].some(({ request }) => name.includes(request.runId))
    expect(readdirSync(tmpdir()).filter(left)).toEqual([])
  })

  it('runs with a Livy whose drivers are on its own machine and their executors in YARN', async () => {
    await using livy = await yarn.startLivy('client')
    await using client = openClient({ livyUrl: livy.url, webhdfsUrl: yarn.webHdfsUrl, yarnDeployMode: 'client' })
    const { reference } = await run(client, sum)
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: '3\n' })
  })

  it.each([
    ['before its driver starts', 0],
    ['whose script has made no Spark context', 1],
  ])('cancels a run %s on the machine of Livy, says what it waits for, and leaves nothing', async (_when, running) => {
    await using livy = await yarn.startLivy('client')
    await using client = openClient({ livyUrl: livy.url, webhdfsUrl: yarn.webHdfsUrl, yarnDeployMode: 'client' })
    const { request, reference } = await run(client, stubborn)
    if (running === 1) await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    await using handle = await client.target.attach(reference, options)
    const told: string[] = []
    await handle.cancel({ ...options, report: ({ message }) => void told.push(message) })
    expect(told[0]).toMatch(running === 1 ? /^the driver is asked to end the script$/ : / asked to end /)
    expect(await handle.status(options)).toMatchObject({ state: 'cancelled' })
    await expect.poll(() => processesOf(request.runId), { timeout: 60_000 }).toEqual([])
    expect(readdirSync(tmpdir()).filter((name) => name.includes(request.runId))).toEqual([])
    expect(await applicationsOf(request.runId)).toEqual([])
  })

  it('says so when Livy does not allow a driver on its own machine', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, yarnDeployMode: 'client' })
    const { reference } = await run(client, "print('never')")
    const { status, stdout } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'failed', reason: expect.stringContaining('livy.spark.deploy-mode = cluster') })
    expect(stdout).toBe('')
  })

  it('waits for a full queue as queued, and says so', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, driverMemory: '3g' })
    const first = await run(client, stubborn)
    await follow(client.target, first.reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    const second = await run(client, "print('at last')")
    await using waiting = await client.target.attach(second.reference, options)
    await expect
      .poll(() => waiting.status(options), { timeout: 120_000, interval: 1000 })
      .toMatchObject({ state: 'queued', detail: expect.stringMatching(/^application_\w+ waits for the cluster's resources$/) })
    await using running = await client.target.attach(first.reference, options)
    await running.cancel(options)
    expect(await follow(client.target, second.reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'at last\n' })
  })

  it('storage that is full is an error of a submit and the reason of a run, and nothing hangs', async () => {
    const folder = `/full-${Date.now()}`
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory: folder })
    const { reference } = await run(client, 'import time\nprint(1, flush=True)\nwhile True:\n    time.sleep(1)\n    print(1, flush=True)')
    await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    await fill(folder)
    const { status } = await follow(client.target, reference)
    expect(status).toMatchObject({
      state: 'failed',
      cause: 'machine',
      reason: expect.stringMatching(/storage of the cluster is full.*quota/i),
    })
    await expect(run(client, 'print(2)')).rejects.toMatchObject({ code: 'CLUSTER_NO_SPACE', hint: expect.stringContaining('errand clean') })
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    const projects = (await hdfs.list(`${folder}/projects`, options)) ?? []
    expect(projects.filter(({ name }) => name.startsWith('.'))).toEqual([])
    expect(projects).toHaveLength(1)
  })

  /** Prints until a file appears; what it has done by then is in another, for who can't see its output. */
  const counting = (folder: string) => `
import os, time
from azureml.logging import get_azureml_logger
number = 0
while not os.path.exists('${folder}/enough'):
    number += 1
    print('line', number, flush=True)
    get_azureml_logger().log('Number', number)
    with open('${folder}/new', 'w') as file:
        file.write(str(number))
    os.rename('${folder}/new', '${folder}/number')
    time.sleep(0.02)
with open('outputs/number', 'w') as file:
    file.write(str(number))
`
  /** Each answer of the storage is waited for at most ten seconds. */
  const impatient = {
    repositories: [],
    packages: [],
    configuration: { 'spark.hadoop.ipc.client.rpc-timeout.ms': '10000', 'spark.hadoop.dfs.client.socket-timeout': '10000' },
  }
  /** What the driver's agent says (Spark puts it to the standard output of the container), for which neither YARN nor the storage is asked. */
  const openWords = async (runId: string): Promise<() => string> => {
    const [application] = await applicationsOf(runId)
    const logs = join(yarn.directory, 'data', 'node-logs', application?.id ?? '')
    return () =>
      readdirSync(logs, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('/stdout'))
        .map((name) => readFileSync(join(logs, name), 'utf8'))
        .join('')
  }
  const later = { timeout: 240_000, interval: 500 }

  it('a script goes on while the storage gives no answer, and nothing of it is lost or comes twice', long, async () => {
    await using client = direct()
    const request = await client.request({ 'main.py': counting(client.directory) }, { spark: impatient })
    const reference = await client.submit(request)
    const first = await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    const words = await openWords(request.runId)
    const count = () => Number(readFileSync(join(client.directory, 'number'), 'utf8'))
    const atFirst = await expect.poll(count, later).toBeGreaterThan(0).then(count)
    yarn.storage.suspend()
    try {
      await expect.poll(words, later).toContain('gives no answer')
      const without = count()
      expect(without).toBeGreaterThanOrEqual(atFirst)
      await expect.poll(count, later).toBeGreaterThan(without + 10)
      writeFileSync(join(client.directory, 'enough'), '')
      await expect.poll(() => processesOf(request.runId).filter((line) => line.includes('main.py')), later).toEqual([])
    } finally {
      yarn.storage.resume()
    }
    const rest = await follow(client.target, reference, first.cursor === undefined ? {} : { cursor: first.cursor })
    expect(rest.status).toMatchObject({ state: 'completed' })
    const lines = Array.from({ length: count() }, (_, index) => `line ${index + 1}\n`).join('')
    expect(first.stdout + rest.stdout === lines).toBe(true)
    expect(rest.metrics).toEqual({ Number: count() })
    expect(words()).toContain('answers again')
    await using handle = await client.target.attach(reference, options)
    await handle.collect(join(client.directory, 'collected'), { ...options, include: ['outputs/**'] })
    expect(readFileSync(join(client.directory, 'collected/outputs/number'), 'utf8')).toBe(String(count()))
  })

  it('a storage that stays away after the end of the script is given up, and the run says so', long, async () => {
    await using client = direct()
    const configuration = { ...impatient.configuration, 'spark.yarn.appMasterEnv.ERRAND_STORAGE_PATIENCE': '20' }
    const request = await client.request({ 'main.py': counting(client.directory) }, { spark: { ...impatient, configuration } })
    const reference = await client.submit(request)
    await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    const words = await openWords(request.runId)
    yarn.storage.suspend()
    try {
      await expect.poll(words, later).toContain('gives no answer')
      writeFileSync(join(client.directory, 'enough'), '')
      await expect.poll(words, later).toContain('has given no answer for 20 seconds')
    } finally {
      yarn.storage.resume()
    }
    const { status } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'machine', reason: expect.stringContaining('gave the driver no answer') })
  })

  it('a clean in the midst of a submit leaves what its run needs, and takes it when the run is over', async () => {
    const changes = { livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory: `/cleaned-${Date.now()}` }
    await using client = openClient(changes)
    await using another = openClient(changes)
    const cleaned = join(client.directory, 'cleaned')
    const script = `import os, time\nwhile not os.path.exists('${cleaned}'):\n    time.sleep(0.1)\nprint('still there')`
    const request = await client.request({ 'main.py': script })
    const archive = `projects/${request.snapshot.digest.slice(7)}`
    let cleaning: Promise<unknown> | undefined
    const report = ({ message }: { readonly message: string }) => {
      if (message === 'submitting to Livy') cleaning = another.target.removeLeftover(archive, options).catch((error: unknown) => error)
    }
    const prepared = await client.target.prepare(request, { ...options, build: true })
    const reference = await client.target.submit(request, prepared, { ...options, report })
    const refused = await cleaning
    writeFileSync(cleaned, '')
    expect(refused).toMatchObject({ code: 'ARCHIVE_IN_USE', message: expect.stringContaining(request.runId) })
    expect(await follow(client.target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'still there\n' })
    await another.target.removeLeftover(archive, options)
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    expect(await hdfs.list(`${changes.storageDirectory}/projects`, options)).toEqual([])
  })

  it('a run that was not yet submitted is in use, with its project and what is being sent', async () => {
    const storageDirectory = `/young-${Date.now()}`
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory })
    await using cluster = await openCluster(client.context, undefined, options)
    const ended = new Error('the client is ended before it asks Livy')
    const livy = { ...cluster.livy, create: () => Promise.reject(ended) }
    const request = await client.request({ 'main.py': 'print(1)' })
    await expect(submitRun(client.context, { ...cluster, livy }, { request, environment: undefined }, options)).rejects.toBe(ended)
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    await hdfs.write(`${storageDirectory}/projects/.half.sent`, 'x', { ...options, overwrite: true })
    const found: [string, boolean][] = []
    for await (const { kind, inUse } of client.target.leftovers(options)) found.push([kind, inUse])
    expect(found).toEqual([
      ['run', true],
      ['objects', true],
      ['objects', true],
    ])
  })

  it('a run that Livy has forgotten is in use while it lasts, and so is the archive of its project', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory: `/used-${Date.now()}` })
    const { reference } = await run(client, stubborn)
    await follow(client.target, reference, { last: (event) => event.type === 'log' && event.stream === 'stdout' })
    await yarn.livy.restart()
    const inUse = async () => {
      const found: [string, boolean][] = []
      for await (const leftover of client.target.leftovers(options)) found.push([leftover.kind, leftover.inUse])
      return found
    }
    const lasting = [
      ['run', true],
      ['objects', true],
    ]
    expect(await inUse()).toEqual(lasting)
    await using handle = await client.target.attach(reference, options)
    await handle.cancel(options)
    expect(await inUse()).toEqual(lasting.map(([kind]) => [kind, false]))
  })

  it('knows the end of a run that Livy has forgotten, and a script that is not there', async () => {
    await using client = direct()
    const request = await client.request({ 'main.py': 'print(1)' }, { script: 'missing.py' })
    const reference = await client.submit(request)
    const { status } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'start', reason: expect.stringContaining('missing.py') })
    await yarn.livy.restart()
    await using handle = await client.target.attach(reference, options)
    expect(await handle.status(options)).toEqual(status)
    await handle.remove(options)
    expect(await handle.status(options)).toMatchObject({ state: 'lost' })
  })

  it('a run whose driver was killed before it had written who it is has an end', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, queue: 'nowhere' })
    const { request, reference } = await run(client, 'print(1)')
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    const claim = `${await hdfs.homeDirectory(options)}/.errand/runs/${request.runId}/claim`
    await hdfs.write(claim, '', { ...options, overwrite: true })
    const query = `op=SETTIMES&modificationtime=${Date.now() - 3_600_000}&user.name=${userInfo().username}`
    expect((await fetch(`${yarn.webHdfsUrl}${claim}?${query}`, { method: 'PUT' })).status).toBe(200)
    expect((await follow(client.target, reference)).status).toMatchObject({ state: 'failed', reason: expect.stringContaining('nowhere') })
  })

  it('a secret is sent last: a project that can not be sent leaves none behind', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory: `/secret-${Date.now()}` })
    const request = await client.request({ 'main.py': 'print(1)' }, { secretVariables: ['TOKEN'] })
    const target = createTarget({
      ...client.context,
      secretVariable: async () => 'hidden',
      openObject: () => {
        throw new Error('gone')
      },
    })
    const prepared = await target.prepare(request, { ...options, build: true })
    await expect(target.submit(request, prepared, options)).rejects.toThrow('gone')
    await target[Symbol.asyncDispose]()
    await using cluster = await openCluster(client.context, undefined, options)
    const { storage, home } = cluster
    const names = (await storage.list(`${home}/runs/${request.runId}`, options))?.map(({ name }) => name)
    expect(names).toEqual(['request.json'])
  })

  it('a run that Livy refuses leaves nothing of its own in the storage, one whose answers are lost keeps all of it', long, async () => {
    writeFileSync(certificate, gateway.certificate)
    const roads = { livyUrl: `${gateway.url}/livy`, webhdfsUrl: `${gateway.url}/webhdfs/v1`, certificateAuthority: certificate }
    await using client = openClient({ ...roads, storageDirectory: `/refused-${Date.now()}` }, { clusterPassword: gateway.password })
    await using target = createTarget({ ...client.context, secretVariable: async () => 'hidden' })
    await using cluster = await openCluster(client.context, undefined, options)
    const kept = async (runId: string) =>
      (await cluster.storage.list(`${cluster.home}/runs/${runId}`, options))?.map(({ name }) => name).toSorted()
    const submit = async (request: Awaited<ReturnType<ClusterClient['request']>>) =>
      target.submit(request, await target.prepare(request, { ...options, build: true }), options)
    const secret = { secretVariables: ['TOKEN'] }
    const spark = { configuration: { 'spark.files': 'file:///etc/hostname' }, repositories: [], packages: [] }
    const refused = await client.request({ 'main.py': 'print(1)' }, { ...secret, spark })
    await expect(submit(refused)).rejects.toMatchObject({ code: 'CLUSTER_REFUSED', message: expect.stringContaining('/etc/hostname') })
    expect(await kept(refused.runId)).toBeUndefined()
    expect(await target.find(refused.runId, options)).toBeUndefined()
    const lost = await client.request({ 'main.py': "import os\nprint(len(os.environ['TOKEN']))" }, secret)
    // Livy acts, and from then on all that could say so fails until the client gives up.
    let asked = false
    gateway.spoil(1000, { test: (line) => (asked ||= line === 'POST /livy/batches') }, 502)
    await expect(submit(lost)).rejects.toMatchObject({ code: 'CLUSTER_GATEWAY_FAILED' })
    gateway.spoil(0, /^/, 502)
    expect(await kept(lost.runId)).toContain('request.json')
    const reference = await target.find(lost.runId, options)
    if (reference === undefined) throw new Error('The run whose answer was lost is not found.')
    expect(await follow(target, reference)).toMatchObject({ status: { state: 'completed' }, stdout: '6\n' })
  })

  it('the record of an environment that names no archive means the one of before', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory: `/before-${Date.now()}` })
    const canonical = { channels: [], conda: ['python=3.11'], pip: [], pipOptions: [], variables: {} }
    const request = {
      environment: { kind: 'conda', file: 'conda.yml', text: '', localFiles: [], canonical } as const,
      project: 'p',
      projectId: 'p',
    }
    await using cluster = await openCluster(client.context, undefined, options)
    const { folder } = await findEnvironment(cluster, client.context.config, { ...request, framework: 'python' }, options)
    await cluster.storage.write(`${folder}/complete.json`, '{"lock": {}, "pythonVersion": "3.11.1"}', { ...options, overwrite: true })
    const found = await findEnvironment(cluster, client.context.config, { ...request, framework: 'python' }, options)
    expect(found.record?.archive).toBe('environment.tar.gz')
  })

  it('a clean that meets a new use of an environment puts all of it back', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, storageDirectory: `/back-${Date.now()}` })
    await using cluster = await openCluster(client.context, undefined, options)
    const { storage, home } = cluster
    const [key, write] = ['0'.repeat(24), { ...options, overwrite: true }]
    const folder = `${home}/environments/${key}`
    for (const name of ['complete.json', 'environment-1.tar.gz', 'used']) await storage.write(`${folder}/${name}`, name, write)
    const request = JSON.stringify({ snapshot: { digest: 'sha256:0' }, agent: { environmentKey: key } })
    let used = false
    const rename: typeof storage.rename = async (...given) => {
      const done = await storage.rename(...given)
      if (!used) {
        used = true
        await storage.write(`${folder}/used`, 'again', write)
        await storage.write(`${home}/runs/new/request.json`, request, write)
      }
      return done
    }
    const meeting = { ...cluster, storage: { ...storage, rename } }
    await expect(removeLeftover(meeting, `environment:${key}`, options)).rejects.toMatchObject({ code: 'ARCHIVE_IN_USE' })
    const names = async (path: string) => (await storage.list(path, options))?.map(({ name }) => name).toSorted()
    expect(await names(folder)).toEqual(['complete.json', 'environment-1.tar.gz', 'used'])
    expect(await names(`${home}/environments`)).toEqual([key])
  })

  it('a run that the cluster refuses to start says why', async () => {
    await using client = openClient({ livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, queue: 'nowhere' })
    const { reference } = await run(client, 'print(1)')
    const { status } = await follow(client.target, reference)
    expect(status).toMatchObject({ state: 'failed', cause: 'start', reason: expect.stringContaining('nowhere') })
  })

  it('a damaged archive of the project is a failed run that says so', async () => {
    await using client = direct()
    const request = await client.request({ 'main.py': "print('never')", 'data.bin': 'x'.repeat(10_000) })
    await using hdfs = openWebHdfsClient({ url: yarn.webHdfsUrl, user: userInfo().username })
    const home = `${await hdfs.homeDirectory(options)}/.errand`
    await hdfs.write(`${home}/projects/${request.snapshot.digest.slice(7)}`, 'no archive', { ...options, overwrite: true })
    const { status, stdout } = await follow(client.target, await client.submit(request))
    expect(status).toMatchObject({ state: 'failed', cause: 'machine', reason: expect.stringContaining('damaged') })
    expect(stdout).toBe('')
  })

  it('a check says of each hop whether it was passed, also of those beside one that was not', async () => {
    const roads = { livyUrl: yarn.livy.url, webhdfsUrl: yarn.webHdfsUrl, yarnUrl: yarn.yarnUrl }
    expect(await checked(roads)).toEqual(['way ok', 'livy ok', 'storage ok', 'yarn ok'])
    expect(await checked({ ...roads, livyUrl: nowhere })).toEqual(['way ok', 'livy failed', 'storage ok', 'yarn ok'])
    expect(await checked({ ...roads, webhdfsUrl: nowhere, yarnUrl: nowhere })).toEqual([
      'way ok',
      'livy ok',
      'storage failed',
      'yarn failed',
    ])
    const throughNoHeadNode = { livyUrl: yarn.livy.url, yarnUrl: yarn.yarnUrl, address: '127.0.0.1:9' }
    expect(await checked(throughNoHeadNode)).toEqual(['way ok', 'address ok', 'port failed', 'livy ok', 'yarn ok'])
    expect(await checked({ livyUrl: yarn.livy.url })).toEqual(['way failed'])
  })

  it('Livy that is down is an error with a hint, not a status', async () => {
    await using client = openClient({ livyUrl: 'http://127.0.0.1:9', webhdfsUrl: yarn.webHdfsUrl })
    const request = await client.request({ 'main.py': 'print(1)' })
    await expect(client.submit(request)).rejects.toMatchObject({ code: 'CLUSTER_UNREACHABLE', hint: expect.stringContaining('cluster') })
  })
})
