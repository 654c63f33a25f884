import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHistory, snapshotDigest } from '@errand/core/history'
import { describe, expect, it } from 'vitest'
import { runIdOf, type TemporaryProject, temporaryProject } from './project.ts'

const script = `import sys
import pathlib
print('first version', sys.argv[1:], sorted(str(path) for path in pathlib.Path('data').rglob('*')), open('data/deep/rows.csv').read())
# What a run writes into its files must reach no other run.
with open('data/deep/rows.csv', 'r+') as rows:
    rows.write('9,9,9,9')
`

function projectWithRun(): TemporaryProject {
  const project = temporaryProject()
  project.write('train.py', script)
  project.write('data/deep/rows.csv', '1,2,3')
  project.write('data/old name.txt', 'x')
  project.write('tool.sh', '#!/bin/sh\n')
  return project
}

/** What becomes of a project in a week. */
function changeEverything(project: TemporaryProject): void {
  project.write('train.py', 'raise SystemExit("second version")\n')
  renameSync(join(project.directory, 'data/old name.txt'), join(project.directory, 'data/new name.txt'))
  rmSync(join(project.directory, 'data/deep'), { recursive: true })
  project.write('aml_config/local.runconfig', 'Target: nowhere\nFramework: Nothing\n')
  project.write('new.py', '')
}

function digestOf(project: TemporaryProject, id: string): string | undefined {
  using history = openHistory(project.directory)
  return snapshotDigest(history.resolve(id))
}

describe('rerun', () => {
  it('runs what was run, whatever became of the files since, and says its digest', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py', '0.1', '--depth', '2'))
    const printed = (await project.errand('logs', first)).stdout
    changeEverything(project)
    const again = await project.errand('rerun', first)
    expect(again.exitCode).toBe(0)
    const second = runIdOf(again)
    expect(digestOf(project, second)).toBe(digestOf(project, first))
    expect(again.stderr).toContain(`This is ${first} again, with its files as they were: ${digestOf(project, first)}\n`)
    expect((await project.errand('logs', second)).stdout).toBe(printed)
    expect(printed).toContain("first version ['0.1', '--depth', '2']")
    using history = openHistory(project.directory)
    expect(history.get(second)).toMatchObject({ rerunOf: first, arguments: ['0.1', '--depth', '2'], runConfiguration: 'local' })
  })

  it('takes other arguments, which begin with the first word that is no option of its own', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    await project.errand('submit', '-c', 'local', 'train.py', '0.1')
    changeEverything(project)
    const other = await project.errand('rerun', 'last', '--verbose', '--alpha', '3', '-c', 'x')
    expect(other.stdout).toContain("first version ['--alpha', '3', '-c', 'x']")
    expect(other.stderr).toContain('Arguments: ["--alpha","3","-c","x"]')
    const none = await project.errand('rerun', '-r', 'last', '--')
    expect(none.stdout).toContain('first version []')
    const detached = await project.errand('rerun', '-a', 'last', '7')
    await project.errand('wait', runIdOf(detached))
    expect((await project.errand('logs', runIdOf(detached))).stdout).toContain("first version ['7']")
  })

  it('starts nothing when an option of errand would go to the script, unless it is marked as its own', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py', '0.1'))
    for (const [lost, way, words] of [
      ['--dry-run', 'rerun has no --dry-run.', ['--dry-run']],
      ['--target', 'Put --target before the run.', ['0.05', '--target=x', '--', 'y']],
    ] as const) {
      const refused = await project.errand('rerun', 'last', ...words)
      expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
      expect(refused.stderr).toContain(`ERROR: ${lost} is errand's and would go to the script.\n${way} `)
      expect(refused.stderr).toContain('errand rerun RUN -- ARGUMENTS')
    }
    expect((await project.errand('history', 'last', '--query', 'run_id', '-o', 'tsv')).stdout).toBe(`${first}\n`)
    const marked = await project.errand('rerun', 'last', '--', '--dry-run')
    expect(marked.stdout).toContain("first version ['--dry-run']")
  })

  it('goes somewhere else with the configuration of today and the files of then', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    const first = runIdOf(await project.errand('submit', '-c', 'local', 'train.py', '0.1'))
    changeEverything(project)
    project.write('aml_config/elsewhere.compute', 'type: local\n')
    project.write(
      'aml_config/elsewhere.runconfig',
      'Target: elsewhere\nFramework: Python\nArgumentVector: [$file]\nEnvironmentVariables: {COLOUR: blue}\n',
    )
    const again = await project.errand('rerun', first, '-c', 'elsewhere')
    expect(again.stdout).toContain("first version ['0.1']")
    using history = openHistory(project.directory)
    const run = history.resolve('last')
    expect(run).toMatchObject({ target: { name: 'elsewhere' }, runConfiguration: 'elsewhere', request: { variables: { COLOUR: 'blue' } } })
    expect(snapshotDigest(run)).toBe(digestOf(project, first))
    expect(readdirSync(history.directory).filter((name) => name.startsWith('rerun-'))).toEqual([])
    const contents = readFileSync(join(project.directory, 'aml_config/local.runconfig'), 'utf8')
    expect(contents).toContain('nowhere')
    const unknown = await project.errand('rerun', first, '-c', 'nothing')
    expect(unknown).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^ERROR: There is no run configuration nothing/) })
  })

  it('refuses what cannot be run again: no files, lost contents', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    await project.errand('submit', '-c', 'local', 'train.py')
    await project.errand('experiment', 'prepare', '-c', 'local')
    {
      using history = openHistory(project.directory)
      const prepare = await project.errand('rerun', history.resolve('last', { kind: 'prepare' }).id)
      expect(prepare).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^ERROR: .* is the record of a prepare/) })
    }
    const objects = join(project.directory, '.errand/objects')
    for (const file of readdirSync(objects, { recursive: true, encoding: 'utf8' }).map((name) => join(objects, name))) {
      if (statSync(file).isFile()) putInPlace(file, readFileSync(file, 'utf8').replaceAll('first version', 'other version'))
    }
    const changed = await project.errand('rerun', 'last')
    expect(changed.stderr).toMatch(/^ERROR: The contents of train\.py are missing or changed in .*\.\n/)
    rmSync(objects, { recursive: true })
    const lost = await project.errand('rerun', 'last')
    expect(lost.exitCode).toBe(1)
    expect(lost.stderr).toMatch(/^ERROR: The contents of .*train\.py.* are missing or changed in .*\.\n/)
  })
})

/** As `sed -i` does. */
function putInPlace(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o444 })
  renameSync(`${file}.new`, file)
}

describe('history restore', () => {
  it('writes the files as they were into a new folder, and never into one that holds something', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    await project.errand('submit', '-c', 'local', 'train.py')
    changeEverything(project)
    mkdirSync(join(project.parent, 'empty'))
    for (const folder of ['new', 'empty']) {
      const restored = await project.errand('history', 'restore', 'last', '--to', join('..', folder))
      expect(restored).toMatchObject({ exitCode: 0, stderr: '' })
      expect(restored.stdout).toContain(digestOf(project, 'last'))
      const at = (path: string) => join(project.parent, folder, path)
      expect(readFileSync(at('train.py'), 'utf8')).toBe(script)
      expect(readFileSync(at('data/deep/rows.csv'), 'utf8')).toBe('1,2,3')
      expect(readdirSync(at('data')).toSorted()).toEqual(['deep', 'old name.txt'])
      expect(statSync(at('train.py')).mode & 0o222).not.toBe(0)
    }
    writeFileSync(join(project.parent, 'new/train.py'), 'mine')
    const refused = await project.errand('history', 'restore', 'last', '--to', '../new')
    expect(refused).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/is there already and is not empty/) })
    expect(readFileSync(join(project.parent, 'new/train.py'), 'utf8')).toBe('mine')
    expect(readdirSync(project.parent).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  it('does not pass off a changed content as the one that was run', { timeout: 120_000 }, async () => {
    using project = projectWithRun()
    await project.errand('submit', '-c', 'local', 'train.py')
    const objects = join(project.directory, '.errand/objects')
    for (const path of readdirSync(objects, { recursive: true, encoding: 'utf8' })) {
      const file = join(objects, path)
      if (!statSync(file).isFile() || readFileSync(file, 'utf8') !== script) continue
      rmSync(file)
      writeFileSync(file, script.replace('first', 'wrong'))
      // As a disk does that forgets: there is nothing to see from outside.
      utimesSync(file, 1, 1)
    }
    const refused = await project.errand('history', 'restore', 'last', '--to', '../new')
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/the stored content of train\.py was changed/) })
    expect(readdirSync(project.parent)).not.toContain('new')
  })
})
