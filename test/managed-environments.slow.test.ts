import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sshd, sshdProblem, startSshd } from '../packages/testkit/src/servers/index.ts'
import { type Project, makeProject, scriptOutput } from './errand.ts'
import { exampleProject, lastRecord } from './examples.ts'

/** Environments that are made where the run is, with real packages from PyPI. */

const series = (python: string): string =>
  execFileSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' }).trim()

const condaFile = (python: string, pip: readonly string[]): string =>
  ['dependencies:', `  - python=${series(python)}`, '  - pip:', ...pip.map((item) => `    - ${item}`), ''].join('\n')

/** The example with its packages in the pip section, which needs no conda channel. */
function churnProject(python: string): Project {
  const project = exampleProject('churn')
  project.write('aml_config/conda_dependencies.yml', condaFile(python, ['pandas', 'scikit-learn']))
  return project
}

async function learns(project: Project, configuration: string): Promise<void> {
  const refused = await project.errand('submit', '-c', configuration, 'train.py')
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('is not ready on')])
  const prepared = await project.errand('prepare', '-c', configuration)
  expect([prepared.exitCode, prepared.stdout], prepared.stderr).toEqual([0, expect.stringMatching(/is prepared: [0-9a-f]{24}\.\n$/)])
  const run = await project.errand('submit', '-c', configuration, 'train.py')
  expect(run).toMatchObject({ exitCode: 0, stderr: '' })
  expect((await lastRecord(project))['Decision Tree Accuracy']).toBeGreaterThan(0.8)
}

describe('an environment on this machine', () => {
  it('runs churn with scikit-learn from PyPI, and is cleaned away with its tools', async () => {
    using project = churnProject('python3')
    project.write('aml_config/local.compute', 'type: local\nuserManagedEnvironment: false\n')
    await learns(project, 'local')
    const cleaned = await project.errand('clean', '--all', '-t', 'local')
    expect(cleaned.stdout).toMatch(/^Removed environment [0-9a-f]{24} \(\d+ MB\)$/m)
    expect(cleaned.stdout).toMatch(/^Removed tool uv-/m)
    expect((await project.errand('prepare', '-c', 'local', '--check')).exitCode).toBe(1)
  })

  it('has its own Spark: PySpark from PyPI runs a script', async () => {
    using project = makeProject({
      'aml_config/conda_dependencies.yml': condaFile('python3', ['pyspark==3.5.7', 'setuptools<81']),
      'aml_config/local.compute': 'type: local\nuserManagedEnvironment: false\n',
      'aml_config/local.runconfig': 'Target: local\nFramework: PySpark\nPrepareEnvironment: true\n',
      'etl.py': `import sys
from pyspark.sql import SparkSession
session = SparkSession.builder.getOrCreate()
print("sum", session.sparkContext.parallelize(range(10)).map(lambda number: number * 2).sum(), 'environments' in sys.prefix)
session.stop()
`,
    })
    const run = await project.errand('submit', '-c', 'local', 'etl.py')
    expect(run.exitCode, run.stderr).toBe(0)
    expect(scriptOutput(run)).toContain('sum 90 True')
  })
})

const problem = sshdProblem()

describe.skipIf(problem)(`an environment behind a real sshd${problem === undefined ? '' : ` (${problem})`}`, () => {
  let server: Sshd
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'errand-managed-remote-'))
    chmodSync(folder, 0o777)
    server = await startSshd({ lines: [`SetEnv ERRAND_HOME=${folder}/errand HOME=${folder}`] })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('runs churn with scikit-learn from PyPI', async () => {
    using project = churnProject('/usr/bin/python3')
    project.write(
      'aml_config/vm.compute',
      [
        'type: remote',
        `address: 127.0.0.1:${server.port}`,
        `username: ${server.user}`,
        `privateKey: ${server.key.file}`,
        'pythonLocation: /usr/bin/python3',
        'userManagedEnvironment: false',
        '',
      ].join('\n'),
    )
    project.write('aml_config/vm.runconfig', 'Target: vm\nFramework: Python\n')
    const accept = ['--name', 'vm', '--accept-host-key', server.hostKeys[0]?.fingerprint ?? '']
    const accepted = await project.errand('computetarget', 'attach', 'remote', ...accept)
    expect(accepted.exitCode, accepted.stderr).toBe(0)
    expect(readFileSync(join(project.directory, 'aml_config/vm.compute'), 'utf8')).toContain('userManagedEnvironment: false')
    await learns(project, 'vm')
  })
})
