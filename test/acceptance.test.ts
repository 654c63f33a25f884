import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { duration, firstErrorLine, json, program, showArguments, time, wordsOf } from './acceptance.ts'
import { type Project, makeProject, repository, runIdOf, scriptOutput, until } from './errand.ts'

/** What clients, batch files and notes of the original rely on: reference/original-cli.md §2.1, §6 and §7, line by line, with targets on this machine. */

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
    const newest = rows.find((row: { readonly script_name: string | null }) => row.script_name !== null)
    expect(json(await project.errand('history', 'last')).run_id).toBe(newest.run_id)
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
  // Packages of this checkout that the command line was given are installed.
  const manifest = JSON.parse(readFileSync(join(repository, 'apps/cli/package.json'), 'utf8'))
  const installed = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  it.each(types.filter((known) => !installed.includes(known.package)))(
    '$type says how to install it, for submit and for prepare',
    async ({ compute, package: name }) => {
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
    },
  )
})
