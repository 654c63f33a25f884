import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DockerEngine, dockerProblem, sharedDockerEngine } from '../packages/testkit/dist/servers/index.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeProject, scriptOutput } from './errand.ts'
import { exampleProject, lastRecord } from './examples.ts'
import { startMavenRepository } from './servers/maven-repository.ts'

const problem = dockerProblem()
const spark = process.env['ERRAND_PYTHON_SPARK']
const [site] = spark === undefined ? [] : globSync(join(spark, 'lib/python3*/site-packages'))

describe.skipIf(problem !== undefined)(`the examples in containers${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  let engine: DockerEngine
  let image: string
  let withSpark: Promise<string>

  beforeAll(async () => {
    engine = await sharedDockerEngine()
    image = await engine.image('python')
  })

  /** The packages come from PyPI: no public conda channel is reached by a test. */
  const examples = [
    { name: 'iris', type: 'docker', pip: [], metric: 'Accuracy', over: 0.9 },
    { name: 'churn', type: 'localdocker', pip: ['pandas', 'scikit-learn'], metric: 'Decision Tree Accuracy', over: 0.8 },
  ] as const
  it.each(examples)(
    '$name, with type: $type',
    async ({ name, type, pip, metric, over }) => {
      using project = exampleProject(name)
      project.write('aml_config/docker.compute', `type: ${type}\nbaseDockerImage: ${image}\nengine: ${engine.socket}\n`)
      const list = pip.length === 0 ? '' : `  - pip:\n${pip.map((item) => `      - ${item}\n`).join('')}`
      project.write('aml_config/conda_dependencies.yml', `name: project_environment\ndependencies:\n  - python=3.11\n${list}`)
      const prepared = await project.errand('experiment', 'prepare', '-c', 'docker')
      expect(prepared.exitCode, prepared.stderr).toBe(0)
      const finished = await project.errand('experiment', 'submit', '-c', 'docker', 'train.py')
      expect(finished.exitCode, finished.stderr).toBe(0)
      const record = await lastRecord(project)
      expect(record[metric]).toBeGreaterThan(over)
      expect(record.attachments).toContain('outputs/')
    },
    900_000,
  )

  it.skipIf(site === undefined)(
    'a PySpark script in an image with Spark (needs the part spark of ./check --all)',
    async () => {
      using project = makeProject({
        'etl.py': `
import os
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
words = session.sparkContext.parallelize(["a", "b", "a", os.environ["EXTRA_WORD"]])
print("counts", sorted(dict(words.map(lambda word: (word, 1)).reduceByKey(lambda left, right: left + right).collect()).items()))
print("application", session.conf.get("spark.app.name"))
session.stop()
`,
        'aml_config/docker.compute': `type: localdocker\nbaseDockerImage: ${await (withSpark ??= sparkImage(engine, site ?? ''))}\nengine: ${engine.socket}\n`,
        'aml_config/docker.runconfig':
          'Target: docker\nFramework: PySpark\nManagedEnvironment: false\nPrepareEnvironment: true\nEnvironmentVariables:\n  EXTRA_WORD: c\n',
        'aml_config/spark_dependencies.yml':
          'configuration:\n  "spark.app.name": "Errand test"\n  "spark.ui.enabled": false\nrepositories: []\npackages: []\n',
      })
      const settings = readFileSync(join(project.directory, 'aml_config/docker.compute'), 'utf8')
      // Hadoop's login wants a name for the user, and the image has none for this one.
      for (const user of ['', 'user: "1234"\n']) {
        project.write('aml_config/docker.compute', settings + user)
        const finished = await project.errand('experiment', 'submit', '-c', 'docker', 'etl.py')
        expect(finished.exitCode, finished.stderr).toBe(0)
        const output = scriptOutput(finished)
        expect(output).toContain(`counts [('a', 2), ('b', 1), ('c', 1)]`)
        expect(output).toContain('application Errand test')
      }
    },
    900_000,
  )

  it.skipIf(site === undefined)(
    'the packages of the Spark file are in the image: no repository is asked at the start of a run (needs the part spark)',
    async () => {
      await using repository = await startMavenRepository()
      const { group, artifact, version } = repository.package
      const { IPAM } = await engine.api<{ IPAM: { Config: { Gateway: string }[] } }>('GET', '/networks/bridge')
      const settings = `type: docker\nbaseDockerImage: ${await (withSpark ??= sparkImage(engine, site ?? ''))}\nengine: ${engine.socket}\n`
      using project = makeProject({
        'main.py': `
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
print(session._jvm.org.example.errand.Greeting.text(), session.sparkContext.parallelize(range(5)).sum())
session.stop()
`,
        'aml_config/docker.compute': settings,
        'aml_config/conda_dependencies.yml': 'dependencies:\n  - python=3.11\n',
        'aml_config/docker.runconfig':
          'Target: docker\nFramework: PySpark\nSparkDependenciesFile: aml_config/spark_dependencies.yml\nEnvironmentVariables:\n  SPARK_LOCAL_IP: 127.0.0.1\n',
        'aml_config/spark_dependencies.yml': [
          'configuration:',
          '  "spark.ui.enabled": false',
          `repositories: ["http://${IPAM.Config[0]?.Gateway}:${repository.port}"]`,
          'packages:',
          `  - { group: "${group}", artifact: "${artifact}", version: "${version}" }`,
          '',
        ].join('\n'),
      })
      const prepared = await project.errand('prepare', '-c', 'docker')
      expect(prepared.exitCode, prepared.stderr).toBe(0)
      expect(repository.requests).toContain('/org/example/errand/greeting/1.0/greeting-1.0.jar')
      await repository[Symbol.asyncDispose]()
      // A container without any network, and one whose user may not write where root has put the packages.
      for (const setting of ['network: none', 'user: nobody']) {
        project.write('aml_config/docker.compute', `${settings}${setting}\n`)
        const finished = await project.errand('submit', '-c', 'docker', 'main.py')
        expect(finished.exitCode, finished.stderr).toBe(0)
        expect(scriptOutput(finished)).toContain('greetings from a jar 10')
      }
    },
    900_000,
  )
})

/** Spark from PyPI on an image with Java. */
async function sparkImage(engine: DockerEngine, packages: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-spark-image-'))
  try {
    const lines = [
      `FROM ${await engine.image('java')}`,
      'COPY pyspark /opt/site/pyspark/',
      'COPY py4j /opt/site/py4j/',
      'ENV PYTHONPATH=/opt/site SPARK_HOME=/opt/site/pyspark',
    ]
    writeFileSync(join(directory, 'Dockerfile'), `${lines.join('\n')}\n`)
    const tar = spawn('tar', ['-c', '-C', packages, 'pyspark', 'py4j', '-C', directory, 'Dockerfile'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const answer = await new Promise<string>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-tar' }
      const build = request({ socketPath: engine.socket, method: 'POST', path: '/build?t=errand-test/spark:pypi', headers }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        response.once('end', () => resolve(text))
      })
      build.once('error', reject)
      tar.stdout.pipe(build)
    })
    expect(answer).toContain('Successfully tagged')
    return 'errand-test/spark:pypi'
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
