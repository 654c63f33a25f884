import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { openHistory } from '@errand/core/history'
import { describe, expect, it } from 'vitest'
import { runIdOf, type TemporaryProject, temporaryProject } from './project.ts'
import { recordRun } from './recorded-run.ts'

const script = `import sys
from azureml.logging import get_azureml_logger
logger = get_azureml_logger()
for pair in sys.argv[1:]:
    name, value = pair.split('=')
    logger.log(name, float(value))
`

/** Two runs, the second after everything that can happen to files, and a third state of the project that no run has seen. */
async function twoRuns(project: TemporaryProject): Promise<{ first: string; second: string }> {
  const at = (path: string) => join(project.directory, path)
  project.write('train.py', script)
  project.write('data/old.csv', '1,2,3\n')
  project.write('gone.txt', 'was here\n')
  project.write('tool.sh', '#!/bin/sh\n')
  writeFileSync(at('picture.bin'), Buffer.from([0, 1, 2]))
  const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py', 'Accuracy=0.5', 'Loss=nan'))
  project.write('train.py', script.replace('float(value))', 'float(value))  # as a number'))
  renameSync(at('data/old.csv'), at('data/new.csv'))
  rmSync(at('gone.txt'))
  project.write('new.py', 'print()\n')
  chmodSync(at('tool.sh'), 0o755)
  writeFileSync(at('picture.bin'), Buffer.from([0, 1, 3]))
  project.write(
    'aml_config/local.runconfig',
    'Target: local\nFramework: Python\nArgumentVector: [$file]\nEnvironmentVariables: {COLOUR: blue-as-the-sky}\nTimeLimit: 600\n',
  )
  const second = runIdOf(await project.errand('submit', '-c', 'local', 'train.py', 'Accuracy=0.75', 'Recall=1'))
  rmSync(at('new.py'))
  renameSync(at('train.py'), at('other.py'))
  project.write('other.py', 'a third version')
  return { first, second }
}

describe('compare', () => {
  it('says what differs between two runs whose files were edited, renamed and deleted since', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { first, second } = await twoRuns(project)
    const { stdout, exitCode } = await project.errand('compare', first, second, '-o', 'json')
    expect(exitCode).toBe(0)
    const [before, after] = JSON.parse(stdout)
    expect(before).toMatchObject({ run_id: first, Accuracy: 0.5, status: 'Completed' })
    expect(before).not.toHaveProperty('differences')
    expect(after).toMatchObject({ run_id: second, Accuracy: 0.75 })
    expect(after.differences).toMatchObject({
      against: first,
      code: {
        same: false,
        added: ['new.py'],
        removed: ['gone.txt'],
        renamed: [{ from: 'data/old.csv', to: 'data/new.csv' }],
        changed: [
          { path: 'aml_config/local.runconfig', change: 'content' },
          { path: 'picture.bin', change: 'content' },
          { path: 'tool.sh', change: 'executable' },
          { path: 'train.py', change: 'content' },
        ],
      },
      configuration: [{ key: 'timeLimit', after: 600 }],
      environment: { specification: [], packages: null },
      arguments: { before: ['Accuracy=0.5', 'Loss=nan'], after: ['Accuracy=0.75', 'Recall=1'] },
      variables: { added: ['COLOUR'], removed: [], changed: [] },
      metrics: {
        Accuracy: { before: 0.5, after: 0.75, difference: 0.25 },
        Loss: { before: 'NaN', after: null, difference: null },
        Recall: { before: null, after: 1, difference: null },
      },
      duration: { before: expect.any(Number), after: expect.any(Number) },
    })
    const table = (await project.errand('history', 'compare', '-r', first, '-r', second, '-o', 'table')).stdout
    expect(table).toContain(`A  ${first}\nB  ${second}\n`)
    expect(table).toMatch(/Accuracy +0\.5 +0\.75 +\+0\.25\n/)
    expect(table).toMatch(/added +timeLimit: 600\n/)
    expect(table).toMatch(/renamed +data\/old\.csv → data\/new\.csv\n/)
    expect(table).toMatch(/Variables, B against A\n {2}added +COLOUR\n/)
    expect(table).not.toContain('blue-as-the-sky')
  })

  it('prints the difference of the files as a patch that makes the one of the other', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const { first, second } = await twoRuns(project)
    const folder = join(project.parent, 'first')
    await project.errand('history', 'restore', first, '--to', folder)
    await project.errand('history', 'restore', second, '--to', join(project.parent, 'second'))
    const whole = await project.errand('compare', first, second, '--diff')
    expect(whole.stdout).toContain('Binary files a/picture.bin and b/picture.bin differ\n')
    expect(whole.stdout).toContain('+    logger.log(name, float(value))  # as a number\n')
    const patch = whole.stdout.replace(/^Binary.*\n/m, '')
    rmSync(join(folder, 'picture.bin'))
    rmSync(join(project.parent, 'second/picture.bin'))
    execFileSync('git', ['apply', '-p1'], { cwd: folder, input: patch, stdio: ['pipe', 'pipe', 'pipe'] })
    expect(execFileSync('diff', ['-r', folder, join(project.parent, 'second')], { encoding: 'utf8' })).toBe('')
    const one = await project.errand('compare', first, second, '--diff', '--file', 'train.py', '-o', 'json')
    expect(JSON.parse(one.stdout)[1].differences.code).toMatchObject({
      changed: [{ path: 'train.py', diff: expect.stringContaining('@@') }],
    })
    const misspelt = await project.errand('compare', first, second, '--file', 'trian.py')
    expect(misspelt).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^ERROR: Neither run has trian\.py\.$/m) })
  })

  it(
    'takes three runs, one that never got its files, and lost or damaged contents: what can be shown is shown',
    { timeout: 120_000 },
    async () => {
      using project = temporaryProject()
      const { first, second } = await twoRuns(project)
      const bare = recordRun(project, { metrics: { Accuracy: 0.9 }, run: { kind: 'prepare' } }).id
      const three = JSON.parse((await project.errand('compare', first, second, bare, '-o', 'json')).stdout)
      expect(three.map((run: { run_id: string }) => run.run_id)).toEqual([first, second, bare])
      expect(three[2].differences).toMatchObject({
        against: first,
        code: { same: null, reason: `the files of ${bare} were not recorded` },
        metrics: { Accuracy: { difference: 0.4 } },
      })
      rmSync(join(project.directory, '.errand/objects'), { recursive: true })
      const lost = await project.errand('compare', first, second, '--diff')
      expect(lost).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining('The content of train.py is not in the history any more\n'),
      })
      rmSync(join(project.directory, '.errand/snapshots'), { recursive: true })
      const nothing = await project.errand('compare', first, second, '-o', 'table')
      expect(nothing).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/not known: The snapshot sha256:.* is not in/) })
      expect(nothing.stdout).toMatch(/Accuracy +0\.5 +0\.75/)
    },
  )

  it('names specifications and packages of environments', async () => {
    using project = temporaryProject()
    const environment = (pandas: string) => ({
      kind: 'conda',
      file: 'conda.yml',
      text: '',
      canonical: { conda: [`pandas=${pandas}`] },
      localFiles: [],
    })
    const prepared = (packages: Readonly<Record<string, string>>) => ({
      environmentKey: 'key',
      lock: { provider: 'micromamba', packages: Object.entries(packages).map(([name, version]) => ({ name, version })) },
    })
    const [first, second] = [
      { request: { environment: environment('1') }, prepared: prepared({ pandas: '1.0', six: '1.16' }) },
      { request: { environment: environment('2') }, prepared: prepared({ pandas: '2.0', numpy: '1.26' }) },
    ].map(({ request, prepared: built }) => {
      const { id } = recordRun(project, { run: { request } })
      using history = openHistory(project.directory)
      return history.update(id, { prepared: built }).id
    })
    const [, after] = JSON.parse((await project.errand('compare', first ?? '', second ?? '', '-o', 'json')).stdout)
    expect(after.differences.environment).toEqual({
      specification: [{ key: 'canonical.conda', before: ['pandas=1'], after: ['pandas=2'] }],
      packages: {
        added: [{ name: 'numpy', version: '1.26' }],
        removed: [{ name: 'six', version: '1.16' }],
        changed: [{ name: 'pandas', before: '1.0', after: '2.0' }],
      },
    })
  })

  it('keeps to 40 columns, and refuses to compare a run with itself or with one that is not there', { timeout: 120_000 }, async () => {
    using project = temporaryProject()
    const [first, second] = [0.5, 0.75].map((Accuracy) => recordRun(project, { metrics: { Accuracy } }).id)
    const narrow = await project.inTerminal({ environment: { TERMINAL_COLUMNS: '40' } }, 'compare')
    const shown = stripVTControlCharacters(narrow.stdout)
    const lines = shown.split('\n')
    expect(lines.slice(0, 2)).toEqual([`A  ${first}`, `B  ${second}`])
    expect(shown).toMatch(/Accuracy +0\.5 +0\.75\n/)
    expect(lines.filter((line) => line.length > 40 && !line.includes('not known'))).toEqual([])
    expect(await project.errand('compare', second ?? '')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^ERROR: There is only one run/),
    })
    expect(await project.errand('compare', 'iris_1', 'last')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^ERROR: .*2 runs begin with iris_1/),
    })
    expect(readFileSync(join(project.directory, '.errand/.gitignore'), 'utf8')).toBe('*\n')
  })
})
