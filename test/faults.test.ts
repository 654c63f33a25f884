import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Project, makeProject, runIdOf, scriptOutput, until } from './errand.ts'

/** What can go wrong before a script starts: bad files, bad names. Nothing of the user is lost, and the sentence says what to do. */

interface Refusal {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly says: readonly RegExp[]
}

const refusals: readonly Refusal[] = [
  { name: 'a run configuration that is not there', files: {}, command: ['submit', '-c', 'locl', 'train.py'], says: [/locl/, /local/] },
  { name: 'an empty run configuration', files: { 'aml_config/local.runconfig': '' }, says: [/aml_config\/local\.runconfig/, /empty/] },
  {
    name: 'a run configuration with a tab',
    files: { 'aml_config/local.runconfig': 'Target: local\nEnvironmentVariables:\n\tA: b\n' },
    says: [/local\.runconfig:3/, /tab/i],
  },
  {
    name: 'a run configuration with merge marks',
    files: { 'aml_config/local.runconfig': '<<<<<<< HEAD\nTarget: local\n=======\n>>>>>>> x\n' },
    says: [/local\.runconfig:1/, /merge/],
  },
  {
    name: 'a run configuration whose target is missing',
    files: { 'aml_config/local.runconfig': 'Target: dcker\nFramework: Python\n', 'aml_config/docker.compute': 'type: docker\n' },
    says: [/dcker/, /docker/],
  },
  { name: 'an empty compute file', files: { 'aml_config/local.compute': '' }, says: [/local\.compute/, /empty/] },
  {
    name: 'a broken compute file',
    files: { 'aml_config/local.compute': 'type: local\n  pythonLocation: x\n' },
    says: [/local\.compute:\d/],
  },
  { name: 'a compute file of an unknown type', files: { 'aml_config/local.compute': 'type: lcal\n' }, says: [/lcal/, /local/] },
  { name: 'a compute file of the cloud successor', files: { 'aml_config/local.compute': 'type: amlcompute\n' }, says: [/amlcompute/] },
  {
    name: 'several problems in one file',
    files: { 'aml_config/local.runconfig': 'Target: local\nFramework: TensorFlow\nPrepareEnvironment: perhaps\n' },
    says: [/local\.runconfig:2/, /local\.runconfig:3/],
  },
  { name: 'a script that is missing', files: {}, command: ['submit', '-c', 'local', 'tran.py'], says: [/tran\.py/, /train\.py/] },
  { name: 'a script outside the project', files: {}, command: ['submit', '-c', 'local', '../elsewhere.py'], says: [/outside/] },
  {
    name: 'a script that is a directory',
    files: { 'folder/x.py': '' },
    command: ['submit', '-c', 'local', 'folder'],
    says: [/folder/, /directory|folder/],
  },
  {
    name: 'no script at all',
    files: {},
    command: ['submit', '-c', 'local'],
    says: [/[Ss]pecify the script to run, with its arguments if any/],
  },
  {
    name: 'no interpreter',
    files: { 'aml_config/local.compute': 'type: local\npythonLocation: /nowhere/python\n' },
    says: [/\/nowhere\/python/, /pythonLocation/],
  },
  {
    name: 'a PySpark run without Spark',
    files: {
      'aml_config/local.runconfig': 'Target: local\nFramework: PySpark\n',
      'aml_config/local.compute': 'type: local\nsparkSubmitLocation: /nowhere/spark-submit\n',
    },
    says: [/\/nowhere\/spark-submit/],
  },
]

describe('a submit is refused', () => {
  for (const { name, files, command, says } of refusals) {
    it(`for ${name}, with a sentence that says what to do`, async () => {
      using project = makeProject({ 'train.py': 'print("ran")\n', ...files })
      const finished = await project.errand(...(command ?? ['submit', '-c', 'local', 'train.py']))
      expect(finished.exitCode).toBe(1)
      expect(finished.stdout).not.toContain('ran\n')
      const errors = finished.stderr.split('\n')
      // The last word on stderr begins with the error; warnings of the files may stand before it.
      expect(errors.some((line) => line.startsWith('ERROR: '))).toBe(true)
      for (const text of says) expect(finished.stderr).toMatch(text)
      expect(finished.stderr).not.toMatch(/ at .*\.(ts|js):\d+/)
      for (const [path, text] of Object.entries(files)) expect(readFileSync(join(project.directory, path), 'utf8')).toBe(text)
    })
  }

  it('in a folder that is no project, naming the command that makes one', async () => {
    using project = makeProject({})
    const bare = join(project.home, '..', 'bare')
    mkdirSync(bare)
    const finished = await project.errand('submit', '-p', bare, '-c', 'local', 'train.py')
    expect(finished.exitCode).toBe(1)
    expect(finished.stderr).toMatch(/^ERROR: /)
    expect(finished.stderr).toContain('errand init')
  })

  it('and broken files elsewhere do not stop the commands that do not need them', async () => {
    using project = makeProject({
      'train.py': 'print("ran")\n',
      'aml_config/broken.compute': 'type: [\n',
      'aml_config/broken.runconfig': '\t- x',
    })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    const targets = await project.errand('computetarget', 'list', '-o', 'json')
    expect(JSON.parse(targets.stdout)).toEqual(['broken', 'local'])
  })
})

/** What a script can do to itself and to its place. */

interface End {
  readonly name: string
  readonly script: string
  readonly status: 'Completed' | 'Failed'
  readonly output?: string
  readonly says?: RegExp
}

const ends: readonly End[] = [
  { name: 'exits with 3', script: 'import sys\nprint("before")\nsys.exit(3)\n', status: 'Failed', output: 'before\n', says: /exit code 3/ },
  {
    name: 'dies of SIGSEGV',
    script: 'import os, signal\nprint("before")\nos.kill(os.getpid(), signal.SIGSEGV)\n',
    status: 'Failed',
    output: 'before\n',
    says: /SIGSEGV/,
  },
  {
    name: 'gets MemoryError under a limit',
    script: 'import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\nprint("before")\nx = bytearray(4 << 30)\n',
    status: 'Failed',
    output: 'before\n',
    says: /MemoryError/,
  },
  {
    name: 'closes its stdout',
    script: 'import os, time\nprint("before")\nos.close(1)\nos.close(2)\ntime.sleep(0.3)\nopen("outputs/after", "w").write("x")\n',
    status: 'Completed',
    output: 'before\n',
  },
  {
    name: 'forks a daemon that outlives it',
    script: [
      'import os, sys, time',
      'if os.fork() == 0:',
      '    os.setsid()',
      '    if os.fork() == 0:',
      '        open("outputs/pid", "w").write(str(os.getpid()))',
      '        time.sleep(600)',
      '    os._exit(0)',
      'os.wait()',
      'while not os.path.exists("outputs/pid") or not open("outputs/pid").read(): time.sleep(0.01)',
      'print("done")',
    ].join('\n'),
    status: 'Completed',
    output: 'done\n',
  },
  {
    name: 'changes its folder',
    script:
      'import os\nopen("outputs/a", "w").write("1")\nos.chdir("/")\nopen(os.environ["AZUREML_OUTPUT_DIRECTORY"] + "/b", "w").write("2")\nprint("there")\n',
    status: 'Completed',
    output: 'there\n',
  },
  {
    name: 'deletes its own work folder',
    script: 'import os, shutil\nshutil.rmtree(os.getcwd())\nprint("gone")\n',
    status: 'Completed',
    output: 'gone\n',
  },
  { name: 'fails to import a package', script: 'import a_package_that_nobody_has\n', status: 'Failed', says: /a_package_that_nobody_has/ },
]

describe('a script that', () => {
  for (const { name, script, status, output, says } of ends) {
    it(`${name} ends as ${status}, with its output and a reason in words`, async () => {
      using project = makeProject({ 'train.py': script })
      const finished = await project.errand('submit', '-c', 'local', 'train.py')
      expect(finished.exitCode, finished.stderr).toBe(status === 'Completed' ? 0 : 1)
      if (output !== undefined) expect(scriptOutput(finished)).toContain(output)
      const record = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout)
      expect(record.status).toBe(status)
      if (says) expect(finished.stderr + finished.stdout).toMatch(says)
      const pid = join(project.directory, '.errand/runs', runIdOf(finished), 'files/outputs/pid')
      if (existsSync(pid)) expect(() => process.kill(Number(readFileSync(pid, 'utf8')), 0)).toThrow('ESRCH')
      expect(existsSync(join(project.home, 'runs', runIdOf(finished)))).toBe(false)
    })
  }

  it('prints bytes that are no UTF-8 has them in its log as they were', async () => {
    using project = makeProject({ 'train.py': 'import sys\nsys.stdout.buffer.write(bytes(range(256)))\n' })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    const stored = readFileSync(join(project.directory, '.errand/runs', runIdOf(finished), 'log'))
    expect(stored.includes(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))).toBe(true)
  })

  it('prints 100 MB in one line has every byte of it shown and stored', async () => {
    using project = makeProject({ 'train.py': 'import sys\nfor _ in range(100):\n    sys.stdout.write("x" * 1000000)\n' })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(scriptOutput(finished).length).toBeGreaterThanOrEqual(100_000_000)
    expect(statSync(join(project.directory, '.errand/runs', runIdOf(finished), 'log')).size).toBeGreaterThan(100_000_000)
  })

  it('ignores SIGTERM with two children is cancelled only when all three are gone', async () => {
    using project = makeProject({ 'train.py': stubborn })
    project.environment['ERRAND_CANCEL_GRACE'] = '1'
    const submitted = project.start('submit', '-c', 'local', 'train.py')
    const pids = await pidsOf(project, 3)
    const cancelled = await project.errand('cancel', '-r', 'last')
    expect(cancelled.exitCode, cancelled.stderr).toBe(0)
    expect(cancelled.stdout).toContain('Experiment run canceled successfully.')
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    await submitted.finished
    expect(JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout).status).toBe('Canceled')
  })
})

const stubborn = `
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        break
with open(os.environ["ERRAND_HOME"] + "/pids", "a") as file:
    file.write("%d\\n" % os.getpid())
while True:
    time.sleep(1)
`

async function pidsOf(project: Project, count: number): Promise<readonly number[]> {
  const path = join(project.home, 'pids')
  const read = () => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number) : [])
  await until(() => read().length === count, `${count} processes of the script`)
  return read()
}
