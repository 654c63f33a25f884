import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sshdProblem } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RemotePlace, errand, exampleProject, startPlace } from './remote-place.ts'

const environment = process.env['ERRAND_PYTHON_SPARK']
const problem =
  sshdProblem() ?? (environment === undefined || !existsSync(environment) ? 'needs the part spark of ./check --all' : undefined)

const script = `
import os, sys
from pyspark.sql import SparkSession
from azureml.logging import get_azureml_logger
session = SparkSession.builder.getOrCreate()
words = session.sparkContext.parallelize(["a", "b", "a", "c"])
counts = dict(words.map(lambda word: (word, 1)).reduceByKey(lambda left, right: left + right).collect())
print("counts", sorted(counts.items()), sys.argv[1:], session.conf.get("spark.app.name"))
get_azureml_logger().log("Words", sum(counts.values()))
with open("outputs/counts.txt", "w") as file:
    file.write(str(sorted(counts.items())))
session.stop()
`

const sparkFile = `configuration:
  "spark.app.name": "Errand there"
  "spark.driver.memory": 700m
  "spark.ui.enabled": false
repositories: []
packages: []
`

describe.skipIf(problem)(`PySpark on a machine behind SSH${problem === undefined ? '' : ` (${problem})`}`, () => {
  let place: RemotePlace
  beforeAll(async () => {
    place = await startPlace()
    // Its user may read nothing of who runs the tests.
    const packages = execFileSync('find', [environment ?? '', '-type', 'd', '-name', 'site-packages'], { encoding: 'utf8' })
      .trim()
      .split('\n')
    execFileSync('cp', ['-r', packages[0] ?? '', join(place.folder, 'packages')])
    execFileSync('chmod', ['-R', 'a+rX', join(place.folder, 'packages')])
  })
  afterAll(() => place[Symbol.asyncDispose]())

  it('is started there by the spark-submit that is named, with the configuration of the Spark file', async () => {
    using project = exampleProject('iris')
    project.write('etl.py', script)
    project.write('aml_config/spark_dependencies.yml', sparkFile)
    const attach = `${place.attach.replace('--framework python', '--framework pyspark')} --password-stdin ${place.accept}`
    expect(await errand(project, attach, place.server.password)).toMatchObject({ exitCode: 0 })
    const compute = project.read('aml_config/vm.compute')
    project.write(
      'aml_config/vm.compute',
      `${compute.replace(/^(pythonLocation|sparkSubmitLocation):.*\n/gm, '')}pythonLocation: /usr/bin/python3\nsparkSubmitLocation: ${place.folder}/packages/pyspark/bin/spark-submit\n`,
    )
    project.write(
      'aml_config/vm.runconfig',
      `Target: vm\nFramework: PySpark\nSparkDependenciesFile: aml_config/spark_dependencies.yml\nEnvironmentVariables:\n  PYTHONPATH: ${place.folder}/packages\n`,
    )
    expect(await errand(project, 'computetarget check vm')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('packages/pyspark/bin/spark-submit'),
    })
    const finished = await errand(project, 'submit -c vm etl.py FULL')
    expect([finished.exitCode, finished.stdout]).toEqual([
      0,
      expect.stringContaining(`counts [('a', 2), ('b', 1), ('c', 1)] ['FULL'] Errand there`),
    ])
    const record = JSON.parse((await errand(project, 'history last -o json')).stdout) as Readonly<Record<string, unknown>>
    expect(record).toMatchObject({ status: 'Completed', Words: 4, attachments: expect.stringContaining('outputs/counts.txt') })
  })
})
