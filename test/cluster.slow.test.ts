import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import {
  type Yarn,
  livyProblem,
  machinePythons,
  makeCondaChannel,
  startGateway,
  startYarn,
} from '../packages/testkit/dist/servers/index.js'
import { afterAll, describe, expect, it } from 'vitest'
import { type Project, makeProject, runIdOf, scriptOutput, until } from './errand.ts'
import { exampleProject, lastRecord } from './examples.ts'

const problem = livyProblem()
const yarn: Yarn | undefined = problem === undefined ? await startYarn() : undefined
afterAll(() => yarn?.stop())

const firstLines = '   25  the\n   20  to\n   19  that\n   15  of\n'

describe.skipIf(problem)(`the word count on a real cluster${problem === undefined ? '' : ` (${problem})`}`, () => {
  it('gives, unchanged, the same on this machine and there: output, metrics, files', async () => {
    if (yarn === undefined) return
    const seen = async (project: Project, configuration: string) => {
      const finished = await project.errand('submit', '-c', configuration, 'wordcount.py')
      expect(finished.exitCode, finished.stderr).toBe(0)
      const { Words, 'Distinct Words': distinct, 'Most Frequent': most, attachments } = await lastRecord(project)
      const ranking = await project.errand('history', 'last', '--artifact', 'outputs/ranking.csv')
      return {
        output: scriptOutput(finished),
        Words,
        distinct,
        most,
        ranking: ranking.stdout,
        parquet: /outputs\/ranking\.parquet\/part-/.test(attachments),
      }
    }
    using project = exampleProject('spark-wordcount', `${process.env['ERRAND_PYTHON_SPARK']}/bin/python`)
    const attach = ['--name', 'cluster', '--overwrite', '--livy-url', yarn.livy.url, '--webhdfs-url', yarn.webHdfsUrl]
    const attached = await project.errand(
      'computetarget',
      'attach',
      'cluster',
      ...attach,
      '--username',
      userInfo().username,
      '--no-password',
    )
    expect(attached.exitCode, attached.stderr).toBe(0)
    const prepared = await project.errand('experiment', 'prepare', '-c', 'cluster')
    expect(prepared.exitCode, prepared.stderr).toBe(0)
    const there = await seen(project, 'cluster')
    expect(there).toMatchObject({ Words: 454, most: 'the', parquet: true })
    expect(there.output.startsWith(firstLines)).toBe(true)
    expect(await seen(project, 'local')).toEqual(there)
  })

  it('runs again, by `rerun`, in the packages that the run had then, when nothing of them is left', { timeout: 900_000 }, async () => {
    if (yarn === undefined) return
    const channel = mkdtempSync(join(tmpdir(), 'errand-channel-'))
    const { python } = makeCondaChannel(channel, machinePythons())
    const repository = join(channel, 'noarch', 'repodata.json')
    const newer = readFileSync(repository, 'utf8')
    const compute = [
      'type: cluster',
      `livyUrl: ${yarn.livy.url}`,
      `webhdfsUrl: ${yarn.webHdfsUrl}`,
      `username: ${userInfo().username}`,
      `storageDirectory: /rerun-${Date.now()}`,
      'userManagedEnvironment: false',
      'environmentBuilder: local',
      'environmentProvider: rattler',
    ]
    using project = makeProject({
      'aml_config/cluster.compute': [...compute, ''].join('\n'),
      'aml_config/cluster.runconfig': 'Target: cluster\nFramework: PySpark\nPrepareEnvironment: true\n',
      'aml_config/conda_dependencies.yml': `channels: ["file://${channel}"]\ndependencies:\n  - python=${python}\n  - greeter\n`,
      'main.py': 'import greeter, sys\nprint(greeter.__version__, sys.argv[1:])\n',
    })
    const printed = async (...words: readonly string[]) => {
      const finished = await project.errand(...words)
      expect(finished.exitCode, finished.stderr).toBe(0)
      return scriptOutput(finished)
    }
    writeFileSync(repository, without(newer, 'greeter', '2.0.0'))
    expect(await printed('submit', '-c', 'cluster', 'main.py', 'first')).toBe("1.0.0 ['first']\n")
    const { run_id: first } = await lastRecord(project)
    writeFileSync(repository, newer)
    for (const target of ['cluster', 'local']) expect(await project.errand('clean', '--all', '-t', target)).toMatchObject({ exitCode: 0 })
    expect(await printed('submit', '-c', 'cluster', 'main.py', 'second')).toBe("2.0.0 ['second']\n")
    expect(await printed('rerun', first)).toBe("1.0.0 ['first']\n")
    expect(await printed('rerun', first, 'other')).toBe("1.0.0 ['other']\n")
    rmSync(channel, { recursive: true })
  })
})

describe.skipIf(problem)(
  `a client that is killed once a Livy without names has answered${problem === undefined ? '' : ` (${problem})`}`,
  () => {
    it('has lost nothing: the next command finds that spark-submit died, and why', { timeout: 900_000 }, async () => {
      if (yarn === undefined) return
      await using old = await yarn.startLivy('old', ['livy.server.yarn.app-lookup-timeout = 5s'])
      await using way = await startGateway({ livy: old.url })
      using project = makeProject({
        'aml_config/cluster.compute': [
          'type: cluster',
          `livyUrl: ${way.url}/livy`,
          'certificateAuthority: gateway.pem',
          `clusterPassword: "${way.password}"`,
          `webhdfsUrl: ${yarn.webHdfsUrl}`,
          'yarnUrl: http://127.0.0.1:9',
          `username: ${userInfo().username}`,
          '',
        ].join('\n'),
        'aml_config/cluster.runconfig': 'Target: cluster\nFramework: PySpark\nSparkDependenciesFile: spark.yml\n',
        // What spark-submit refuses before it reads any setting.
        'spark.yml': 'configuration:\n  spark.driver.extraJavaOptions: -Xmx1g\n',
        'gateway.pem': way.certificate,
        'main.py': "print('never')\n",
      })
      // The client sees the number of its batch, and nothing of what becomes of it.
      way.spoil(Infinity, /^GET \/livy\/batches\/\d/, 502)
      const client = project.start('submit', '-c', 'cluster', 'main.py')
      await until(() => way.requests.some((line) => /^GET \/livy\/batches\/\d/.test(line)), 'the client looks at its batch')
      client.kill('SIGKILL')
      const runId = runIdOf(await client.finished)
      way.spoil(0, /^$/, 502)
      await until(async () => (await stateOfBatch(old.url)) === 'dead', 'Livy tells that spark-submit died')
      const looked = await project.errand('status', runId)
      expect(looked.stdout, looked.stderr).toMatch(/Failed/)
      expect((await lastRecord(project)).reason).toContain('(was -Xmx1g)')
      const logs = await project.errand('logs', runId)
      expect(`${logs.stdout}${logs.stderr}`).toContain('(was -Xmx1g)')
      expect(way.requests.filter((line) => line.startsWith('POST'))).toHaveLength(1)
    })
  },
)

async function stateOfBatch(url: string): Promise<string> {
  const answer = await fetch(`${url}/batches/0`)
  return ((await answer.json()) as { readonly state: string }).state
}

/** An index of a channel without one version of a package. */
function without(index: string, name: string, version: string): string {
  const { packages, ...rest } = JSON.parse(index) as { packages: Readonly<Record<string, { name: string; version: string }>> }
  const kept = Object.entries(packages).filter(([, item]) => item.name !== name || item.version !== version)
  return JSON.stringify({ ...rest, packages: Object.fromEntries(kept) })
}
