import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Finished, type Project, makeProject, repository, runIdOf, scriptOutput, startProcess, until } from './errand.ts'

/** What clients, batch files and notes of the original rely on: reference/original-cli.md, line by line, with targets on this machine. */

const program = join(repository, 'apps/cli/bin/errand.js')
const json = ({ stdout }: Finished) => JSON.parse(stdout)
const firstErrorLine = ({ stderr }: Finished) => stderr.split('\n')[0]
const showArguments = 'import json, sys\nprint(json.dumps(sys.argv))\n'

/** A line as it stands in the reference, cut at blanks; what stands in quotes is one word. Backslashes are kept, as cmd.exe keeps them. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

describe('the console of a submit', () => {
  const script = 'import sys\nprint("first")\nprint("second", flush=True)\nsys.stderr.write("aside\\n")\n'

  it('is the original one to the letter', async () => {
    using project = makeProject({ 'train.py': script })
    const finished = await project.errand('experiment', 'submit', '-c', 'local', 'train.py')
    const id = runIdOf(finished)
    expect(id).toMatch(/^project_\d{13}$/)
    expect(finished.stdout.replaceAll(id, '<run id>')).toMatchInlineSnapshot(`
      "RunId: <run id>

      Executing user inputs .....
      ===========================

      first
      second

      Execution Details
      =================
      RunId: <run id>
      "
    `)
    expect(finished).toMatchObject({ exitCode: 0, stderr: 'aside\n' })
  })

  it('begins its last block on a line of its own when the script ended in the middle of one', async () => {
    using project = makeProject({ 'train.py': 'print("no line end", end="")\n' })
    const { stdout } = await project.errand('submit', '-c', 'local', 'train.py')
    expect(stdout).toContain('\n\nno line end\n\nExecution Details\n=================\nRunId: ')
  })

  it('is the same for a script that failed, whose reason is the first line of stderr behind its own, with exit code 1', async () => {
    using project = makeProject({ 'train.py': 'print("before")\nraise SystemExit(3)\n' })
    const finished = await project.errand('submit', '-c', 'local', 'train.py')
    const id = runIdOf(finished)
    expect(finished.exitCode).toBe(1)
    expect(finished.stdout).toMatch(/^RunId: .*\n\nExecuting user inputs \.{5}\n={27}\n\nbefore\n\nExecution Details\n={17}\nRunId: .*\n$/)
    expect(firstErrorLine(finished)).toBe(`ERROR: The run ${id} failed: The script ended with exit code 3.`)
  })

  it('gives the id to batch files as the second word of the line with RunId, before anything else, also with --async', async () => {
    using project = makeProject({ 'train.py': script })
    for (const flags of [[], ['--async'], ['-a', '--wait']]) {
      const finished = await project.errand('submit', ...flags, '-c', 'local', 'train.py')
      expect(finished.stdout.split('\n')[0]?.split(' ')).toEqual(['RunId:', expect.stringMatching(/^project_\d{13}$/)])
      await project.errand('wait', runIdOf(finished))
      const status = await project.errand('experiment', 'status', '-r', runIdOf(finished), '-t', 'local')
      const line = status.stdout.split('\n').find((text) => text.includes('state : '))
      expect(line?.split(' ')[2]).toBe('Completed')
    }
  })

  it('with -o json is the record of the run and nothing else; what the script prints goes to stderr', async () => {
    using project = makeProject({ 'train.py': script })
    const finished = await project.errand('submit', '-o', 'json', '-c', 'local', 'train.py')
    expect(json(finished)).toMatchObject({ status: 'Completed', script_name: 'train.py', target: 'local' })
    expect(finished.stderr).toContain('first\nsecond\n')
    const left = await project.errand('submit', '-a', '-o', 'json', '-c', 'local', 'train.py')
    expect(json(left).run_id).toMatch(/^project_\d{13}$/)
    await project.errand('wait', json(left).run_id)
  })
})

describe('what one real client did', () => {
  let project: Project
  let id: string
  beforeAll(() => {
    project = makeProject({
      'rel/script.py': `${showArguments}from azureml.logging import get_azureml_logger\nget_azureml_logger().log("Accuracy", 0.5)\nopen("outputs/model.txt", "w").write("a model")\n`,
    })
  })
  afterAll(() => project[Symbol.dispose]())

  it('experiment submit -c "CFG" "rel/script.py" ARGS', async () => {
    const finished = await project.errand(...wordsOf('experiment submit -c "local" "rel/script.py" 0.5 "two words"'))
    expect(finished).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(scriptOutput(finished))).toEqual(['rel/script.py', '0.5', 'two words'])
    id = runIdOf(finished)
  })

  it('history list -o json, for run_id, status, script_name, created_utc and duration', async () => {
    const [row] = json(await project.errand('history', 'list', '-o', 'json'))
    expect(row).toEqual({
      run_id: id,
      script_name: 'rel/script.py',
      status: 'Completed',
      start_time_utc: expect.stringMatching(time),
      duration: expect.stringMatching(duration),
      created_utc: expect.stringMatching(time),
      target: 'local',
      Accuracy: 0.5,
    })
  })

  it('history info -r "ID" -o json, for the record with all its keys', async () => {
    const finished = await project.errand('history', 'info', '-r', id, '-o', 'json')
    const record = json(finished)
    expect(finished.stderr).toBe('')
    expect(record).toMatchObject({ name: 'project', run_id: id, status: 'Completed', target: 'local', script_name: 'rel/script.py' })
    for (const key of ['created_utc', 'start_time_utc', 'end_time_utc']) expect(record[key]).toMatch(time)
    expect(record.attachments.split(',').map((name: string) => name.trim())).toEqual([
      'outputs/model.txt',
      'control_log',
      'driver_log',
      'pid.txt',
    ])
    expect(record.attachments).toContain(', ')
  })

  it('history info -r "ID" --artifact "NAME", for its content and nothing else', async () => {
    expect(await project.errand('history', 'info', '-r', id, '--artifact', 'outputs/model.txt')).toMatchObject({
      exitCode: 0,
      stdout: 'a model',
      stderr: '',
    })
    const unknown = await project.errand('history', 'info', '-r', id, '--artifact', 'outputs/none')
    expect(unknown).toMatchObject({ exitCode: 1, stdout: '' })
    expect(firstErrorLine(unknown)).toMatch(/^ERROR: .*outputs\/none/)
    for (const name of ['driver_log', 'azureml-logs/80_driver_log.txt']) {
      expect(json(await project.errand('history', 'info', '-r', id, '--artifact', name))).toEqual(['rel/script.py', '0.5', 'two words'])
    }
  })

  it('history download --overwrite -r "ID" [--artifact "NAME"] -d artifacts/ID', async () => {
    const folder = `artifacts/${id}`
    const all = await project.errand('history', 'download', '--overwrite', '-r', id, '-d', folder)
    expect(all.exitCode).toBe(0)
    const lines = all.stdout.trim().split('\n')
    expect(lines).toContain(`Artifact outputs/model.txt has been downloaded to ${join(project.directory, folder, 'outputs/model.txt')}`)
    expect(lines).toHaveLength(4)
    const one = await project.errand('history', 'download', '--overwrite', '-r', id, '--artifact', 'outputs/model.txt', '-d', folder)
    expect(one.stdout.trim().split('\n')).toHaveLength(1)
    expect(readFileSync(join(project.directory, folder, 'outputs/model.txt'), 'utf8')).toBe('a model')
  })

  it('history download without --overwrite writes nothing when a file is there, and names each', async () => {
    project.write('there/outputs/model.txt', 'mine')
    const refused = await project.errand('history', 'download', '-r', id, '-d', 'there')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(firstErrorLine(refused)).toMatch(/^ERROR: .*model\.txt/)
    expect(readFileSync(join(project.directory, 'there/outputs/model.txt'), 'utf8')).toBe('mine')
    expect(existsSync(join(project.directory, 'there/driver_log'))).toBe(false)
  })

  it('computetarget list and the three of runconfiguration', async () => {
    expect(json(await project.errand('computetarget', 'list', '-o', 'json'))).toEqual(['local'])
    expect(await project.errand('runconfiguration', 'create', '-n', 'X', '-t', 'local')).toMatchObject({ exitCode: 0, stderr: '' })
    expect(json(await project.errand('runconfiguration', 'list', '-o', 'json'))).toEqual(['X', 'local'])
    const deleted = await project.errand('runconfiguration', 'delete', '-n', 'X', '-o', 'json')
    expect(deleted).toMatchObject({ exitCode: 0, stderr: '' })
    expect(() => json(deleted)).not.toThrow()
    expect(json(await project.errand('runconfiguration', 'list', '-o', 'json'))).toEqual(['local'])
  })

  it('experiment cancel -r "ID" -t "TARGET"', async () => {
    project.write('long.py', 'import time\nopen("outputs/early", "w").write("kept")\nprint("up", flush=True)\ntime.sleep(600)\n')
    const running = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'long.py'))
    await until(async () => (await project.errand('logs', running)).stdout === 'up\n', 'the script to start')
    const cancelled = await project.errand('experiment', 'cancel', '-r', running, '-t', 'local')
    expect(cancelled).toMatchObject({ exitCode: 0, stdout: 'Experiment run canceled successfully.\n' })
    // Final words for that client, in any case: completed, canceled, failed.
    expect(json(await project.errand('history', 'info', '-r', running, '-o', 'json')).status).toBe('Canceled')
    expect((await project.errand('history', 'info', '-r', running, '--artifact', 'outputs/early')).stdout).toBe('kept')
    const contradiction = await project.errand('experiment', 'cancel', '-r', running, '-t', 'docker')
    expect(contradiction.exitCode).toBe(1)
    expect(firstErrorLine(contradiction)).toMatch(/^ERROR: .*local.*docker/)
  })
})

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/
const duration = /^\d+:\d\d:\d\d\.\d{6}$/

describe('real command lines', () => {
  const targets = ['local', 'docker-python', 'docker', 'dockerdsvm', 'myhdi', 'remoteVM']
  const scripts = ['my_script.py', 'iris_sklearn.py', 'first.py', 'Code/etl.py', 'train.py']
  const files: Record<string, string> = {
    'Config/conda_dependencies.yml': 'name: other\ndependencies: [python=3.11]\n',
    'Config/hdi_spark_dependencies.yml': 'configuration: {spark.app.name: other}\n',
    'aml_config/conda_dependencies2.yml': 'name: second\ndependencies: [python=3.11]\n',
  }
  for (const name of targets) {
    files[`aml_config/${name}.compute`] = 'type: local\n'
    files[`aml_config/${name}.runconfig`] = `Target: ${name}\nFramework: Python\nArgumentVector: [$file]\n`
  }
  for (const name of scripts) files[name] = showArguments
  let project: Project
  beforeAll(() => {
    project = makeProject(files)
  })
  afterAll(() => project[Symbol.dispose]())

  const submits: readonly (readonly [line: string, target: string, argv: readonly string[]])[] = [
    ['experiment submit -c local my_script.py', 'local', ['my_script.py']],
    [String.raw`experiment submit -c docker-python .\iris_sklearn.py 0.01`, 'docker-python', ['iris_sklearn.py', '0.01']],
    ['experiment submit --run-configuration docker ./first.py', 'docker', ['first.py']],
    [
      'experiment submit -t dockerdsvm -c dockerdsvm ./Code/etl.py ./Config/storageconfig.json FILTER_IP',
      'dockerdsvm',
      ['Code/etl.py', './Config/storageconfig.json', 'FILTER_IP'],
    ],
    [String.raw`experiment submit -c remoteVM .\iris_sklearn.py --wait`, 'remoteVM', ['iris_sklearn.py', '--wait']],
    ['execute start -c docker train.py', 'docker', ['train.py']],
  ]

  it.each(submits)('%s', async (line, target, argv) => {
    const finished = await project.errand(...wordsOf(line))
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(JSON.parse(scriptOutput(finished))).toEqual(argv)
    expect(json(await project.errand('history', 'last', '-o', 'json'))).toMatchObject({ target, script_name: argv[0], status: 'Completed' })
    // An option of ours behind the script is passed on, and said.
    expect(finished.stderr.includes('--wait')).toBe(argv.includes('--wait'))
  })

  it('experiment submit -a … with files of its own for conda and Spark', async () => {
    const line =
      'experiment submit -a -t myhdi -c myhdi -d Config/conda_dependencies.yml -s Config/hdi_spark_dependencies.yml ./Code/etl.py FULL FALSE Config/x.json'
    const finished = await project.errand(...wordsOf(line))
    expect(finished).toMatchObject({ exitCode: 0, stdout: `RunId: ${runIdOf(finished)}\n` })
    expect(await project.errand('wait', runIdOf(finished))).toMatchObject({ exitCode: 0, stdout: `${runIdOf(finished)} : Completed\n` })
    const log = await project.errand('history', 'info', '-r', runIdOf(finished), '--artifact', 'driver_log')
    expect(JSON.parse(log.stdout)).toEqual(['Code/etl.py', 'FULL', 'FALSE', 'Config/x.json'])
  })

  it('experiment status --run ID --target remoteVM', async () => {
    const id = runIdOf(await project.errand('submit', '-c', 'remoteVM', 'train.py'))
    const status = await project.errand('experiment', 'status', '--run', id, '--target', 'remoteVM')
    expect(status.stdout).toMatch(/^state : Completed\nrun_id : /)
    expect((await project.errand('experiment', 'status', '--run', id, '--target', 'docker')).exitCode).toBe(1)
  })

  it.each([
    ['experiment prepare -c dockerdsvm -t dockerdsvm -d aml_config/conda_dependencies2.yml', 'dockerdsvm'],
    ['experiment prepare --target docker --run-configuration docker', 'docker'],
  ])('%s', async (line, target) => {
    const finished = await project.errand(...wordsOf(line))
    expect(finished.exitCode, finished.stderr).toBe(0)
    expect(finished.stdout).toMatch(new RegExp(`^RunId: ${runIdOf(finished)}\n${target} is prepared: .+\\.\n$`))
    const record = json(await project.errand('history', 'info', '-r', runIdOf(finished), '-o', 'json'))
    expect(record).toMatchObject({ run_type: 'prepare', status: 'Completed', target, script_name: null })
    expect([record.start_time_utc, record.end_time_utc]).toEqual([expect.stringMatching(time), expect.stringMatching(time)])
  })

  it('history list -o table and history last', async () => {
    const table = await project.errand('history', 'list', '-o', 'table')
    const headings = table.stdout.split('\n')[0]?.split(/ {2,}/)
    expect(headings).toEqual(['Run_id', 'Status', 'Script_name', 'Target', 'Start_time_utc', 'Duration'])
    const rows = json(await project.errand('history', 'list'))
    expect(table.stdout.trim().split('\n')).toHaveLength(2 + rows.length)
    expect(json(await project.errand('history', 'last')).run_id).toBe(rows[0].run_id)
  })

  it('in a loop of os.system calls, as sweeps are written', async () => {
    const sweep = `import os\nfor x in (0.1, 0.2):\n    assert os.system('${process.execPath} ${program} experiment submit -c local ./train.py {}'.format(x)) == 0\n`
    project.write('sweep.py', sweep)
    const child = spawn('python3', ['sweep.py'], { cwd: project.directory, env: project.environment, stdio: ['ignore', 'pipe', 'ignore'] })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
    expect([...stdout.matchAll(/^\["train\.py", "(.*)"\]$/gm)].map((match) => match[1])).toEqual(['0.1', '0.2'])
  })
})

describe('a target type that is not installed', () => {
  const types = [
    { type: 'docker', compute: 'type: docker\n', package: '@errand/target-docker' },
    { type: 'localdocker', compute: 'type: localdocker\n', package: '@errand/target-docker' },
    {
      type: 'remotedocker',
      compute: 'type: remotedocker\naddress: 192.168.1.11\nusername: sshuser\n',
      package: '@errand/target-remotedocker',
    },
    { type: 'remote', compute: 'type: remote\naddress: 192.168.1.11\nusername: sshuser\n', package: '@errand/target-remote-user-managed' },
    {
      type: 'cluster',
      compute: 'type: cluster\naddress: foo-ssh.azurehdinsight.net\nusername: sshuser\n',
      package: '@errand/target-hdinsight-livy',
    },
  ]
  it.each(types)('$type says how to install it, for submit and for prepare', async ({ compute, package: name }) => {
    using project = makeProject({
      'train.py': '',
      'aml_config/there.compute': compute,
      'aml_config/there.runconfig': 'Target: there\nFramework: Python\n',
    })
    for (const line of ['experiment submit -c there train.py', 'experiment prepare -c there']) {
      const refused = await project.errand(...wordsOf(line))
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
      expect(refused.stderr).toMatch(/^ERROR: .*is not installed\.$/m)
      expect(refused.stderr.split('\n')).toContain(`errand plugins install ${name}`)
    }
    expect(json(await project.errand('history', 'list'))).toEqual([])
  })
})

describe('the history', () => {
  let project: Project
  beforeAll(async () => {
    const script = `import sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
for name, value in (pair.split("=") for pair in sys.argv[1:]):
    logger.log(name, float(value))
if len(sys.argv) == 1:
    sys.exit(1)
`
    project = makeProject({ 'train.py': script })
    for (const words of [
      [],
      ['Accuracy=0.75', 'Loss=3', 'Loss=2', 'duration=5'],
      ['Accuracy=0.98'],
      ['Accuracy=1', 'Best model accuracy=0.5'],
    ]) {
      await project.errand('submit', '-c', 'local', 'train.py', ...words)
    }
  })
  afterAll(() => project[Symbol.dispose]())

  const queries: readonly (readonly [query: string, answer: unknown])[] = [
    ['[?Accuracy != null] | max_by(@, &Accuracy).Accuracy', 1],
    ["[?status=='Completed'] | length(@)", 3],
    ['@[?Accuracy >= sum(`[1, -0.03]`)] | sort_by(@, &duration) | length(@)', 2],
    ['[].status', ['Completed', 'Completed', 'Completed', 'Failed']],
    ['[?"Best model accuracy" == `0.5`].Accuracy | [0]', 1],
  ]
  it.each(queries)('answers the query %s', async (query, answer) => {
    expect(json(await project.errand('history', 'list', '--query', query))).toEqual(answer)
  })

  it('has the rows that the three queries of the documentation pick', async () => {
    const completed = json(await project.errand('history', 'list', '--query', "[?status=='Completed']"))
    expect(completed.map((row: { Accuracy: number }) => row.Accuracy)).toEqual([1, 0.98, 0.75])
    const sorted = json(await project.errand('history', 'list', '--query', '@[?Accuracy >= sum(`[1, -0.03]`)] | sort_by(@, &duration)'))
    const durations = sorted.map((row: { duration: string }) => row.duration)
    expect(durations).toEqual(durations.toSorted())
  })

  it('makes a list of a metric that was logged again, and hides no key behind a metric of its name', async () => {
    const [row] = json(await project.errand('history', 'list', '--query', '[?Accuracy == `0.75`]'))
    expect(row).toMatchObject({ Loss: [3, 2], metrics: { duration: 5 }, duration: expect.stringMatching(duration) })
    const record = json(await project.errand('history', 'info', '-r', row.run_id))
    expect(record).toMatchObject({ Accuracy: 0.75, Loss: [3, 2], metrics: { duration: 5 }, duration: expect.stringMatching(duration) })
    const keys =
      'attachments created_utc description duration end_time_utc experiment_id heartbeat_enabled hidden name parent_run_id properties ' +
      'root_run_id run_definition run_id run_number run_type script_name start_time_utc status tags target user_id Accuracy Loss metrics'
    expect(Object.keys(record)).toEqual(keys.split(' '))
    expect(record.properties).toHaveProperty('CommitId')
  })

  it('numbers runs from 1, newest first', async () => {
    const ids = json(await project.errand('history', 'list', '--query', '[].run_id'))
    const numbers = []
    for (const id of ids) numbers.push(json(await project.errand('history', 'info', '-r', id)).run_number)
    expect(numbers).toEqual([4, 3, 2, 1])
  })

  it('filters by status in any case, and refuses words that are none', async () => {
    for (const word of ['failed', 'Failed', 'FAILED'])
      expect(json(await project.errand('history', 'list', '--status', word))).toHaveLength(1)
    const refused = await project.errand('history', 'list', '--status', 'perhaps')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(refused.stderr).toBe(
      'ERROR: There is no status perhaps to filter by.\nUse one of completed, canceled, failed, running, notstarted.\n',
    )
  })

  it('comes as JSON, coloured JSON, table and tabs', async () => {
    const plain = await project.errand('history', 'list', '-o', 'json')
    expect(json(await project.errand('history', 'list', '-o', 'jsonc'))).toEqual(json(plain))
    expect((await project.errand('history', 'list')).stdout).toBe(plain.stdout)
    const lines = (await project.errand('history', 'list', '-o', 'tsv')).stdout.trim().split('\n')
    expect(lines.map((line) => line.split('\t')[0])).toEqual(json(plain).map((row: { run_id: string }) => row.run_id))
    const table = (await project.errand('history', 'list', '-o', 'table')).stdout
    expect(table.split('\n')[0]).toMatch(/^Run_id +Status +Script_name +Target +Start_time_utc +Duration +Accuracy/)
    expect(table).toContain('… 2 (2 values)')
    const record = (await project.errand('history', 'last', '-o', 'table')).stdout
    expect(record).toMatch(/^Status +Completed$/m)
  })
})

describe('errors and exit codes', () => {
  it('the first line of stderr is the error, also when files have warnings', async () => {
    using project = makeProject({ 'aml_config/local.runconfig': 'Target: local\nFramework: Python\nPrepareEnviroment: true\n' })
    const refused = await project.errand('submit', '-c', 'local', 'missing.py')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
    expect(firstErrorLine(refused)).toMatch(/^ERROR: .*missing\.py/)
  })

  it('with -o json stdout holds JSON or nothing', async () => {
    using project = makeProject({ 'train.py': '' })
    for (const line of [
      'history list',
      'computetarget list',
      'runconfiguration list',
      'targets',
      'secret list',
      'runconfiguration create -n Y -t local',
    ]) {
      const finished = await project.errand(...wordsOf(line), '-o', 'json')
      expect(finished.exitCode, line).toBe(0)
      expect(() => json(finished), line).not.toThrow()
    }
    for (const line of [
      'history last',
      'history info -r nobody',
      'experiment status -r nobody',
      'experiment cancel -r nobody',
      'logs nobody',
      'runconfiguration delete -n nobody',
      'history download -r nobody',
    ]) {
      const refused = await project.errand(...wordsOf(line), '-o', 'json')
      expect(refused, line).toMatchObject({ exitCode: 1, stdout: '' })
      expect(firstErrorLine(refused), line).toMatch(/^ERROR: /)
    }
    await project.errand('submit', '-c', 'local', 'train.py')
    for (const line of [
      'experiment status last',
      'wait last',
      'experiment cancel last',
      'history download last -d there',
      'prepare -c local',
      'prepare -c local --check',
    ]) {
      const finished = await project.errand(...wordsOf(line), '-o', 'json')
      expect(finished.exitCode, finished.stderr).toBe(0)
      expect(() => json(finished), line).not.toThrow()
    }
  })

  it('a command line that can not be understood is 1, a broken history 2', async () => {
    using project = makeProject({ 'train.py': '' })
    for (const line of ['hisory list', 'history list --bogus', 'submit train.py', 'history list --query [?']) {
      const refused = await project.errand(...wordsOf(line))
      expect(refused, line).toMatchObject({ exitCode: 1, stdout: '' })
      expect(firstErrorLine(refused), line).toMatch(/^ERROR: /)
    }
    project.write('.errand/history.db', 'this is no database, but text that is long enough to be looked at as one\n'.repeat(100))
    const broken = await project.errand('history', 'list')
    expect(broken).toMatchObject({ exitCode: 2, stdout: '' })
    expect(firstErrorLine(broken)).toMatch(/^ERROR: .*history\.db is damaged/)
  })
})

describe('submit and its options', () => {
  it('takes a complete ArgumentVector for the script and its arguments, and NAME.runconfig for NAME', async () => {
    using project = makeProject({
      'train.py': showArguments,
      'aml_config/fixed.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [train.py, "0.01", "two words"]\n',
    })
    const finished = await project.errand('submit', '-c', 'fixed.runconfig')
    expect(JSON.parse(scriptOutput(finished))).toEqual(['train.py', '0.01', 'two words'])
    const missing = await project.errand('submit', '-c', 'local')
    expect(missing).toMatchObject({ exitCode: 1, stdout: '' })
    expect(firstErrorLine(missing)).toBe('ERROR: Specify the script to run, with its arguments if any.')
  })

  it('-t takes the place of the target', async () => {
    using project = makeProject({
      'train.py': '',
      'aml_config/other.compute': 'type: local\n',
      'aml_config/x.runconfig': 'Target: gone\nFramework: Python\n',
    })
    expect((await project.errand('submit', '-c', 'x', '-t', 'other', 'train.py')).exitCode).toBe(0)
    expect(json(await project.errand('history', 'last'))).toMatchObject({ target: 'other' })
    const refused = await project.errand('submit', '-c', 'x', '-t', 'nowhere', 'train.py')
    expect(firstErrorLine(refused)).toMatch(/^ERROR: .*aml_config\/nowhere\.compute/)
  })

  it('-s takes the place of the whole Spark file: configuration and packages', async () => {
    const first = 'configuration: {spark.app.name: first, spark.extra: "1"}\npackages: [{group: org.a, artifact: a_2.12, version: "1"}]\n'
    const second = 'configuration: {spark.app.name: second}\n'
    using project = makeProject({
      'train.py': '',
      'aml_config/spark.runconfig': 'Target: spark\nFramework: PySpark\n',
      'aml_config/spark.compute': 'type: local\nsparkSubmitLocation: ../spark-submit\n',
      'aml_config/spark_dependencies.yml': first,
      'Config/second.yml': second,
    })
    // What a spark-submit is told, without a Spark.
    const submit = join(project.directory, '../spark-submit')
    writeFileSync(submit, '#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    chmodSync(submit, 0o755)
    project.write('aml_config/spark.compute', `type: local\nsparkSubmitLocation: ${submit}\n`)
    const told = async (...flags: readonly string[]) =>
      scriptOutput(await project.errand('submit', '-c', 'spark', ...flags, 'train.py')).split('\n')
    const before = await told()
    expect(before).toEqual(expect.arrayContaining(['spark.app.name=first', 'spark.extra=1', 'org.a:a_2.12:1']))
    const after = await told('-s', 'Config/second.yml')
    expect(after).toContain('spark.app.name=second')
    for (const gone of ['spark.app.name=first', 'spark.extra=1', 'org.a:a_2.12:1']) expect(after).not.toContain(gone)
  })

  it('-d and -s must name files that are there', async () => {
    using project = makeProject({ 'train.py': '' })
    for (const flag of ['-d', '-s']) {
      const refused = await project.errand('submit', flag, 'Config/none.yml', '-c', 'local', 'train.py')
      expect(refused, flag).toMatchObject({ exitCode: 1, stdout: '' })
      expect(firstErrorLine(refused)).toMatch(/^ERROR: .*Config\/none\.yml/)
    }
  })

  it('-d that the target does not use is said', async () => {
    using project = makeProject({ 'train.py': '', 'other.yml': 'dependencies: [python=3.11]\n' })
    const finished = await project.errand('submit', '-d', 'other.yml', '-c', 'local', 'train.py')
    expect(finished.exitCode).toBe(0)
    expect(finished.stderr).toMatch(/other\.yml is not used/)
  })

  it('--untracked leaves nothing in the history', async () => {
    using project = makeProject({ 'train.py': showArguments })
    const finished = await project.errand('submit', '-u', '-c', 'local', 'train.py')
    expect(finished.exitCode).toBe(0)
    expect(scriptOutput(finished)).toBe('["train.py"]\n')
    expect(json(await project.errand('history', 'list'))).toEqual([])
    expect(existsSync(join(project.directory, '.errand/runs', runIdOf(finished)))).toBe(false)
    expect((await project.errand('prepare', '-u', '-c', 'local')).exitCode).toBe(0)
    expect(json(await project.errand('history', 'list'))).toEqual([])
  })

  it("everything behind the script is the script's, whatever it looks like", async () => {
    using project = makeProject({ 'train.py': showArguments })
    const words = ['-c', 'docker', '--untracked', '-o', 'json', '--help', '--', '-t', '--async']
    const finished = await project.errand('submit', '-c', 'local', 'train.py', ...words)
    expect(JSON.parse(scriptOutput(finished))).toEqual(['train.py', ...words])
    expect(finished.stderr).toMatch(/--async/)
  })
})

describe('prepare --check', () => {
  it('answers with one sentence, builds nothing and leaves no record', async () => {
    using project = makeProject({ 'aml_config/gone.compute': 'type: local\npythonLocation: /nowhere/python\n' })
    const prepared = await project.errand('experiment', 'prepare', '-c', 'local', '--check')
    expect(prepared).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^local is prepared: python 3\.\d+\.\d+ at \/.*\.\n$/) })
    const missing = await project.errand('experiment', 'prepare', '-c', 'local', '-t', 'gone', '--check')
    expect(missing.exitCode).toBe(1)
    expect(json(await project.errand('history', 'list'))).toEqual([])
  })

  it('-a prints the id and returns; wait brings the end', async () => {
    using project = makeProject({})
    const finished = await project.errand('prepare', '-a', '-c', 'local')
    expect(finished.stdout).toBe(`RunId: ${runIdOf(finished)}\n`)
    expect(await project.errand('wait', runIdOf(finished))).toMatchObject({ exitCode: 0 })
  })
})

/** Prints a line, waits for the file `go` that its first argument names, prints another. */
const waiting = `
import os, sys, time
print("first", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
print("second")
`

describe('a run that is left alone', () => {
  it('is followed by logs -f and waited for by wait at the same time, each with the whole output', async () => {
    using project = makeProject({ 'train.py': waiting })
    const go = join(project.directory, 'go')
    const id = runIdOf(await project.errand('submit', '--async', '-c', 'local', 'train.py', go))
    const followers = [project.errand('logs', '-f', id), project.errand('logs', id, '--follow')]
    const waiter = project.errand('wait', id)
    await until(async () => (await project.errand('logs', id)).stdout === 'first\n', 'the first line')
    writeFileSync(go, '')
    for (const follower of followers) expect(await follower).toMatchObject({ exitCode: 0, stdout: 'first\nsecond\n', stderr: '' })
    expect(await waiter).toMatchObject({ exitCode: 0, stdout: `${id} : Completed\n`, stderr: '' })
    expect((await project.errand('logs', id)).stdout).toBe('first\nsecond\n')
  })

  it('makes wait exit with 1 when it failed, and status with 0', async () => {
    using project = makeProject({ 'train.py': 'raise SystemExit(7)\n' })
    const id = runIdOf(await project.errand('submit', '-a', '-c', 'local', 'train.py'))
    expect(await project.errand('wait', id)).toMatchObject({ exitCode: 1, stdout: `${id} : Failed\n` })
    const status = await project.errand('status', id)
    expect(status.exitCode).toBe(0)
    expect(status.stdout).toMatch(/^state : Failed\nreason : .*exit code 7.*\nexit_code : 7\n/)
  })
})

/** The command line in a process group of its own, which gets what a terminal sends for Ctrl-C. */
function inForeground(project: Project, ...words: readonly string[]): { child: ChildProcess; output(): string; ended: Promise<Finished> } {
  const child = spawn(process.execPath, [program, ...words], {
    cwd: project.directory,
    env: project.environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Finished>((resolve) => child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr })))
  return { child, output: () => stdout, ended }
}

describe('Ctrl-C', () => {
  it('ends the showing with 130 and never the run, and says how to come back and how to cancel', async () => {
    using project = makeProject({ 'train.py': waiting })
    const go = join(project.directory, 'go')
    const submit = inForeground(project, 'submit', '-c', 'local', 'train.py', go)
    await until(() => submit.output().includes('first\n'), 'the first line')
    process.kill(-(submit.child.pid ?? 0), 'SIGINT')
    const interrupted = await submit.ended
    const id = runIdOf(interrupted)
    expect(interrupted).toMatchObject({ exitCode: 130, signal: null })
    expect(interrupted.stderr).toBe(
      `\nThe run goes on. To come back:  errand logs -f ${id}\nTo cancel it:  errand experiment cancel -r ${id} -t local\n`,
    )
    expect((await project.errand('status', id)).stdout).toMatch(/^state : Running\n/)

    const back = inForeground(project, 'logs', '-f', id)
    await until(() => back.output() === 'first\n', 'the first line again')
    process.kill(-(back.child.pid ?? 0), 'SIGINT')
    expect(await back.ended).toMatchObject({ exitCode: 130, signal: null })

    writeFileSync(go, '')
    expect(await project.errand('wait', id)).toMatchObject({ exitCode: 0 })
    expect((await project.errand('logs', id)).stdout).toBe('first\nsecond\n')
    expect(json(await project.errand('history', 'list'))).toHaveLength(1)
  })
})

describe('a project elsewhere', () => {
  it('is named by -p, --project or --path, before or behind the command', async () => {
    using project = makeProject({ 'train.py': showArguments })
    const outside = join(project.directory, '..', 'outside')
    mkdirSync(outside)
    const from = (...words: readonly string[]) => startProcess(process.execPath, [program, ...words], outside, project.environment).finished
    const finished = await from('submit', '-p', project.directory, '-c', 'local', 'train.py', '-p', 'x')
    expect(JSON.parse(scriptOutput(finished))).toEqual(['train.py', '-p', 'x'])
    for (const words of [
      ['--path', '../project', 'history', 'list'],
      ['history', 'list', '--path', '../project'],
      ['history', 'list', '--project', '../project'],
    ]) {
      expect(json(await from(...words))).toHaveLength(1)
    }
    expect((await from('history', 'list')).stderr).toMatch(/^ERROR: .*\n.*errand init/)
  })
})
