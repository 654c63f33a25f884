import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sshd, machinePythons, makeCondaChannel, sshdProblem, startSshd } from '../packages/testkit/src/servers/index.ts'
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

describe('an environment of conda packages', () => {
  it('gives a script what the scripts in etc/conda/activate.d set', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-channel-'))
    const { python } = makeCondaChannel(folder, machinePythons())
    using project = makeProject({
      'aml_config/conda_dependencies.yml': `channels: ["file://${folder}"]\ndependencies:\n  - python=${python}\n  - activator\n`,
      'aml_config/local.compute': 'type: local\nuserManagedEnvironment: false\nenvironmentProvider: rattler\n',
      'aml_config/local.runconfig': 'Target: local\nFramework: Python\nPrepareEnvironment: true\n',
      'main.py': 'import os\nprint(open(os.environ["ACTIVATOR_DATA"] + "/data.txt").read().strip(), os.environ["ACTIVATOR_PLAIN"])\n',
    })
    const run = await project.errand('submit', '-c', 'local', 'main.py')
    expect([run.exitCode, scriptOutput(run)], run.stderr).toEqual([0, 'data from a file\n'])
    rmSync(folder, { recursive: true })
  })
})

const wheel = 'own_thing-1.0-py3-none-any.whl'

function makeWheel(file: string, value: number): void {
  const program = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("own_thing.py", "value = %s\\n" % sys.argv[2])
    wheel.writestr("own_thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own-thing\\nVersion: 1.0\\n")
    wheel.writestr("own_thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("own_thing-1.0.dist-info/RECORD", "own_thing.py,,\\n")
`
  execFileSync('python3', ['-c', program, file, String(value)])
}

/** A package index that wants a password, with the wheel on it. */
async function startIndex(folder: string, password: string): Promise<AsyncDisposable & { readonly host: string }> {
  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from(`me:${password}`).toString('base64')}`) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end()
    } else if (request.url === '/simple/own-thing/') {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(`<a href="/files/${wheel}">${wheel}</a>`)
    } else if (request.url === `/files/${wheel}`) {
      response.writeHead(200).end(readFileSync(join(folder, wheel)))
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const filesWith = (text: string, folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))

const managed = {
  'aml_config/local.compute': 'type: local\nuserManagedEnvironment: false\n',
  'aml_config/local.runconfig': 'Target: local\nFramework: Python\nPrepareEnvironment: true\n',
  'main.py': 'import own_thing\nprint(own_thing.value)\n',
}

describe('what an environment is made of', () => {
  it('is a wheel of the project: its content is part of the key, and a lock holds to it', async () => {
    using project = makeProject({ ...managed, 'aml_config/conda_dependencies.yml': condaFile('python3', [`./wheels/${wheel}`]) })
    mkdirSync(join(project.directory, 'wheels'))
    const file = join(project.directory, 'wheels', wheel)
    makeWheel(file, 42)
    expect((await project.errand('prepare', '-c', 'local', '--locked')).stderr).toMatch(
      /^ERROR: No run and no prepare of local at local has left/m,
    )
    const prepared = await project.errand('prepare', '-c', 'local')
    expect(prepared.exitCode, prepared.stderr).toBe(0)
    const first = await project.errand('submit', '-c', 'local', 'main.py')
    expect([first.exitCode, scriptOutput(first)], first.stderr).toEqual([0, '42\n'])
    expect((await project.errand('prepare', '-c', 'local', '--locked')).exitCode).toBe(0)
    makeWheel(file, 43)
    const explained = await project.errand('prepare', '-c', 'local', '--explain')
    expect(explained.stdout).toMatch(new RegExp(`file: wheels/${wheel}: sha256:[0-9a-f]{64} → sha256:[0-9a-f]{64}`))
    const drifted = await project.errand('prepare', '-c', 'local', '--locked')
    expect(drifted.stderr).toMatch(/^ERROR: .*asks for something else than what is locked:\n {2}file: wheels/m)
    const second = await project.errand('submit', '-a', '--wait', '-c', 'local', 'main.py')
    expect(second.exitCode, second.stderr).toBe(0)
    expect((await project.errand('logs', 'last')).stdout).toContain('43')
  })

  it('comes from an index with a password, which is a secret or stands in the file, and which nothing keeps', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-index-'))
    makeWheel(join(folder, wheel), 7)
    await using index = await startIndex(folder, 'c4nary+secret')
    const written = (password: string) =>
      condaFile('python3', ['--no-cache-dir', `--extra-index-url http://me:${password}@${index.host}/simple`, 'own-thing'])
    using named = makeProject(
      { ...managed, 'aml_config/conda_dependencies.yml': written('${INDEX_PASSWORD}') },
      { ERRAND_SECRET_INDEX_PASSWORD: 'c4nary+secret' },
    )
    const run = await named.errand('submit', '-c', 'local', 'main.py')
    expect([run.exitCode, scriptOutput(run)], run.stderr).toEqual([0, '7\n'])
    expect([...filesWith('c4nary', named.directory), ...filesWith('c4nary', named.home)]).toEqual([])
    using literal = makeProject({ ...managed, 'aml_config/conda_dependencies.yml': written('c4nary%2Bsecret') })
    const left = await literal.errand('submit', '-a', '--wait', '-c', 'local', 'main.py')
    expect([left.exitCode, left.stderr]).toEqual([0, expect.stringContaining('an address holds a password or token')])
    const kept = [...filesWith('c4nary', join(literal.directory, '.errand')), ...filesWith('c4nary', literal.home)]
    // The file itself is part of the project that was copied, as the warning says.
    expect(kept.filter((path) => !/objects|work|trees/.test(path))).toEqual([])
    rmSync(folder, { recursive: true })
  })

  it('is what a uv.lock has, beside a pyproject.toml', async () => {
    const pyproject = (six: string) =>
      `[project]\nname = "flowers"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["six${six}"]\n`
    const [sha256, url] = [
      '4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274',
      'b7/ce/149a00dd41f10bc29e5921b496af8b574d8413afcd5e30dfa0ed46c2cc5e',
    ]
    const six = `[[package]]\nname = "six"\nversion = "1.17.0"\nsource = { registry = "https://pypi.org/simple" }\nwheels = [\n    { url = "https://files.pythonhosted.org/packages/${url}/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:${sha256}" },\n]\n`
    const flowers = `[[package]]\nname = "flowers"\nversion = "1"\nsource = { virtual = "." }\ndependencies = [\n    { name = "six" },\n]\n\n[package.metadata]\nrequires-dist = [{ name = "six", specifier = ">=1.16" }]\n`
    using project = makeProject({
      ...managed,
      'aml_config/local.runconfig': `${managed['aml_config/local.runconfig']}RequirementsFile: pyproject.toml\n`,
      'main.py': 'import six\nprint(six.__version__)\n',
      'pyproject.toml': pyproject('>=1.16'),
      'uv.lock': `version = 1\nrequires-python = ">=3.8"\n\n${flowers}\n${six}`,
    })
    const run = await project.errand('submit', '-c', 'local', 'main.py')
    expect([run.exitCode, scriptOutput(run)], run.stderr).toEqual([0, '1.17.0\n'])
    const again = await project.errand('submit', '-c', 'local', 'main.py')
    expect(again.stderr).toBe('')
    project.write('pyproject.toml', `# a comment\n${pyproject('>=1.17')}`)
    const explained = await project.errand('prepare', '-c', 'local', '--explain')
    expect([explained.stdout, explained.stderr]).toEqual([
      expect.stringMatching(/state +ready/),
      expect.stringContaining('uv.lock was made for other'),
    ])
  })

  it('is a requirements.txt with the files that it names', async () => {
    using project = makeProject({
      ...managed,
      'aml_config/local.runconfig': `${managed['aml_config/local.runconfig']}RequirementsFile: requirements/run.txt\n`,
      'main.py': 'import six, attr\nprint(six.__version__)\n',
      'requirements/run.txt': '-r base.txt\nattrs\n',
      'requirements/base.txt': 'six==1.16.0\n',
    })
    const run = await project.errand('submit', '-c', 'local', 'main.py')
    expect([run.exitCode, scriptOutput(run)], run.stderr).toEqual([0, '1.16.0\n'])
  })

  it('can be left out by name or by line, so that a run goes on without it', async () => {
    using project = makeProject({
      ...managed,
      'main.py': 'import six\n',
      'aml_config/conda_dependencies.yml': condaFile('python3', [
        'six',
        'no-such-package-of-errand==1.0',
        '--find-links https://azuremldownloads.azureedge.net/wheels',
      ]),
    })
    const failed = await project.errand('prepare', '-c', 'local')
    expect(failed.stderr).toMatch(
      /^ERROR: The environment of aml_config\/conda_dependencies\.yml could not be made: installing the pip section/m,
    )
    expect(failed.stderr).toMatch(/The full log is \S+ on this machine/)
    const run = await project.errand('submit', '--without', 'no-such-package-of-errand', '--without', '6', '-c', 'local', 'main.py')
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.stderr).toContain('this line is left out, as you asked')
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
