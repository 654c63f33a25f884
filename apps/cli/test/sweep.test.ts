import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openHistory } from '@errand/core/history'
import { expect, it } from 'vitest'
import { splitSweepWords } from '../src/sweep-words.ts'
import { type TemporaryProject, runIdOf, temporaryProject } from './project.ts'

/** Notes outside its project that it ran, and waits there for a file that lets it go on when it is told to. */
const script = `import argparse, os, sys, time
from azureml.logging import get_azureml_logger
parser = argparse.ArgumentParser()
parser.add_argument('--alpha')
parser.add_argument('--depth', type=int)
parser.add_argument('--folder')
parser.add_argument('--hold', default='')
parser.add_argument('--fail', default='')
given = parser.parse_args()
with open(os.path.join(given.folder, 'ran'), 'a') as file:
    file.write('%s %s %s\\n' % (given.alpha, given.depth, open('data.txt').read()))
print('began', given.alpha, flush=True)
while given.alpha == given.hold and not os.path.exists(os.path.join(given.folder, 'go')):
    time.sleep(0.05)
if given.alpha in given.fail.split('/'):
    sys.exit(3)
get_azureml_logger().log('Accuracy', float(given.alpha) * given.depth)
`

function sweepProject(): TemporaryProject & { ran(): string[] } {
  const project = temporaryProject({
    'aml_config/local.compute': 'type: local\n',
    'aml_config/local.runconfig': 'Target: local\nFramework: Python\nArgumentVector: [$file]\n',
    'fit.py': script,
    'data.txt': 'data',
  })
  const ran = () => (existsSync(join(project.parent, 'ran')) ? readFileSync(join(project.parent, 'ran'), 'utf8').trim().split('\n') : [])
  return Object.assign(project, { ran })
}

const list = async (project: TemporaryProject): Promise<Record<string, unknown>[]> =>
  JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout)

const info = async (project: TemporaryProject, id: string): Promise<Record<string, never>> =>
  JSON.parse((await project.errand('history', 'info', id, '-o', 'json')).stdout)

it('runs every combination once, below one record, with one copy of the project, the best first', async () => {
  using project = sweepProject()
  const words = [
    'fit.py',
    '--folder',
    project.parent,
    '--each',
    'alpha=0.5,1',
    '--each',
    'depth=2,4',
    '--parallel',
    '2',
    '--best',
    'Accuracy',
  ]
  const finished = await project.errand('sweep', '-c', 'local', '-o', 'json', ...words)
  expect(finished.exitCode).toBe(0)
  const sweep = JSON.parse(finished.stdout)
  expect(sweep).toMatchObject({ status: 'Completed', best: { metric: 'Accuracy', value: 4, parameters: { alpha: '1', depth: '4' } } })
  expect(sweep.runs.map(({ parameters }: { parameters: object }) => parameters)).toEqual([
    { alpha: '0.5', depth: '2' },
    { alpha: '0.5', depth: '4' },
    { alpha: '1', depth: '2' },
    { alpha: '1', depth: '4' },
  ])
  expect(project.ran().toSorted()).toEqual(['0.5 2 data', '0.5 4 data', '1 2 data', '1 4 data'])
  const records = await Promise.all(sweep.runs.map(({ run_id: id }: { run_id: string }) => info(project, id)))
  const parent = await info(project, sweep.run_id)
  expect(parent).toMatchObject({ run_type: 'sweep', status: 'Completed' })
  expect(records.map((record) => record['parent_run_id'])).toEqual(Array.from({ length: 4 }, () => sweep.run_id))
  expect(new Set(records.map((record) => record['run_definition']['snapshot']['digest'])).size).toBe(1)
  expect(records[3]).toMatchObject({ status: 'Completed', Accuracy: 4, properties: { 'sweep.alpha': '1', 'sweep.depth': '4' } })
  expect(records[3]?.['run_definition']['arguments']).toEqual(['--folder', project.parent, '--alpha', '1', '--depth', '4'])
})

it('shows with --dry-run the arguments of all runs and the plan of the first, and does nothing', async () => {
  using project = sweepProject()
  const words = ['-c', 'local', '--dry-run', 'fit.py', '{alpha}', '{{epoch}}', '{"a": 1}', '--each', 'alpha=0.5,1', '--each', 'depth=2']
  const shown = await project.errand('sweep', ...words)
  expect(shown.exitCode).toBe(0)
  expect(shown.stdout).toContain(`Would run 2 times\n  1. 0.5 '{epoch}' '{"a": 1}' --depth 2\n  2. 1 '{epoch}' '{"a": 1}' --depth 2\n`)
  expect(shown.stdout).toContain(`script       fit.py 0.5 '{epoch}' '{"a": 1}' --depth 2`)
  const { runs, arguments: first } = JSON.parse((await project.errand('sweep', '-o', 'json', ...words)).stdout)
  expect(runs).toEqual([
    { parameters: { alpha: '0.5', depth: '2' }, arguments: ['0.5', '{epoch}', '{"a": 1}', '--depth', '2'] },
    { parameters: { alpha: '1', depth: '2' }, arguments: ['1', '{epoch}', '{"a": 1}', '--depth', '2'] },
  ])
  expect(first).toEqual(runs[0].arguments)
  expect((await project.errand('sweep', '--dry-run', '--resume', 'last')).exitCode).toBe(1)
  expect(project.has('.errand')).toBe(false)
})

it.each([
  ['--dry-run', 'Put --dry-run before the script. When the script has an option of this name, write it behind --'],
  ['--output=json', 'Put --output before the script.'],
  ['--runconfig', 'Put --runconfig before the script.'],
  ['--paralel', 'Did you mean --parallel?'],
  ['--stop_after', 'Did you mean --stop-after?'],
  ['--bset', 'Did you mean --best?'],
])('refuses %s behind the script, before anything is made', async (word, hint) => {
  using project = sweepProject()
  const refused = await project.errand('sweep', '-c', 'local', 'fit.py', '--each', 'alpha=1,2', word, '2')
  expect(refused).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^ERROR: --[\w-]+ is /) })
  expect(refused.stderr).toContain(hint)
  expect(project.has('.errand')).toBe(false)
})

it('leaves to the script what stands behind --, and names that only look a little like options', () => {
  const flags = { 'dry-run': { type: 'boolean' }, each: { type: 'option' } } as const
  const theirs = ['s.py', '--test', '1', '--bert', '--beta=2', '--epoch', '3', '--random-state', '4', '--reach']
  expect(splitSweepWords([...theirs, '--each', 'a=1', '--', '--dry-run'], flags)).toEqual({
    own: ['--each', 'a=1'],
    script: [...theirs, '--dry-run'],
  })
})

it('refuses a name in braces that has no values, before anything is made', async () => {
  using project = sweepProject()
  const refused = await project.errand('sweep', '-c', 'local', '-o', 'json', 'fit.py', '{alhpa}', '--each', 'alpha=0.5,1')
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toMatch(/^ERROR: The arguments have \{alhpa\}, and no --each gives it values\.\ndid you mean alpha/)
  expect(refused.stderr).toContain('UNKNOWN_PARAMETER')
  expect(project.has('.errand')).toBe(false)
})

it('goes on where a killed client stopped, with the files of the beginning, and runs nothing twice', async () => {
  using project = sweepProject()
  const words = ['sweep', '-c', 'local', 'fit.py', '--folder', project.parent, '--hold', '2', '--depth', '1', '--each', 'alpha=1,2,3,4']
  const started = project.start(...words)
  while (!project.ran().includes('2 1 data')) await delay(50)
  started.kill()
  await started.finished
  const id = String((await list(project)).at(-1)?.['run_id'])
  project.write('data.txt', 'other')
  const resumed = project.start('sweep', '--resume', id)
  await resumed.says(`RunId: ${id}`)
  const refused = await project.errand('sweep', '--resume', 'last')
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^ERROR: .* goes on already, driven by process \d+/) })
  project.write('../go', '')
  const finished = await resumed.finished
  expect(finished.exitCode).toBe(0)
  expect(project.ran()).toEqual(['1 1 data', '2 1 data', '3 1 data', '4 1 data'])
  expect((await list(project)).filter((run) => run['status'] === 'Completed')).toHaveLength(5)
  const again = await project.errand('sweep', '--resume', id)
  expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^ERROR: All runs of .* have ended/) })
  expect(again.stderr).toContain(`errand history list --parent ${id}\n`)
  const listed = JSON.parse((await project.errand('history', 'list', '--parent', id)).stdout) as Record<string, unknown>[]
  expect(listed).toHaveLength(4)
  expect(listed.map((run) => run['run_id'])).not.toContain(id)
  expect(project.ran()).toHaveLength(4)
})

it('leaves what runs after Ctrl-C and says how to go on', async () => {
  using project = sweepProject()
  const words = ['sweep', '-c', 'local', 'fit.py', '--folder', project.parent, '--hold', '1', '--depth', '1', '--each', 'alpha=1,2']
  const started = project.start(...words)
  while (project.ran().length === 0) await delay(50)
  // Started for the client too, not only at its place.
  while ((await list(project))[0]?.['status'] !== 'Running') await delay(100)
  started.interrupt()
  const finished = await started.finished
  const id = runIdOf(finished)
  expect(finished.exitCode).toBe(130)
  expect(finished.stderr).toBe(
    `\nOne run goes on. To go on with the rest:  errand sweep --resume ${id}\nTo cancel all:  errand cancel ${id}\n`,
  )
  project.write('../go', '')
  expect(await project.errand('sweep', '--resume', id)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`RunId: ${id}\n`) })
  expect(project.ran()).toEqual(['1 1 data', '2 1 data'])
})

it('starts no more after so many failures, says why, and can go on behind them', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--depth', '1', '--fail', '1/2/3', '--each', 'alpha=1,2,3,4', '--stop-after', '2-failures']
  const finished = await project.errand('sweep', '-c', 'local', 'fit.py', ...words)
  const id = runIdOf(finished)
  expect(finished.exitCode).toBe(1)
  expect(finished.stderr).toMatch(
    /^ERROR: The sweep \S+ was interrupted: Stopped after 2 failed runs; 2 of 4 runs have not run\. To go on: errand sweep --resume/m,
  )
  expect(finished.stdout).toMatch(/^\[2\/4\] alpha=2 : Failed \(\S+\): .*3/m)
  expect((await project.errand('continue', id)).stderr).toBe(`ERROR: ${id} is a sweep.\nerrand sweep --resume ${id}\n`)
  const rest = await project.errand('sweep', '--resume', id)
  expect(rest.stderr).toContain(`ERROR: The sweep ${id} failed: 3 of 4 runs did not complete.`)
  expect(project.ran()).toHaveLength(4)
})

it('is not over while a run that has a record has not run', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--depth', '1', '--fail', '1/2', '--each', 'alpha=1,2,3', '--stop-after', '1-failure']
  const id = runIdOf(await project.errand('sweep', '-c', 'local', 'fit.py', ...words))
  {
    using history = openHistory(project.directory)
    const parent = history.resolve(id)
    const { name, target, runConfiguration, user, request } = parent
    if (request === undefined) throw new Error('it has a request')
    for (const [point, alpha] of ['2', '3'].entries()) {
      const values = { 'sweep.point': String(point + 1), 'sweep.alpha': alpha }
      const given = ['--folder', project.parent, '--depth', '1', '--fail', '1/2', '--alpha', alpha]
      const asked = { kind: 'run', parent: id, name, script: 'fit.py', arguments: given, properties: values } as const
      history.update(history.create({ ...asked, target, runConfiguration, user }).id, { state: 'interrupted', request })
    }
  }
  const stopped = await project.errand('sweep', '--resume', id)
  expect(stopped.stderr).toContain(`${id} was interrupted: Stopped after 1 failed runs; 1 of 3 runs have not run.`)
  expect(project.ran()).toEqual(['1 1 data', '2 1 data'])
  expect((await project.errand('sweep', '--resume', id)).stderr).toContain('failed: 2 of 3 runs did not complete')
  expect(project.ran()).toEqual(['1 1 data', '2 1 data', '3 1 data'])
})

it('goes on with several at a time beside a run that goes on already', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--hold', '1', '--each', 'alpha=1', '--each', 'depth=1,2']
  const started = project.start('sweep', '-c', 'local', 'fit.py', ...words)
  while ((await list(project))[0]?.['status'] !== 'Running' || project.ran().length === 0) await delay(100)
  started.kill()
  await started.finished
  const id = String((await list(project)).at(-1)?.['run_id'])
  const resumed = project.start('sweep', '--resume', id, '--parallel', '2')
  // The first one waits for this file.
  while (!project.ran().includes('1 2 data')) await delay(50)
  project.write('../go', '')
  expect((await resumed.finished).exitCode).toBe(0)
  expect(project.ran()).toEqual(['1 1 data', '1 2 data'])
})

it('has failed, and is not to be gone on with, when its files could not be recorded', async () => {
  using project = sweepProject()
  // A name that is not UTF-8 can't be recorded.
  writeFileSync(Buffer.concat([Buffer.from(join(project.directory, 'caf')), Buffer.from([0xe9])]), '')
  const finished = await project.errand('sweep', '-c', 'local', 'fit.py', '--each', 'alpha=1,2')
  expect(finished).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('UTF-8') })
  const runs = await list(project)
  expect(runs.map((run) => run['status'])).toEqual(['Failed'])
  expect(JSON.stringify(await info(project, String(runs[0]?.['run_id'])))).not.toContain('--resume')
})

it('is cancelled with all its runs, by another command', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--depth', '1', '--hold', '1', '--each', 'alpha=1,2,3']
  const started = project.start('sweep', '-c', 'local', 'fit.py', ...words)
  while (project.ran().length === 0) await delay(50)
  const id = String((await list(project)).at(-1)?.['run_id'])
  expect(await project.errand('cancel', id)).toMatchObject({ exitCode: 0, stdout: 'Experiment run canceled successfully.\n' })
  expect((await started.finished).exitCode).toBe(1)
  expect((await list(project)).map((run) => run['status'])).toEqual(['Canceled', 'Canceled'])
  expect(project.ran()).toHaveLength(1)
})

it('goes on when one of its runs is cancelled, and is named then', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--depth', '1', '--hold', '1', '--each', 'alpha=1,2']
  const started = project.start('sweep', '-c', 'local', 'fit.py', ...words)
  while (project.ran().length === 0) await delay(50)
  const id = String((await list(project)).at(-1)?.['run_id'])
  const { exitCode, stderr } = await project.errand('cancel', 'last')
  expect([exitCode, stderr]).toEqual([0, `It is one run of a sweep. To cancel all of it: errand cancel ${id}\n`])
  expect((await started.finished).exitCode).toBe(1)
  expect((await list(project)).map((run) => run['status'])).toEqual(['Completed', 'Canceled', 'Failed'])
})

it('draws a live table on a terminal and leaves the last one there', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--each', 'alpha=1,2', '--each', 'depth=3', '--best', 'Accuracy']
  const { stdout, exitCode } = await project.inTerminal({}, 'sweep', '-c', 'local', 'fit.py', ...words)
  expect(exitCode).toBe(0)
  expect(stdout).toContain('\u001B[?25l')
  expect(stdout).toMatch(/1 of 2 ended, 1 going on|0 of 2 ended, 1 going on/)
  const last = stdout.slice(stdout.lastIndexOf('\u001B[J'))
  expect(last).toMatch(/alpha {2}depth {2}Status +Duration +Accuracy.*\n.*\n2 +3 +Completed .* 6 .*\n1 +3 +Completed .* 3 /)
  expect(stdout).toContain('\u001B[?25h')
})

it('says that the metric of --best was logged by none, and why a run failed', async () => {
  using project = sweepProject()
  const words = ['--folder', project.parent, '--each', 'alpha=1,2', '--each', 'depth=3', '--fail', '2', '--best', 'Acuracy']
  const { stdout, stderr, exitCode } = await project.inTerminal({}, 'sweep', '-c', 'local', 'fit.py', ...words)
  expect(exitCode).toBe(1)
  const shown = stdout + stderr
  expect(shown).toContain('WARNING: No run logged a number as Acuracy (did you mean Accuracy?), so that none is the best.')
  expect(shown.slice(shown.lastIndexOf('Duration'))).not.toContain('Acuracy  ')
  expect(shown).toMatch(/alpha=2 depth=3 : Failed \(\S+\): .*3/)
  expect(shown).toMatch(/errand logs \S+_\d+/)
})

it.each([
  [['fit.py'], /^ERROR: Say which values to try/],
  [['fit.py', '--each', 'alpha'], /^ERROR: alpha is no parameter with values/],
  [['missing.py', '--each', 'alpha=1'], /^ERROR: .*missing\.py/],
  [['fit.py', '--each', 'alpha=1', '--stop-after', 'soon'], /^ERROR: --stop-after soon/],
])('refuses %j and leaves no record', async (words, message) => {
  using project = sweepProject()
  const finished = await project.errand('sweep', '-c', 'local', ...words)
  expect(finished).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(message) })
  expect(readdirSync(project.directory).includes('.errand') ? await list(project) : []).toEqual([])
})
