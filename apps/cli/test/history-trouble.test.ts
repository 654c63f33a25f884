import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { errorCode } from '@errand/core'
import { afterEach, describe, expect, it } from 'vitest'
import { type TemporaryProject, temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

const lines = 200_000
const script = `import sys
for number in range(${lines}):
    sys.stdout.write('line %08d of many lines of fifty bytes each ......\\n' % number)
`

const projects: TemporaryProject[] = []
afterEach(() => {
  for (const project of projects.splice(0)) {
    execFileSync('umount', ['--lazy', join(project.directory, '.errand')])
    project[Symbol.dispose]()
  }
})

/** A project whose history has this room, or why there is none. */
function projectWithRoom(size: string): TemporaryProject | string {
  const project = temporaryProject()
  const folder = join(project.directory, '.errand')
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'pipe' })
    projects.push(project)
    return project
  } catch {
    project[Symbol.dispose]()
    return 'needs to mount a small file system'
  }
}

/** Gives the history no room at all, or takes the right to write. */
const closures: readonly (readonly [string, (project: TemporaryProject) => void, RegExp])[] = [
  ['has not a block left', fillUp, /^ERROR: .*the disk is full/],
  ['can only be read', (project) => remount(project, 'ro'), /^ERROR: .*could not be opened or written/],
]

function fillUp(project: TemporaryProject): void {
  for (let bytes = 1 << 20; bytes >= 1; bytes >>= 1) {
    try {
      for (;;) appendFileSync(join(project.directory, '.errand/filling'), Buffer.alloc(bytes))
    } catch (error) {
      if (errorCode(error) !== 'ENOSPC') throw error
    }
  }
}

const setRoom = (project: TemporaryProject, size: string) => remount(project, `size=${size}`)

function remount(project: TemporaryProject, option: string): void {
  execFileSync('mount', ['-o', `remount,${option}`, join(project.directory, '.errand')], { stdio: 'pipe' })
}

describe('a full disk', () => {
  it(
    'while a run is followed ends the showing with a sentence; with more room nothing of the run is lost',
    { timeout: 240_000 },
    async (context) => {
      const project = projectWithRoom('3m')
      if (typeof project === 'string') {
        context.skip(project)
        return
      }
      project.write('train.py', script)
      const submitted = await project.errand('submit', '-c', 'local', 'train.py')
      expect(submitted.exitCode).toBe(2)
      expect(submitted.stderr).toMatch(
        /^ERROR: .* could not be written: the disk is full .*\nFree some space .*\nThe run is not lost by that\. To come back to it: errand continue iris_\d+\n/m,
      )
      setRoom(project, '64m')
      expect((await project.errand('wait', 'last')).stdout).toMatch(/ : Completed\n$/)
      const { stdout } = await project.errand('logs', 'last')
      expect(stdout.split('\n')).toHaveLength(lines + 1)
      expect(stdout).toContain(`line 00${lines - 1} `)
    },
  )

  it('that has no room for the files of a run says so, and how they are brought later', { timeout: 240_000 }, async (context) => {
    const project = projectWithRoom('3m')
    if (typeof project === 'string') {
      context.skip(project)
      return
    }
    project.write('train.py', 'import os\nos.makedirs("outputs", exist_ok=True)\nopen("outputs/big", "wb").write(os.urandom(8000000))\n')
    const submitted = await project.errand('submit', '-c', 'local', 'train.py')
    expect(submitted.exitCode).toBe(2)
    expect(submitted.stderr).toMatch(
      /^ERROR: .* could not be written: the disk is full .*\nFree some space .*\n.* errand continue iris_\d+\n$/m,
    )
    setRoom(project, '64m')
    const id = /errand continue (\S+)/.exec(submitted.stderr)?.[1] ?? ''
    expect(await project.errand('continue', id)).toMatchObject({ exitCode: 0 })
    expect((await project.errand('history', 'info', id, '--query', 'attachments', '-o', 'tsv')).stdout).toContain('outputs/big')
  })

  it('leaves configuration files as they were', { timeout: 240_000 }, async (context) => {
    using project = temporaryProject()
    const folder = join(project.directory, 'aml_config')
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' })
    } catch {
      context.skip('needs to mount a small file system')
      return
    }
    try {
      project.write('aml_config/mine.runconfig', 'Target: local\nFramework: Python\n')
      expect(() => project.write('aml_config/filling', 'x'.repeat(100_000))).toThrow('ENOSPC')
      for (const words of [
        ['-n', 'other'],
        ['-n', 'mine', '--overwrite'],
      ]) {
        const refused = await project.errand('runconfiguration', 'create', '-t', 'local', ...words)
        expect(refused).toMatchObject({
          exitCode: 2,
          stderr: expect.stringMatching(/^ERROR: The file .* can't be written: the disk is full\./),
        })
      }
      expect(readdirSync(folder).toSorted()).toEqual(['filling', 'mine.runconfig'])
      expect(readFileSync(join(folder, 'mine.runconfig'), 'utf8')).toBe('Target: local\nFramework: Python\n')
    } finally {
      execFileSync('umount', ['--lazy', folder], { stdio: 'pipe' })
    }
  })

  it.for(closures)('%s: the history can still be read', { timeout: 240_000 }, async ([, close, reason], context) => {
    const project = projectWithRoom('1m')
    if (typeof project === 'string') {
      context.skip(project)
      return
    }
    const { id } = recordRun(project, { metrics: { Accuracy: 0.5 }, files: { 'outputs/model': 'x' } })
    project.write('train.py', 'print(1)\n')
    close(project)
    expect(JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout)).toMatchObject([{ run_id: id, Accuracy: 0.5 }])
    expect(await project.errand('logs', id)).toMatchObject({ exitCode: 0, stdout: 'hello\n' })
    for (const words of [
      ['show', 'last'],
      ['status', 'last'],
      ['history', 'export', '--to', '../export'],
    ]) {
      expect(await project.errand(...words)).toMatchObject({ exitCode: 0, stderr: '' })
    }
    for (const words of [
      ['history', 'note', 'last', 'new'],
      ['submit', '-c', 'local', 'train.py'],
    ]) {
      expect(await project.errand(...words)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(reason) })
    }
  })

  it('before a run leaves no half record behind', { timeout: 240_000 }, async (context) => {
    const project = projectWithRoom('1m')
    if (typeof project === 'string') {
      context.skip(project)
      return
    }
    recordRun(project, { metrics: { Accuracy: 0.5 } })
    project.write('train.py', 'print(1)\n')
    project.write('big.bin', 'x'.repeat(2_000_000))
    const refused = await project.errand('submit', '-c', 'local', 'train.py')
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toMatch(/^ERROR: .*the disk is full/m)
    setRoom(project, '64m')
    const rows = JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout)
    expect(rows.map((row: { status: string }) => row.status)).toEqual(['Failed', 'Completed'])
    expect((await project.errand('submit', '-c', 'local', 'train.py')).stdout).toContain('\n1\n')
  })
})

describe('a newer errand on the same history', () => {
  it(
    'is respected: nothing is changed, the command says so, and a run that goes on is completed by the newer one',
    { timeout: 240_000 },
    async () => {
      using project = temporaryProject()
      project.write(
        'train.py',
        'import time, os\nprint("begins", flush=True)\nwhile not os.path.exists(os.environ["GO"]): time.sleep(0.05)\nprint("ends")\n',
      )
      project.write(
        'aml_config/local.runconfig',
        `Target: local\nFramework: Python\nArgumentVector: [$file]\nEnvironmentVariables: {GO: ${join(project.parent, 'go')}}\n`,
      )
      const started = project.start('submit', '-c', 'local', 'train.py')
      await started.says('begins')
      const file = join(project.directory, '.errand/history.db')
      const version = migrateTo(file, 99)
      project.write('../go', '')
      const { exitCode, stderr } = await started.finished
      expect(exitCode).not.toBe(0)
      expect(stderr).toMatch(
        /^ERROR: .*history\.db has version 99 of the history; this errand knows versions up to \d+\.\nUse the newer errand/m,
      )
      const before = readFileSync(file)
      for (const words of [
        ['history', 'list'],
        ['compare'],
        ['history', 'gc', '--yes'],
        ['history', 'note', 'last', 'x'],
        ['submit', '-c', 'local', 'train.py'],
      ]) {
        expect(await project.errand(...words)).toMatchObject({
          exitCode: 1,
          stderr: expect.stringMatching(/^ERROR: .* has version 99 of the history/),
        })
      }
      expect((await project.errand('doctor', '-c', 'local')).stdout).toMatch(/^failed +history: .*history\.db can't be read\./m)
      expect(readFileSync(file).equals(before)).toBe(true)
      // The newer errand, which this one stands in for.
      migrateTo(file, version)
      expect((await project.errand('wait', 'last')).stdout).toMatch(/ : Completed\n$/)
      expect((await project.errand('logs', 'last')).stdout).toBe('begins\nends\n')
    },
  )
})

/** Answers the version that it had. */
function migrateTo(file: string, version: number): number {
  using database = new DatabaseSync(file)
  const before = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  database.exec(`PRAGMA user_version = ${version}; PRAGMA wal_checkpoint(TRUNCATE)`)
  return before
}
