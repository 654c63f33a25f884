import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type TemporaryProject, runIdOf, temporaryProject } from './project.ts'

const writesModel =
  "import os\nos.makedirs('outputs/deep', exist_ok=True)\nopen('outputs/deep/model.txt', 'w').write('the model')\nprint('trained')\n"

async function submit(project: TemporaryProject, ...words: readonly string[]): Promise<string> {
  const finished = await project.errand('submit', '-c', 'local', ...words)
  expect(finished.stderr).not.toContain('ERROR')
  return runIdOf(finished)
}

const foldersOfRuns = (project: TemporaryProject): string[] => {
  const runs = join(project.parent, 'home/runs')
  return existsSync(runs) ? readdirSync(runs) : []
}

it('clean wants a run or all of a target, never both and never neither', async () => {
  using project = temporaryProject()
  const wrong = [
    ['experiment', 'clean'],
    ['experiment', 'clean', '-t', 'local'],
    ['experiment', 'clean', '--all'],
    ['experiment', 'clean', '--all', '-t', 'local', '-r', 'x'],
    ['experiment', 'clean', '-r', 'x'],
    ['experiment', 'clean', '-r', 'x', '-t', 'local'],
    ['experiment', 'clean', '--all', '-t', 'nowhere'],
  ]
  for (const words of wrong) {
    const { exitCode, stdout, stderr } = await project.errand(...words)
    expect([exitCode, stdout, stderr], words.join(' ')).toEqual([1, '', expect.stringMatching(/^ERROR: /)])
  }
})

it('clean brings the files of a run that nobody waited for, and then removes it', async () => {
  using project = temporaryProject()
  const waits = `import os, time\nwhile not os.path.exists(${JSON.stringify(join(project.parent, 'go'))}): time.sleep(0.05)\n`
  project.write('train.py', `print('here', flush=True)\n${waits}${writesModel}`)
  const running = project.start('submit', '-c', 'local', 'train.py')
  await running.says('here')
  running.interrupt()
  const id = runIdOf(await running.finished)
  project.write('../go', '')
  await until(() => statusOf(project, id).includes('completed'))
  const { exitCode, stdout } = await project.errand('experiment', 'clean', '-r', id)
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(`^Removed temporary run directory ${id} `)])
  expect(foldersOfRuns(project)).toEqual([])
  expect((await project.errand('history', 'info', '-r', id, '--artifact', 'outputs/deep/model.txt')).stdout).toBe('the model')
})

it('clean leaves a run that goes on alone, and so does clean --all', async () => {
  using project = temporaryProject()
  project.write('wait.py', "import sys, time\nprint('here', flush=True)\ntime.sleep(600)\n")
  const running = project.start('submit', '-c', 'local', 'wait.py')
  await running.says('here')
  const refused = await project.errand('experiment', 'clean', '-r', 'last')
  expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringMatching(/^ERROR: The run \S+ is in use\.\n.*experiment cancel -r/)])
  const all = await project.errand('experiment', 'clean', '--all', '-t', 'local')
  expect([all.exitCode, all.stdout, all.stderr]).toEqual([0, '', expect.stringMatching(/^Kept: The run \S+ is in use/)])
  expect(foldersOfRuns(project)).toHaveLength(1)
  await project.errand('cancel', 'last')
  await running.finished
})

it('clean --all removes what is kept for the next run, one line each, and asks before files are lost that were never brought', async () => {
  using project = temporaryProject()
  project.write('train.py', writesModel)
  const untracked = await submit(project, '--untracked', 'train.py')
  await submit(project, 'train.py')
  const kept = await project.errand('experiment', 'clean', '--all', '-t', 'local')
  expect(kept.stdout).toMatch(/^(Removed kept working copy \S+ \(.*\)\n)+$/)
  expect(kept.stderr).toContain(
    `Kept: The run ${untracked} is not in this project's history: its files would be lost. To remove it all the same: --force`,
  )
  const one = await project.errand('experiment', 'clean', '-r', untracked, '-t', 'local')
  expect([one.exitCode, one.stderr]).toEqual([1, expect.stringContaining('--force')])
  const forced = await project.errand('experiment', 'clean', '-r', untracked, '-t', 'local', '--force', '-o', 'json')
  expect(JSON.parse(forced.stdout)).toMatchObject([{ kind: 'run', run_id: untracked, outcome: 'removed' }])
  expect(foldersOfRuns(project)).toEqual([])
})

it('clean does not take the target that -t names for another', async () => {
  using project = temporaryProject()
  project.write('train.py', writesModel)
  project.write('aml_config/other.compute', 'type: local\n')
  const id = await submit(project, 'train.py')
  const { exitCode, stderr } = await project.errand('experiment', 'clean', '-r', id, '-t', 'other')
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^ERROR: .* runs on local, not on other/)])
})

it('diagnostics packs request, status, logs and project below the id of the run, without secrets', async () => {
  using project = temporaryProject()
  project.write('train.py', writesModel)
  project.write('aml_config/gpu.compute', 'type: remote\naddress: gpu\nusername: ann\npassword: c4nary-P4ss\n')
  project.write(
    'aml_config/local.runconfig',
    'Target: local\nFramework: Python\nArgumentVector: [$file]\nEnvironmentVariables:\n  STORAGE_KEY: c4nary-storage-key\n  COLOUR: blue\n',
  )
  const lists = ['requirements.txt', 'envs/environment-gpu.yml', 'aml_config/conda_dependencies.yml', 'pip.conf']
  const addresses = [
    '- --extra-index-url https://me:c4nary-pw@h/simple',
    '- --find-links=https://h/links?job=build&private_token=c4nary-token',
    '- a @ https://h/a.whl?sv=1&sig=c4nary-sig',
    '- https://h/t/c4nary-channel/team',
    '- --proxy me:c4nary-proxy@h:3128',
    '- https://me:${NAME}@h/simple',
    '- numpy',
  ].join('\n')
  for (const name of lists) project.write(name, name.startsWith('aml_config') ? `channels:\n${addresses}\n` : `${addresses}\n`)
  const id = await submit(project, 'train.py')
  const { exitCode, stdout } = await project.errand('experiment', 'diagnostics', '-r', id, '-t', 'local')
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining('diagnostics.zip')])
  const files = unpack(project, 'diagnostics.zip')
  expect(Object.keys(files).every((name) => name.startsWith(`${id}/`))).toBe(true)
  expect(files[`${id}/project/train.py`]).toBe(writesModel)
  expect(files[`${id}/driver_log`]).toBe('trained\n')
  expect(files[`${id}/control_log`]).toBeDefined()
  expect(files[`${id}/outputs.txt`]).toBe('9\toutputs/deep/model.txt\n')
  expect(JSON.parse(files[`${id}/status.json`] ?? '')).toMatchObject({ state: 'completed' })
  expect(JSON.parse(files[`${id}/request.json`] ?? '')).toMatchObject({
    script: 'train.py',
    variables: { STORAGE_KEY: '***', COLOUR: 'blue' },
  })
  expect(files[`${id}/project/aml_config/gpu.compute`]).toBe('type: remote\naddress: gpu\nusername: ann\npassword: ***\n')
  expect(Object.values(files).filter((text) => text.includes('c4nary'))).toEqual([])
  for (const name of lists) {
    const shown = files[`${id}/project/${name}`] ?? ''
    for (const kept of ['https://***@h/simple', 'job=build&private_token=***', 'a.whl?***', 'https://me:${NAME}@h/simple', 'numpy'])
      expect(shown).toContain(kept)
  }
})

it('diagnostics goes where it is told, into a folder that is there and a file that ends in .zip', async () => {
  using project = temporaryProject()
  project.write('train.py', writesModel)
  await submit(project, 'train.py')
  for (const [file, says] of [
    ['here.tar', /^ERROR: The name here.tar does not end in \.zip/],
    ['nowhere/here.zip', /^ERROR: The folder .*nowhere does not exist/],
  ] as const) {
    const { exitCode, stderr } = await project.errand('experiment', 'diagnostics', '-r', 'last', '-d', file)
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(says)])
  }
  const words = ['experiment', 'diagnostics', '-r', 'last', '-d', '../here.zip'] as const
  expect(await project.errand(...words)).toMatchObject({ exitCode: 0 })
  expect(Object.keys(unpack(project, '../here.zip')).length).toBeGreaterThan(5)
  expect(await project.errand(...words)).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^ERROR: .*already there/) })
  expect(await project.errand(...words, '--overwrite')).toMatchObject({ exitCode: 0 })
})

it('return brings the files of a run back into the project and keeps what is there', async () => {
  using project = temporaryProject()
  project.write('train.py', `${writesModel}open('outputs/notes.txt', 'w').write('of the run')\n`)
  const id = await submit(project, 'train.py')
  project.write('outputs/notes.txt', 'my own')
  const returned = await project.errand('experiment', 'return', '-r', id, '-t', 'local')
  expect(returned).toMatchObject({
    exitCode: 0,
    stdout: 'Returning outputs/deep/model.txt\n',
    stderr: expect.stringMatching(/^There already, and kept: outputs\/notes\.txt\./),
  })
  expect([project.read('outputs/deep/model.txt'), project.read('outputs/notes.txt')]).toEqual(['the model', 'my own'])
  const overwritten = await project.errand('experiment', 'return', '-r', id, '-f')
  expect(overwritten).toMatchObject({ exitCode: 0, stdout: 'Returning outputs/deep/model.txt\nReturning outputs/notes.txt\n', stderr: '' })
  expect(project.read('outputs/notes.txt')).toBe('of the run')
})

function unpack(project: TemporaryProject, file: string): Readonly<Record<string, string>> {
  const program =
    'import json, sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(json.dumps({n: z.read(n).decode("utf-8") for n in z.namelist()}))'
  const text = execFileSync('python3', ['-c', program, join(project.directory, file)], { encoding: 'utf8' })
  return JSON.parse(text) as Record<string, string>
}

const statusOf = (project: TemporaryProject, id: string): string =>
  readFileSync(join(project.parent, 'home/runs', id, 'status.json'), 'utf8')

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(50)
}
