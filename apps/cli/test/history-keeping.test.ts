import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clientOf, openHistory } from '@errand/core/history'
import { describe, expect, it } from 'vitest'
import { runIdOf, type TemporaryProject, temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

describe('history tag and note', () => {
  it('write, replace, show and remove what then stands in the record', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { id } = recordRun(project)
    expect((await project.errand('history', 'tag', 'last', 'stage=draft', 'owner=ann=e')).stdout).toBe('owner=ann=e\nstage=draft\n')
    expect((await project.errand('history', 'tag', id, 'stage=final', '--remove', 'owner', '-o', 'json')).stdout).toBe(
      '{\n  "stage": "final"\n}\n',
    )
    expect((await project.errand('history', 'note', id, 'the one in the paper')).stdout).toBe('the one in the paper\n')
    const record = JSON.parse((await project.errand('history', 'info', '-r', id, '-o', 'json')).stdout)
    expect(record).toMatchObject({ tags: { stage: 'final' }, description: 'the one in the paper' })
    expect((await project.errandWith({ input: 'from\na pipe\n' }, 'history', 'note', id, '-')).stdout).toBe('from\na pipe\n')
    expect((await project.errand('history', 'note', id, '--remove')).stdout).toBe(`${id} has no note.\n`)
    expect(await project.errand('history', 'tag', id, 'stage')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^ERROR: "stage" is no tag/),
    })
    expect(await project.errand('history', 'tag', 'nothing', 'a=b')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^ERROR: There is no run nothing/),
    })
  })
})

describe('history delete', () => {
  it('deletes what is named, after a yes, and no run that goes on', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const [first, second, live] = [
      recordRun(project, { files: { 'outputs/model.txt': 'x' } }),
      recordRun(project),
      recordRun(project, { patch: { state: 'running', status: { state: 'running' } } }),
    ].map(({ id }) => id)
    if (first === undefined || second === undefined || live === undefined) throw new Error('there are three')
    const unasked = await project.errand('history', 'delete', first)
    expect(unasked).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`errand history delete ${first} --yes`) })
    const declined = await project.inTerminal({ after: '[y/N]', typed: 'n\r' }, 'history', 'delete', first)
    expect(declined.stdout).toContain('Nothing was deleted.')
    expect(await project.errand('history', 'delete', first, live, '--yes')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(new RegExp(`^ERROR: ${live} has not ended\\. Nothing was deleted\\.\nerrand cancel ${live}`)),
    })
    using history = openHistory(project.directory)
    expect(history.list()).toHaveLength(3)
    expect(await project.errand('history', 'delete', first, 'last~1', '--yes')).toMatchObject({
      exitCode: 0,
      stdout: `Deleted ${first}\nDeleted ${second}\n`,
    })
    expect(history.list().map(({ id }) => id)).toEqual([live])
    expect(existsSync(history.runDirectory(first))).toBe(false)
    expect((await project.errand('history', 'delete', live, '--force')).stderr).toContain(`errand history delete ${live} --force --yes`)
    expect(await project.errand('history', 'delete', live, '--force', '-y')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(`${live} goes on at local; when it has ended: errand experiment clean ${live} -t local --force`),
    })
    expect(history.list()).toEqual([])
  })

  it('says that nothing is left of a run that never came to its place', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const unstarted = recordRun(project, { patch: { state: 'failed', reason: 'There is no spark-submit.' } }).id
    const interrupted = recordRun(project, { patch: { state: 'interrupted' } }).id
    const ended = recordRun(project, { patch: { state: 'failed', reference: { externalId: '7', data: {} } } }).id
    const deleted = await project.errand('history', 'delete', unstarted, interrupted, ended, '--yes')
    expect(deleted.exitCode).toBe(0)
    expect(deleted.stderr).toBe(`What ${ended} has left on local is still there: errand experiment clean ${ended} -t local --force\n`)
  })

  it('also deletes a record that cannot be read', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { id } = recordRun(project)
    {
      using database = new DatabaseSync(join(project.directory, '.errand/history.db'))
      database.exec("UPDATE runs SET state = 'melted'")
    }
    expect(await project.errand('history', 'gc', '--yes')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(id) })
    expect(await project.errand('history', 'delete', id, '--yes')).toMatchObject({ exitCode: 0, stdout: `Deleted ${id}\n` })
    expect((await project.errand('history', 'list', '-o', 'json')).stdout).toBe('[]\n')
  })
})

/** Files below `.errand/objects` and `.errand/snapshots`. */
function stored(project: TemporaryProject): { objects: number; snapshots: number } {
  const filesOf = (folder: string) =>
    readdirSync(join(project.directory, '.errand', folder), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .length
  return { objects: filesOf('objects'), snapshots: filesOf('snapshots') }
}

describe('history gc', () => {
  it(
    'removes what no run needs, after it has shown it, and leaves every other run as it can be run again',
    { timeout: 240_000 },
    async () => {
      using project = temporaryProject()
      project.write('train.py', 'print("first")\n')
      project.write('big.bin', 'x'.repeat(300_000))
      const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py'))
      rmSync(join(project.directory, 'big.bin'))
      project.write('train.py', 'print("second")\n')
      const second = runIdOf(await project.errand('submit', '-c', 'local', 'train.py'))
      expect((await project.errand('history', 'gc')).stdout).toBe('Nothing may go.\n')
      await project.errand('history', 'delete', first, '--yes')
      mkdirSync(join(project.directory, '.errand/runs/iris_1'))
      writeFileSync(join(project.directory, '.errand/runs/iris_1/log'), 'left behind')
      const before = stored(project)
      const dry = await project.errand('history', 'gc', '--dry-run', '--yes')
      expect(dry.stdout).toMatch(/300(\.\d)? [kK]B +2 contents of copied files\n/)
      expect(dry.stdout).toMatch(/1 folders of deleted runs\n/)
      expect(dry.stderr).toContain('Nothing was removed.')
      expect(await project.errand('history', 'gc')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('Nothing was removed.') })
      expect(stored(project)).toEqual(before)
      const done = JSON.parse((await project.errand('history', 'gc', '--yes', '-o', 'json')).stdout)
      expect(done).toMatchObject({ removed: true, kept: null })
      expect(stored(project).objects).toBe(before.objects - 2)
      expect(existsSync(join(project.directory, '.errand/runs/iris_1'))).toBe(false)
      expect(readdirSync(join(project.directory, '.errand')).filter((name) => name.startsWith('removed-'))).toEqual([])
      expect((await project.errand('rerun', second)).stdout).toContain('second\n')
      project.write('train.py', 'print("first")\n')
      expect((await project.errand('submit', '-c', 'local', 'train.py')).stdout).toContain('first\n')
    },
  )

  it('leaves contents alone while a submit may be storing some, and where a list cannot be read', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    project.write('train.py', 'print("first")\n')
    const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py'))
    await project.errand('history', 'delete', first, '--yes')
    const submitting = recordRun(project, { run: { client: clientOf(process.pid) }, patch: { state: 'preparing' } }).id
    const before = stored(project)
    const kept = await project.errand('history', 'gc', '--yes')
    expect(kept).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`Copied files stay for now: ${submitting} is at work`) })
    expect(stored(project)).toEqual(before)
    await project.errand('history', 'delete', submitting, '--force', '--yes')
    const second = runIdOf(await project.errand('submit', '-c', 'local', 'train.py'))
    const folder = join(project.directory, '.errand/snapshots')
    for (const name of readdirSync(folder)) {
      rmSync(join(folder, name))
      writeFileSync(join(folder, name), 'damaged')
    }
    const unknown = await project.errand('history', 'gc', '--yes')
    expect(unknown.stderr).toContain(`the list of files of ${second} can't be read`)
    expect(stored(project)).toEqual(before)
    expect(statSync(folder).isDirectory()).toBe(true)
  })
})
