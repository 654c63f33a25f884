import { openHistory } from '@errand/core/history'
import { expect, it } from 'vitest'
import { temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

/** Nothing listens there. */
const gone = {
  name: 'gone',
  type: 'remote',
  config: { type: 'remote', address: '127.0.0.1:1', username: 'ann', pythonLocation: 'python3', userManagedEnvironment: true },
}

it('shows with status what is known of a run whose place does not answer, and fails', async () => {
  using project = temporaryProject()
  const reference = { externalId: '7', data: {} }
  const { id } = recordRun(project, { run: { target: gone }, patch: { state: 'running', status: { state: 'running' }, reference } })
  const { stdout, stderr, exitCode } = await project.errand('status', id)
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(new RegExp(`^state : Running\\n[^]*run_id : ${id}\\n`))
  expect(stderr).toMatch(/^ERROR: .*no SSH server answers/)
  expect(stderr).toContain('WARNING: gone could not be asked. This is what is known, as of ')
})

it('cancels a run that was interrupted before it started without asking its place', async () => {
  using project = temporaryProject()
  const { id } = recordRun(project, { run: { target: gone }, patch: { state: 'interrupted', reason: 'Interrupted before it started.' } })
  expect(await project.errand('cancel', id)).toEqual({ exitCode: 0, stdout: 'Experiment run canceled successfully.\n', stderr: '' })
  expect((await project.errand('status', id)).stdout).toMatch(/^state : Canceled\n/)
})

it('says with logs why a run wrote nothing', async () => {
  using project = temporaryProject()
  using history = openHistory(project.directory)
  const { id } = history.create({
    kind: 'run',
    name: 'iris',
    arguments: [],
    runConfiguration: 'local',
    target: gone,
    user: 'ann',
  })
  history.update(id, { state: 'failed', reason: 'There is no spark-submit.', collected: true, removed: true })
  expect(await project.errand('logs', id)).toEqual({ exitCode: 0, stdout: '', stderr: `${id} wrote nothing: There is no spark-submit.\n` })
})

it('shows alone how old the state of a run that goes on is', async () => {
  using project = temporaryProject()
  recordRun(project, {
    run: { target: gone },
    patch: { state: 'running', status: { state: 'running' }, reference: { externalId: '7', data: {} } },
  })
  expect((await project.errand('overview', '-o', 'table')).stdout).toMatch(/Last runs +Status +Now [^]*Running +seen \d+ s ago/)
})
