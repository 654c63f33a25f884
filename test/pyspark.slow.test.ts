import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeProject, scriptOutput } from './errand.ts'

const environment = process.env['ERRAND_PYTHON_SPARK']

const script = `
import os, sys
from pyspark.sql import SparkSession
from azureml.logging import get_azureml_logger
session = SparkSession.builder.getOrCreate()
words = session.sparkContext.parallelize(["a", "b", "a", os.environ["EXTRA_WORD"]])
counts = dict(words.map(lambda word: (word, 1)).reduceByKey(lambda left, right: left + right).collect())
print("counts", sorted(counts.items()))
print("arguments", sys.argv)
print("configuration", session.conf.get("spark.app.name"), session.sparkContext.getConf().get("spark.driver.memory"))
get_azureml_logger().log("Words", sum(counts.values()))
with open("outputs/counts.txt", "w") as file:
    file.write(str(sorted(counts.items())))
session.stop()
`

const failing = `
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
raise ValueError("the third row is broken")
`

const files = {
  'etl.py': script,
  'failing.py': failing,
  'aml_config/local.compute': `type: local\npythonLocation: ${environment}/bin/python\n`,
  'aml_config/local.runconfig': [
    'Target: local',
    'Framework: PySpark',
    'SparkDependenciesFile: aml_config/spark_dependencies.yml',
    'EnvironmentVariables:',
    '  EXTRA_WORD: c',
    '',
  ].join('\n'),
  'aml_config/spark_dependencies.yml': [
    'configuration:',
    '  "spark.app.name": "Errand test"',
    '  "spark.driver.memory": 700m',
    '  "spark.ui.enabled": false',
    'repositories: []',
    'packages: []',
    '',
  ].join('\n'),
}

describe.skipIf(environment === undefined)('Framework: PySpark on this machine (needs the part spark of ./check --all)', () => {
  it('runs the unchanged script through spark-submit with the configuration of the Spark file', async () => {
    using project = makeProject(files)
    const finished = await project.errand('submit', '-c', 'local', 'etl.py', 'FULL', 'two words')
    expect(finished.exitCode, finished.stderr).toBe(0)
    const output = scriptOutput(finished)
    expect(output).toContain(`counts [('a', 2), ('b', 1), ('c', 1)]`)
    expect(output).toContain(`arguments ['etl.py', 'FULL', 'two words']`)
    expect(output).toContain('configuration Errand test 700m')
    const record = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout)
    expect(record).toMatchObject({ status: 'Completed', Words: 4 })
    expect(record.attachments).toContain('outputs/counts.txt')
  })

  it('says why a script failed, wherever Spark printed it', async () => {
    using project = makeProject(files)
    const finished = await project.errand('submit', '-c', 'local', 'failing.py')
    expect(finished.exitCode).toBe(1)
    expect(finished.stderr).toContain('ValueError: the third row is broken')
  })

  it('is started by the program that sparkSubmitLocation names', async () => {
    using project = makeProject(files)
    const wrapper = join(project.directory, '..', 'my-spark-submit')
    writeFileSync(wrapper, `#!/bin/sh\necho "started by mine"\nexec ${environment}/bin/spark-submit "$@"\n`, { mode: 0o755 })
    project.write('aml_config/local.compute', `${files['aml_config/local.compute']}sparkSubmitLocation: ${wrapper}\n`)
    const finished = await project.errand('submit', '-c', 'local', 'etl.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(scriptOutput(finished)).toMatch(/^started by mine\n/)
  })
})
