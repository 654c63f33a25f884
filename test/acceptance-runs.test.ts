import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { firstErrorLine, json, program, showArguments } from './acceptance.ts'
import { type Finished, type Project, makeProject, runIdOf, scriptOutput, startProcess, until } from './errand.ts'

/** Options of submit and prepare, runs that are left alone, Ctrl-C: reference/original-cli.md §2. */

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
for number in range(100):
    open("outputs/%d" % number, "w").close()
print("first", flush=True)
end = time.time() + 600
while not os.path.exists(sys.argv[1]) and time.time() < end:
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
    // All of them have collected at the same moment, and nothing is lost by that.
    expect(json(await project.errand('history', 'info', '-r', id)).attachments.match(/outputs\//g)).toHaveLength(100)
  })

  it('without a record can be followed and cancelled all the same', async () => {
    using project = makeProject({ 'train.py': waiting })
    const submitted = project.start('submit', '-u', '-c', 'local', 'train.py', 'never')
    await until(async () => (await project.errand('logs', 'last')).stdout === 'first\n', 'the first line')
    const follower = project.start('logs', '-f', 'last')
    // Behind the cancel there is no record any more that could be found.
    await until(() => follower.stdout() === 'first\n', 'the first line for the follower')
    expect(await project.errand('cancel', 'last')).toMatchObject({ exitCode: 0, stdout: 'Experiment run canceled successfully.\n' })
    expect(await submitted.finished).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^ERROR: The run \S+ was cancelled\.$/m) })
    expect((await follower.finished).stdout).toBe('first\n')
    expect(json(await project.errand('history', 'list'))).toEqual([])
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
    expect(interrupted.stderr).toBe(`\nThe run goes on. To come back:  errand logs -f ${id}\nTo cancel it:  errand cancel ${id}\n`)
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
