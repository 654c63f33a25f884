import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RunEvent } from '@errand/core'
import { openHistory } from '@errand/core/history'
import { expect, it } from 'vitest'
import { type TemporaryProject, temporaryProject } from './project.ts'

const start = Date.UTC(2026, 0, 1, 12)

/** An ended run in the history, put there as its client would have: these commands then need no place to ask. */
function addRun(project: TemporaryProject, metrics: Readonly<Record<string, number>>, state: 'completed' | 'failed' = 'completed'): string {
  using history = openHistory(project.directory)
  const target = { name: 'local', type: 'local', config: {} }
  const run = history.create({
    kind: 'run',
    name: 'iris',
    script: 'train.py',
    arguments: [],
    runConfiguration: 'local',
    target,
    user: 'ann',
  })
  const at = (second: number): string => new Date(start + run.number * 60_000 + second * 1000).toISOString()
  const events: RunEvent[] = [
    { cursor: '1', at: at(0), type: 'log', stream: 'control', data: Buffer.from('starting\n') },
    { cursor: '2', at: at(1), type: 'log', stream: 'stdout', data: Buffer.from('hello\n') },
    { cursor: '3', at: at(2), type: 'log', stream: 'stderr', data: Buffer.from('oops\n') },
    ...Object.entries(metrics).map(([name, value], index): RunEvent => ({
      cursor: `m${index}`,
      at: at(3),
      type: 'metric',
      kind: 'value',
      name,
      value,
    })),
  ]
  history.appendEvents(run.id, events, undefined)
  const files = history.outputsDirectory(run.id)
  for (const path of ['outputs/model.txt', 'outputs/deep/plot.svg']) {
    mkdirSync(dirname(join(files, path)), { recursive: true })
    writeFileSync(join(files, path), `content of ${path}\n`)
  }
  history.setArtifacts(run.id, [{ path: 'outputs/deep/plot.svg' }, { path: 'outputs/model.txt' }])
  const times = { startedAt: at(0), endedAt: at(4.5), peakMemory: 1_500_000, processorTime: 0.25 }
  const status =
    state === 'completed' ? { state, ...times } : { state, ...times, cause: 'exit' as const, exitCode: 3, reason: 'Exit code 3.' }
  history.update(run.id, { state, status, collected: true, removed: true })
  return run.id
}

it('lists runs newest first with the keys that clients read, and metrics beside them', async () => {
  using project = temporaryProject()
  const ids = [addRun(project, { Accuracy: 0.5 }), addRun(project, {}, 'failed'), addRun(project, { Accuracy: 0.98, Recall: 1 })]
  const { stdout, stderr } = await project.errand('history', 'list', '-o', 'json')
  expect(stderr).toBe('')
  const rows: Record<string, unknown>[] = JSON.parse(stdout)
  expect(rows.map((row) => row['run_id'])).toEqual(ids.toReversed())
  expect(rows[0]).toEqual({
    run_id: ids[2],
    script_name: 'train.py',
    status: 'Completed',
    start_time_utc: expect.stringMatching(/^2026-01-01T/),
    duration: '0:00:04.500000',
    created_utc: expect.stringMatching(/Z$/),
    target: 'local',
    Accuracy: 0.98,
    Recall: 1,
  })
})

it.each([
  ['[?Accuracy != null] | max_by(@, &Accuracy).Accuracy', '0.98\n'],
  ["[?status=='Failed'] | length(@)", '1\n'],
  ['@[?Accuracy >= sum(`[1, -0.03]`)] | sort_by(@, &duration) | [].Accuracy', '[\n  0.98\n]\n'],
])('answers the query %s', async (query, answer) => {
  using project = temporaryProject()
  addRun(project, { Accuracy: 0.5 })
  addRun(project, {}, 'failed')
  addRun(project, { Accuracy: 0.98 })
  expect((await project.errand('history', 'list', '-o', 'json', '--query', query)).stdout).toBe(answer)
})

it('says what is wrong with a query, and an unknown status', async () => {
  using project = temporaryProject()
  addRun(project, {})
  const query = await project.errand('history', 'list', '--query', '[?')
  expect(query).toMatchObject({ exitCode: 1, stdout: '' })
  expect(query.stderr).toMatch(/^ERROR: The query "\[\?" can't be used/)
  expect(await project.errand('history', 'list', '--status', 'odd')).toMatchObject({ exitCode: 1, stdout: '' })
})

it('filters by status in any case, by run and by number', async () => {
  using project = temporaryProject()
  const ids = [addRun(project, {}), addRun(project, {}, 'failed'), addRun(project, {})]
  const listed = async (...words: string[]): Promise<string[]> =>
    JSON.parse((await project.errand('history', 'list', '-o', 'json', '--query', '[].run_id', ...words)).stdout)
  expect(await listed('--status', 'FAILED')).toEqual([ids[1]])
  expect(await listed('--limit', '2')).toEqual([ids[2], ids[1]])
  expect(await listed('-r', ids[0] ?? '', '-r', 'last')).toEqual([ids[2], ids[0]])
})

it('shows runs as a table with the headings of the original, as wide as it likes in a pipe', async () => {
  using project = temporaryProject()
  addRun(project, { 'Regularization Rate': 0.01 })
  const [heading = ''] = (await project.errand('history', 'list', '-o', 'table')).stdout.split('\n')
  expect(heading.split(/ {2,}/)).toEqual(['Run_id', 'Status', 'Script_name', 'Target', 'Start_time_utc', 'Duration', 'Regularization Rate'])
})

it('shows a table that fits on a terminal, without being asked', async () => {
  using project = temporaryProject()
  addRun(project, { 'A metric with a long name': 0.01, 'Another metric with a long name': 2 })
  const { stdout } = await project.inTerminal({}, 'history', 'list')
  expect(stdout).toMatch(/^Run_id +Status/)
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  expect(stdout).toMatch(/\d columns do not fit here: -o json shows all, --columns picks some\./)
})

it('says of a run that is not there how to get one, where there is none', async () => {
  using project = temporaryProject()
  expect(await project.errand('status', 'last')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('errand submit -c local SCRIPT'),
  })
  addRun(project, {})
  const nope = await project.errand('status', 'nope')
  expect(nope.stderr).toBe('ERROR: There is no run nope in the history of this project.\nerrand history list\n')
})

it('shows the record of a run by id, beginning of an id, as argument and as the last', async () => {
  using project = temporaryProject()
  const id = addRun(project, { Accuracy: 0.5, status: 7 })
  const record = JSON.parse((await project.errand('history', 'info', '-r', id, '-o', 'json')).stdout)
  expect(record).toMatchObject({
    run_id: id,
    name: 'iris',
    user_id: 'ann',
    status: 'Completed',
    target: 'local',
    Accuracy: 0.5,
    metrics: { status: 7 },
  })
  expect(record.attachments.split(', ')).toEqual(expect.arrayContaining(['outputs/model.txt', 'control_log', 'driver_log']))
  for (const words of [['info', id], ['info', '--run', id.slice(0, -2)], ['last']]) {
    expect(JSON.parse((await project.errand('history', ...words)).stdout)).toEqual(record)
  }
  expect(await project.errand('history', 'info', '-r', 'nope')).toMatchObject({ exitCode: 1, stdout: '' })
  expect(await project.errand('history', 'info')).toMatchObject({ exitCode: 1, stdout: '' })
})

it.each([
  ['outputs/model.txt', 'content of outputs/model.txt\n'],
  ['driver_log', 'hello\noops\n'],
  ['azureml-logs/80_driver_log.txt', 'hello\noops\n'],
  ['control_log', 'starting\n'],
])('prints the content of the artifact %s and nothing else', async (name, content) => {
  using project = temporaryProject()
  const id = addRun(project, {})
  expect(await project.errand('history', 'info', '-r', id, '--artifact', name)).toEqual({ exitCode: 0, stdout: content, stderr: '' })
})

it('fails for an artifact that is not there, naming those that are', async () => {
  using project = temporaryProject()
  addRun(project, {})
  const { exitCode, stdout, stderr } = await project.errand('history', 'last', '-a', 'outputs/nope')
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(stderr).toContain('outputs/model.txt')
})

it('downloads the files of a run with their folders, and writes nothing when one is there', async () => {
  using project = temporaryProject()
  const id = addRun(project, {})
  const first = await project.errand('history', 'download', '-r', id, '-d', `artifacts/${id}`)
  expect(first.stdout.split('\n')).toContain(
    `Artifact outputs/model.txt has been downloaded to ${join(project.directory, 'artifacts', id, 'outputs/model.txt')}`,
  )
  expect(project.read(`artifacts/${id}/outputs/deep/plot.svg`)).toBe('content of outputs/deep/plot.svg\n')
  expect(project.read(`artifacts/${id}/driver_log`)).toBe('hello\noops\n')

  project.write(`half/outputs/model.txt`, 'mine\n')
  const second = await project.errand('history', 'download', '--last', '-d', 'half')
  expect(second).toMatchObject({ exitCode: 1, stdout: '' })
  expect(second.stderr).toContain(join(project.directory, 'half/outputs/model.txt'))
  expect(project.read('half/outputs/model.txt')).toBe('mine\n')
  expect(project.has('half/driver_log')).toBe(false)

  const third = await project.errand('history', 'download', '--overwrite', '-r', id, '--artifact', 'outputs/model.txt', '-d', 'half')
  expect(third.exitCode).toBe(0)
  expect(project.read('half/outputs/model.txt')).toBe('content of outputs/model.txt\n')
})

it('downloads into a folder of the run below artifacts when none is named', async () => {
  using project = temporaryProject()
  const id = addRun(project, {})
  expect(await project.errand('history', 'download', 'last')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(project.read(`artifacts/${id}/outputs/model.txt`)).toBe('content of outputs/model.txt\n')
})

it('ends quietly when nobody reads on', async () => {
  using project = temporaryProject()
  for (let count = 0; count < 30; count += 1)
    addRun(project, Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`metric ${index}`, index])))
  const { spawnSync } = await import('node:child_process')
  const { cliDirectory } = await import('./project.ts')
  const pipeline = `"${process.execPath}" "${join(cliDirectory, 'bin/errand.js')}" history list -o json | head -c 10; echo " \${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', pipeline], { cwd: project.directory, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(stdout).toBe('[\n  {"run_ 0\n')
})

it('shows the log on the streams it was written to, whole or from the last lines', async () => {
  using project = temporaryProject()
  addRun(project, {})
  expect(await project.errand('logs', 'last')).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: 'oops\n' })
  expect(await project.errand('logs', 'last', '--tail', '1')).toEqual({ exitCode: 0, stdout: '', stderr: 'oops\n' })
  expect(await project.errand('logs', 'last', '--control')).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: 'starting\noops\n' })
  expect(await project.errand('logs', '-f', 'last')).toEqual({ exitCode: 0, stdout: 'hello\n', stderr: 'oops\n' })
})

it('says the state of a run in the third word of the line with "state : "', async () => {
  using project = temporaryProject()
  const id = addRun(project, {}, 'failed')
  const { stdout } = await project.errand('experiment', 'status', '--run', id, '--target', 'local')
  const lines = stdout.split('\n').filter((line) => line.includes('state : '))
  expect(lines).toHaveLength(1)
  expect(lines[0]?.split(' ')[2]).toBe('Failed')
  expect(stdout).toContain('reason : Exit code 3.')
  expect(stdout).toContain('peak_memory : 1.50 MB\nprocessor_time : 0.25 s\n')
  expect(JSON.parse((await project.errand('status', 'last', '-o', 'json')).stdout)).toMatchObject({
    state: 'Failed',
    exit_code: 3,
    run_id: id,
    peak_memory: 1_500_000,
    processor_time: 0.25,
  })
  expect((await project.errand('status', id, '-t', 'docker')).stderr).toMatch(/^ERROR: .* runs on local, not on docker/)
})

it('says the exit code of a run that completed, which is 0', async () => {
  using project = temporaryProject()
  addRun(project, {})
  const { stdout } = await project.errand('status', 'last', '--query', 'exit_code')
  expect(stdout).toBe('0\n')
})

it('waits for runs that have ended no time, and fails when one of them has', async () => {
  using project = temporaryProject()
  const [good, bad] = [addRun(project, {}), addRun(project, {}, 'failed')]
  expect(await project.errand('wait', good ?? '')).toEqual({ exitCode: 0, stdout: `${good} : Completed\n`, stderr: '' })
  const both = await project.errand('wait', good ?? '', bad ?? '')
  expect(both.exitCode).toBe(1)
  expect(both.stdout.split('\n').toSorted()).toEqual(['', `${bad} : Failed`, `${good} : Completed`].toSorted())
})

it('cancels nothing that has ended, and says so', async () => {
  using project = temporaryProject()
  const id = addRun(project, {})
  expect(await project.errand('experiment', 'cancel', '-r', id, '-t', 'local')).toEqual({
    exitCode: 0,
    stdout: `The run ${id} had already ended: Completed.\n`,
    stderr: '',
  })
})
