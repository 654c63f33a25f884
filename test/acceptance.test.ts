import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandLineAlone } from '../apps/cli/test/command-line-alone.ts'
import { firstErrorLine, json, program, showArguments, wordsOf } from './acceptance.ts'
import { makeProject, runIdOf, startProcess } from './errand.ts'

/** The console of the original, sweeps of its time, and types that are not installed: reference/original-cli.md §2.1 and §7. The lines of §6 and §7 are in acceptance-lines.test.ts. */

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

describe('many submits', () => {
  it('in a loop of os.system calls, as sweeps are written', async () => {
    using project = makeProject({ 'train.py': showArguments })
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
    const alone = commandLineAlone(join(project.directory, '../alone'))
    for (const line of ['experiment submit -c there train.py', 'experiment prepare -c there']) {
      const words = [alone, ...wordsOf(line)]
      const refused = await startProcess(process.execPath, words, project.directory, project.environment).finished
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
      expect(refused.stderr).toMatch(/^ERROR: .*is not installed\.$/m)
      expect(refused.stderr.split('\n')).toContain(`errand plugins install ${name}`)
    }
    expect(json(await project.errand('history', 'list'))).toEqual([])
  })
})
