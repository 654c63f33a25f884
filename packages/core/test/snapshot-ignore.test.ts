import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { excludedBy } from '../src/snapshot/index.ts'
import { outsideTheTick, pathsOf, temporaryProject } from './snapshot-project.ts'

const leftOut = [
  '.git/HEAD',
  '.errand/history.db',
  'outputs/model.pkl',
  'azureml-logs/70_driver.txt',
  'azureml-setup/run.sh',
  '.azuremlhistory_git/HEAD',
  '.ipynb_checkpoints/a.ipynb',
  'notebooks/.ipynb_checkpoints/a.ipynb',
  'web/node_modules/left/index.js',
  'package/__pycache__/a.pyc',
  '.pytest_cache/x',
  '.mypy_cache/x',
  '.ruff_cache/x',
  '.tox/x',
  '.DS_Store',
  'env/pyvenv.cfg',
  'env/lib/python3/site.py',
  'tools/conda/conda-meta/history',
  'tools/conda/bin/python',
]

describe('what a snapshot leaves out', () => {
  it('leaves out versions, run data, results, environments and caches, also when a pattern would bring them back', async () => {
    using project = temporaryProject({
      '.gitignore': '!*\n!/outputs\n',
      'train.py': 'print()',
      'src/outputs/kept.txt': 'a folder of the user',
    })
    project.write(Object.fromEntries(leftOut.map((path) => [path, 'x'])))
    // A folder whose whole content is left out is there, empty.
    expect(pathsOf(await project.take())).toEqual([
      '.gitignore',
      'notebooks',
      'package',
      'src/outputs/kept.txt',
      'tools',
      'train.py',
      'web',
    ])
  })

  it('leaves out what errand itself wrote into the project, and nothing of the user that only looks a little like it', async () => {
    using project = temporaryProject({ '.gitignore': '', 'train.py': '', 'diagnostics.zip': '' })
    const kept = [
      'artifacts/model.bin',
      'artifacts/v_1/model.bin',
      'data/diagnostics.zip',
      'data/history.jsonl',
      'sub/artifacts/iris_1521077190506/a',
    ]
    const own = [
      'artifacts/iris_1521077190506/outputs/model.pkl',
      'sub/export/history.jsonl',
      'sub/export/objects/aa/b',
      'sub/export/train.py',
      'sub/mlruns/.errand-export',
      'sub/mlruns/7/meta.yaml',
    ]
    project.write(Object.fromEntries([...kept, ...own].map((path) => [path, 'x'])))
    expect(pathsOf(await project.take())).toEqual(['.gitignore', ...kept, 'train.py'].toSorted())
    expect(pathsOf(await project.take())).toEqual(['.gitignore', ...kept, 'train.py'].toSorted())
    expect(await excludedBy(project.directory, 'artifacts/iris_1521077190506/outputs/model.pkl')).toContain('errand download')
    expect(await excludedBy(project.directory, 'sub/export/train.py')).toContain('errand history export')
    expect(await excludedBy(project.directory, 'diagnostics.zip')).toContain('errand diagnostics')
  })

  it('leaves out a state folder of another name', async () => {
    using project = temporaryProject({ 'train.py': '' })
    const taken = await project.take({ state: join(project.directory, 'state') })
    expect(pathsOf(taken)).toEqual(['train.py'])
    expect(pathsOf(await project.take({ state: join(project.directory, 'state') }))).toEqual(['train.py'])
  })

  it('says when the project folder is itself an environment', async () => {
    using project = temporaryProject({ 'pyvenv.cfg': '', 'train.py': '' })
    const taken = await project.take()
    expect(pathsOf(taken)).toEqual(['pyvenv.cfg', 'train.py'])
    expect(taken.notes.join()).toContain('is itself a virtual environment')
  })

  it('does not read any .gitignore once there is a .amlignore', async () => {
    using project = temporaryProject({
      '.gitignore': '*.csv',
      'a.csv': '',
      'b.log': '',
      'sub/.gitignore': '*',
      'sub/.amlignore': 'c.txt',
      'sub/c.txt': '',
    })
    const before = await project.take()
    expect(pathsOf(before)).toEqual(['.gitignore', 'b.log', 'sub'])
    expect(before.ignoreFile).toBe('.gitignore')
    project.write({ '.amlignore': '*.log\n' })
    const after = await project.take()
    expect(pathsOf(after)).toEqual(['.amlignore', '.gitignore', 'a.csv', 'sub/.amlignore', 'sub/.gitignore'])
    expect(after.ignoreFile).toBe('.amlignore')
  })

  it('counts what each ignore file keeps out, the second time too', async () => {
    using project = temporaryProject({
      '.gitignore': '*.csv\n/big/\n',
      'a.csv': '',
      'b.csv': '',
      'sub/.gitignore': 'd.txt',
      'sub/d.txt': '',
    })
    project.write({ 'big/c.bin': '', 'outputs/model.pkl': '' })
    const counted = [
      { by: '.gitignore', files: 2, folders: 1 },
      { by: 'sub/.gitignore', files: 1, folders: 0 },
    ]
    expect((await project.take()).leftOut).toEqual(counted)
    expect((await project.take()).leftOut).toEqual(counted)
  })

  it('sends needed files that an ignore file hides, and says so, without their neighbours', async () => {
    using project = temporaryProject({
      '.gitignore': 'x\n/hidden/\n*.csv\n',
      'hidden/deep/train.py': '',
      'hidden/deep/other.py': '',
      'hidden/b.py': '',
    })
    project.write({ 'aml_config/local.csv': '', 'data/a.csv': '' })
    const taken = await project.take({ needed: ['./hidden/deep/train.py', 'aml_config'] })
    expect(pathsOf(taken)).toEqual(['.gitignore', 'aml_config/local.csv', 'data', 'hidden/deep/train.py'])
    expect(taken.notes).toEqual([
      'hidden/deep/train.py is sent although .gitignore:2 excludes it.',
      'aml_config/local.csv is sent although .gitignore:3 excludes it.',
    ])
    const folder = await project.take({ needed: ['hidden'] })
    expect(pathsOf(folder)).toEqual(['.gitignore', 'aml_config', 'data', 'hidden/b.py', 'hidden/deep/other.py', 'hidden/deep/train.py'])
    expect(folder.notes).toEqual(['hidden is sent although .gitignore:2 excludes it.'])
  })

  it('refuses a needed file in a folder that is never copied, and one that is not there', async () => {
    using project = temporaryProject({ 'outputs/train.py': '' })
    await expect(project.take({ needed: ['outputs/train.py'] })).rejects.toMatchObject({
      code: 'SNAPSHOT_NEEDED_FILE_LEFT_OUT',
      message: expect.stringContaining('outputs/train.py'),
    })
    await expect(project.take({ needed: ['absent.py'] })).rejects.toMatchObject({ code: 'SNAPSHOT_NEEDED_FILE_LEFT_OUT' })
  })
})

describe('a second snapshot', () => {
  it.each([
    ['an ignore file says more', { '.gitignore': '*.csv\n*.log\n' }, ['.gitignore', 'sub/.gitignore', 'sub/c.txt', 'sub/deep/e.txt']],
    ['a nested one says more', { 'sub/.gitignore': '*.txt' }, ['.gitignore', 'b.log', 'sub/.gitignore', 'sub/deep']],
    [
      'a nested one appears',
      { 'sub/deep/.gitignore': 'e.txt' },
      ['.gitignore', 'b.log', 'sub/.gitignore', 'sub/c.txt', 'sub/deep/.gitignore'],
    ],
    ['a .amlignore appears', { '.amlignore': 'sub' }, ['.amlignore', '.gitignore', 'a.csv', 'b.log']],
  ])('follows the rules as they are now when %s', async (_, change, expected) => {
    using project = temporaryProject({
      '.gitignore': '*.csv',
      'a.csv': '',
      'b.log': '',
      'sub/.gitignore': 'd.txt',
      'sub/c.txt': '',
      'sub/d.txt': '',
    })
    project.write({ 'sub/deep/e.txt': '' })
    await outsideTheTick()
    const first = ['.gitignore', 'b.log', 'sub/.gitignore', 'sub/c.txt', 'sub/deep/e.txt']
    expect(pathsOf(await project.take())).toEqual(first)
    expect(pathsOf(await project.take())).toEqual(first)
    project.write(change)
    expect(pathsOf(await project.take())).toEqual(expected)
    await outsideTheTick()
    project.write({ '.gitignore': '*.csv', 'sub/.gitignore': 'd.txt' })
    rmSync(join(project.directory, '.amlignore'), { force: true })
    rmSync(join(project.directory, 'sub/deep/.gitignore'), { force: true })
    expect(pathsOf(await project.take())).toEqual(first)
  })

  it('forgets a file that was sent only because it was needed, and an ignore file that hid itself', async () => {
    using project = temporaryProject({ '.gitignore': '*.csv', 'a.csv': '', 'sub/.gitignore': '*\n!b.csv\n', 'sub/b.csv': '' })
    await outsideTheTick()
    expect(pathsOf(await project.take({ needed: ['a.csv'] }))).toEqual(['.gitignore', 'a.csv', 'sub/b.csv'])
    expect(pathsOf(await project.take())).toEqual(['.gitignore', 'sub/b.csv'])
    rmSync(join(project.directory, 'sub/.gitignore'))
    expect(pathsOf(await project.take())).toEqual(['.gitignore', 'sub'])
  })
})

describe('which line hides a path', () => {
  it('names file and line, nested files too, and the own list', async () => {
    using project = temporaryProject({ '.gitignore': '# data\n\n*.csv\n!keep.csv\n', 'sub/.gitignore': 'train.py\r\n', 'sub/train.py': '' })
    const by = (path: string): Promise<string | undefined> => excludedBy(project.directory, path)
    expect(await by('data/a.csv')).toBe('.gitignore:3')
    expect(await by('data/keep.csv')).toBeUndefined()
    expect(await by('./sub/train.py')).toBe('sub/.gitignore:1')
    expect(await by('train.py')).toBeUndefined()
    expect(await by('outputs/train.py')).toBe("errand's own list (outputs: results come back under the run)")
    project.write({ 'env/pyvenv.cfg': '' })
    expect(await by('env/bin/x.py')).toBe("errand's own list (env: a virtual environment)")
  })
})

/** Numbers between 0 and `below`, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const names = ['a', 'b', 'c.txt', 'd.csv', 'A', '#x', '!y', 'e f', '[g]', 'h*']
const patterns = [
  'a',
  'b/',
  '/a',
  '*.txt',
  '!c.txt',
  'a/b',
  '**/d.csv',
  'a/**',
  '!a/',
  '*',
  '!*/',
  '/*',
  '\\#x',
  '\\!y',
  'e f  ',
  'e*\\ f',
  '\\[g\\]',
]
patterns.push(
  'h\\*',
  '[a-b]',
  '?',
  'a/*/c.txt',
  '!/a/b',
  '# comment',
  '',
  '**',
  'b/**/c.txt',
  '!**/a',
  'A\r',
  '[!a]*',
  '/',
  'a//',
  '!d.csv',
)

describe('gitignore', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('means the same as in git (random tree %i)', async (seed) => {
    const pick = numbers(seed)
    using project = temporaryProject()
    const folders = ['']
    for (let count = 0; count < 30; count += 1) {
      const folder = folders[pick(folders.length)] ?? ''
      const path = join(folder, names[pick(names.length)] ?? 'a')
      if (folder.split('/').length > 4 || existsSync(join(project.directory, path))) continue
      if (pick(2) === 0) {
        mkdirSync(join(project.directory, path), { recursive: true })
        folders.push(path)
      } else writeFileSync(join(project.directory, path), '')
    }
    for (const folder of new Set(folders)) {
      if (folder !== '' && pick(3) > 0) continue
      const lines = Array.from({ length: 1 + pick(5) }, () => patterns[pick(patterns.length)] ?? '')
      writeFileSync(join(project.directory, folder, '.gitignore'), lines.join('\n'))
    }
    const git = (...command: string[]): string => execFileSync('git', ['-C', project.directory, ...command], { encoding: 'utf8' })
    git('init', '-q')
    const expected = git('-c', 'core.ignoreCase=false', 'ls-files', '-z', '--others', '--exclude-per-directory=.gitignore')
      .split('\0')
      .filter(Boolean)
    const taken = await project.take()
    const files = taken.snapshot.entries.filter((entry) => entry.kind === 'file').map((entry) => entry.path)
    expect(files).toEqual(expected.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))))
  })
})
