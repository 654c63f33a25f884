import { join } from 'node:path'
import { expect, it } from 'vitest'
import { runIdOf, standInTargets, temporaryProject } from './project.ts'

const echo = 'import json, sys\nprint(json.dumps(sys.argv[1:]))\n'
const fails = 'import sys\nsys.stdout.write("half a line")\nsys.exit(3)\n'
const slow = 'import time\nprint("tick", flush=True)\ntime.sleep(600)\n'
const stubborn = `import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda number, frame: print("asked to end", flush=True))
print("tick", flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.1)
`

it('writes the console of the original to the letter', async () => {
  using project = temporaryProject()
  project.write('my_script.py', 'import sys\nprint("out")\nsys.stdout.flush()\nprint("err", file=sys.stderr)\n')
  const finished = await project.errand('experiment', 'submit', '-c', 'local', 'my_script.py')
  const id = runIdOf(finished)
  expect(id).toMatch(/^iris_\d{13}$/)
  expect(finished).toEqual({
    exitCode: 0,
    stderr: 'err\n',
    stdout: `RunId: ${id}\n\nExecuting user inputs .....\n===========================\n\nout\n\nExecution Details\n=================\nRunId: ${id}\n`,
  })
})

it('gives the script every argument behind it, to the byte', async () => {
  using project = temporaryProject()
  project.write('echo.py', echo)
  const words = [
    '-c',
    'x',
    '--help',
    '--',
    '-o',
    'json',
    '-1',
    '1',
    '2',
    '1',
    '',
    ' a  b ',
    '$HOME',
    '*',
    'ä€𝄞',
    "it's",
    '"',
    String.raw`\n`,
    '--version',
    '-p',
    '/',
  ]
  const { stdout, exitCode } = await project.errand('submit', '-c', 'local', 'echo.py', ...words)
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout.split('===\n\n')[1]?.split('\n')[0] ?? '')).toEqual(words)
})

it('fails with the script, keeps the last block on a line of its own, and says why on stderr', async () => {
  using project = temporaryProject()
  project.write('fails.py', fails)
  const finished = await project.errand('submit', '-c', 'local', 'fails.py')
  const id = runIdOf(finished)
  expect(finished.exitCode).toBe(1)
  expect(finished.stdout).toContain(`half a line\n\nExecution Details\n=================\nRunId: ${id}\n`)
  expect(finished.stderr).toMatch(new RegExp(`^ERROR: The run ${id} failed: .*3`, 'm'))
})

it.each([
  [['submit', '-c', 'local'], /^ERROR: Specify the script to run, with its arguments if any\./],
  [['submit', '-c', 'local', 'missing.py'], /^ERROR: .*missing\.py/],
  [['submit', '-c', 'lokal', 'echo.py'], /^ERROR: .*lokal/],
  [['submit', '-c', 'local', '-t', 'nowhere', 'echo.py'], /^ERROR: .*nowhere/],
])('starts nothing for %j and leaves no record', async (words, message) => {
  using project = temporaryProject()
  project.write('echo.py', echo)
  const finished = await project.errand(...words)
  expect(finished).toMatchObject({ exitCode: 1, stdout: '' })
  expect(finished.stderr).toMatch(message)
  expect(JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout)).toEqual([])
})

it('says all at once what is wrong and what is only noticed', async () => {
  using project = temporaryProject()
  project.write('echo.py', echo)
  project.write('aml_config/local.runconfig', 'Target: local\nFramework: Pithon\nArgumentVector: [$file]\nTimeLimt: 3\n')
  const { stderr, exitCode } = await project.errand('submit', '-c', 'local', 'echo.py')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^ERROR: aml_config\/local\.runconfig:2:.*Pithon/)
  expect(stderr).toMatch(/^WARNING: aml_config\/local\.runconfig:4:.*TimeLimt/m)
})

it('says of a script that refused an option of errand where these stand, and only then', async () => {
  using project = temporaryProject()
  project.write('parse.py', 'import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument("--rate")\nparser.parse_args()\n')
  project.write('number.py', 'import sys\nfloat(sys.argv[1])\n')
  project.write('other.py', 'raise RuntimeError("something else")\n')
  const end = "went to the script: errand's own options stand before it."
  const stderrOf = async (...words: string[]) => (await project.errand('submit', '-c', 'local', ...words)).stderr
  expect(await stderrOf('parse.py', '--rate', '1', '--dry-run', '-o', 'json')).toContain(`\n--dry-run, -o ${end}\n`)
  expect(await stderrOf('number.py', '--async')).toContain(`\n--async ${end}\n`)
  expect(await stderrOf('parse.py', '--rat')).not.toContain(end)
  expect(await stderrOf('other.py', '--target', 'x')).not.toContain(end)
})

it('keeps stdout for JSON when JSON is asked for', async () => {
  using project = temporaryProject()
  project.write('echo.py', echo)
  const { stdout, stderr } = await project.errand('submit', '-c', 'local', '-o', 'json', 'echo.py', 'a')
  expect(JSON.parse(stdout)).toMatchObject({ status: 'Completed', script_name: 'echo.py' })
  expect(stderr).toContain('["a"]')
  const left = await project.errand('submit', '-a', '-c', 'local', '-o', 'json', 'echo.py', 'a')
  expect(JSON.parse(left.stdout)).toMatchObject({ script_name: 'echo.py' })
  await project.errand('wait', 'last')
})

it('prints the id and returns with --async; the run goes on without its client', async () => {
  using project = temporaryProject()
  project.write('echo.py', echo)
  const finished = await project.errand('experiment', 'submit', '-a', '-c', 'local', 'echo.py', 'a')
  const id = runIdOf(finished)
  expect(finished).toEqual({ exitCode: 0, stdout: `RunId: ${id}\n`, stderr: '' })
  expect(await project.errand('wait', id)).toMatchObject({ exitCode: 0, stdout: `${id} : Completed\n` })
  expect((await project.errand('logs', id)).stdout).toBe('["a"]\n')
})

it('leaves the run alive after Ctrl-C and says how to cancel and how to come back', async () => {
  using project = temporaryProject()
  project.write('slow.py', slow)
  const started = project.start('submit', '-c', 'local', 'slow.py')
  await started.says('tick')
  started.interrupt()
  const finished = await started.finished
  const id = runIdOf(finished)
  expect(finished.exitCode).toBe(130)
  expect(finished.stderr).toContain(`errand logs -f ${id}`)
  expect(finished.stderr).toContain(`errand cancel ${id}`)
  expect(finished.stderr).not.toContain('ERROR')
  expect((await project.errand('status', id)).stdout).toMatch(/^state : Running\n/)
  expect(await project.errand('experiment', 'cancel', '-r', id, '-t', 'local')).toEqual({
    exitCode: 0,
    stdout: 'Experiment run canceled successfully.\n',
    stderr: '',
  })
  expect((await project.errand('status', id)).stdout).toMatch(/^state : Canceled\n/)
})

it('goes on with a cancel after Ctrl-C, and says how to look', async () => {
  using project = temporaryProject()
  project.write('stubborn.py', stubborn)
  // The run has its grace from its submit.
  const patient = { environment: { ERRAND_CANCEL_GRACE: '600' } }
  const submitted = project.startWith(patient, 'submit', '-a', '-c', 'local', 'stubborn.py', join(project.parent, 'let-go'))
  const id = runIdOf(await submitted.finished)
  const following = project.start('logs', '-f', id)
  await following.says('tick')
  const cancelling = project.start('cancel', id)
  await following.says('asked to end')
  expect((await project.errand('status', id)).stdout).toMatch(/^state : CancelRequested\n/)
  cancelling.interrupt()
  expect(await cancelling.finished).toEqual({
    exitCode: 130,
    stdout: '',
    stderr: `\nThe cancel goes on at the place. To look:  errand status ${id}\n`,
  })
  project.write('../let-go', '')
  await following.finished
  expect((await project.errand('status', id)).stdout).toMatch(/^state : Canceled\n/)
})

it('follows a run from another shell, and Ctrl-C there ends only the following', async () => {
  using project = temporaryProject()
  project.write('slow.py', slow)
  const id = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'slow.py'))
  const following = project.start('logs', '-f', id)
  await following.says('tick\n')
  following.interrupt()
  expect(await following.finished).toEqual({ exitCode: 130, stdout: 'tick\n', stderr: '' })
  expect((await project.errand('status', id)).stdout).toMatch(/^state : Running\n/)
  await project.errand('cancel', id)
})

it('prepares, leaves a record of it, and answers --check with one sentence and an exit code', async () => {
  using project = temporaryProject()
  const prepared = await project.errand('experiment', 'prepare', '--target', 'local', '--run-configuration', 'local')
  const id = runIdOf(prepared)
  expect(prepared.exitCode).toBe(0)
  expect(JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout)).toMatchObject([{ run_id: id, status: 'Completed' }])
  const check = await project.errand('prepare', '-c', 'local', '--check')
  expect(check.exitCode).toBe(0)
  expect(check.stdout).toMatch(/^local is prepared.*\n$/)
  const left = await project.errand('prepare', '-a', '-c', 'local')
  expect(left).toMatchObject({ exitCode: 0, stdout: `RunId: ${runIdOf(left)}\n` })
  expect(await project.errand('prepare', '-a', '-c', 'lokal')).toMatchObject({ exitCode: 1, stdout: '' })
})

/** Command lines that were really used, with types of targets that stand in for those that need an engine, a machine or a cluster. */
it.each([
  'experiment submit -c local my_script.py',
  String.raw`experiment submit -c docker-python .\iris_sklearn.py 0.01`,
  'experiment submit --run-configuration docker ./first.py',
  'experiment submit -t dockerdsvm -c dockerdsvm ./Code/etl.py ./Config/storageconfig.json FILTER_IP',
  'experiment submit -a -t myhdi -c myhdi -d Config/conda_dependencies.yml -s Config/hdi_spark_dependencies.yml ./Code/etl.py FULL FALSE Config/x.json',
  String.raw`experiment submit -c remoteVM .\iris_sklearn.py --wait`,
  'experiment prepare -c dockerdsvm -t dockerdsvm -d aml_config/conda_dependencies2.yml',
  'experiment prepare --target docker --run-configuration docker',
  'execute start -c docker my_script.py',
])('accepts: %s', async (line) => {
  using project = temporaryProject()
  const types = { 'docker-python': 'box', docker: 'box', dockerdsvm: 'farbox', myhdi: 'swarm', remoteVM: 'farbox' }
  for (const [name, type] of Object.entries(types)) {
    const place = type === 'box' ? '' : 'address: 127.0.0.1\nusername: sshuser\npassword: x\n'
    project.write(`aml_config/${name}.compute`, `type: ${type}\n${place}`)
    project.write(`aml_config/${name}.runconfig`, `Target: ${name}\nFramework: Python\nArgumentVector: [$file]\nPrepareEnvironment: true\n`)
  }
  for (const script of ['my_script.py', 'iris_sklearn.py', 'first.py', 'Code/etl.py']) project.write(script, echo)
  for (const file of ['Config/conda_dependencies.yml', 'aml_config/conda_dependencies.yml', 'aml_config/conda_dependencies2.yml']) {
    project.write(file, 'name: project\ndependencies:\n  - python=3.11\n')
  }
  project.write('Config/hdi_spark_dependencies.yml', 'configuration: {}\nrepositories: []\npackages: []\n')
  const folder = standInTargets(join(project.parent, 'stand-ins'), ['box', 'farbox', 'swarm'])
  const finished = await project.errandWith({ environment: { ERRAND_TARGETS: folder } }, ...line.split(' '))
  expect(finished.exitCode, `${finished.stdout}${finished.stderr}`).toBe(0)
  const id = runIdOf(finished)
  const waited = await project.errandWith({ environment: { ERRAND_TARGETS: folder } }, 'wait', id)
  expect(waited.stdout).toBe(`${id} : Completed\n`)
  const status = await project.errandWith({ environment: { ERRAND_TARGETS: folder } }, 'experiment', 'status', '--run', id)
  expect(status.stdout).toMatch(/^state : Completed\n/)
})

it('says where an interpreter is named that is not there', async () => {
  using project = temporaryProject()
  project.write('train.py', 'print(1)\n')
  const python = 'userManagedDependencies: true, interpreterPath: /opt/nobody/bin/python'
  project.write('aml_config/away.runconfig', `target: local\nenvironment:\n  python: {${python}}\n`)
  expect(await project.errand('submit', '-c', 'away', 'train.py')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(
      /No Python interpreter "\/opt\/nobody\/bin\/python" was found\.\n.*: interpreterPath in away\.runconfig\n$/,
    ),
  })
})
