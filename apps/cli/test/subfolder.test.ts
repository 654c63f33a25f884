import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type TemporaryProject, temporaryProject } from './project.ts'

const script = 'import os\nprint("in", sorted(os.listdir(".")))\n'

function below(project: TemporaryProject, ...words: readonly string[]) {
  return project.errandWith({ cwd: join(project.directory, 'models/deep') }, ...words)
}

function projectWithFolders(): TemporaryProject {
  const project = temporaryProject()
  project.write('models/deep/train.py', script)
  project.write('models/other.py', script)
  project.write('models/deep/conda.yml', 'dependencies: [numpy]\n')
  return project
}

it('runs a script of the folder where one stands, with the whole project, and says which project that is', async () => {
  using project = projectWithFolders()
  const { exitCode, stdout, stderr } = await below(project, 'submit', '-c', 'local', 'train.py')
  expect([exitCode, stderr]).toEqual([0, `Project: ${project.directory}\n`])
  expect(stdout).toContain("'aml_config', 'models'")
  expect(JSON.parse((await below(project, 'history', 'last', '-q')).stdout)).toMatchObject({ script_name: 'models/deep/train.py' })
  expect(await below(project, 'runs', '-q', '--script', 'train.py')).toMatchObject({ exitCode: 0, stderr: '' })
})

it.each([
  [['submit', '--dry-run', '-c', 'local', '../other.py'], 'models/other.py'],
  [['submit', '--dry-run', '-c', 'local', '-p', '../..', 'models/other.py'], 'models/other.py'],
  [['sweep', '--dry-run', '-c', 'local', 'train.py', '--each', 'a=1'], 'models/deep/train.py'],
])('reads the script of %j as %s', async (words, expected) => {
  using project = projectWithFolders()
  const [command = '', ...rest] = words
  const { exitCode, stdout } = await below(project, command, '-o', 'json', ...rest)
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ script: expected })
})

it.each([
  ['models/other.py', 'did you mean ../other.py?'],
  ['trian.py', 'did you mean train.py?'],
  ['nothing-like-it.py', 'give its path relative to the current folder, models/deep'],
  ['.', 'name a file in it, like main.py'],
])('says of the script %s what to type there: %s', async (typed, hint) => {
  using project = projectWithFolders()
  const { exitCode, stderr } = await below(project, 'submit', '-c', 'local', typed)
  expect([exitCode, stderr.split('\n')[1]]).toEqual([1, hint])
})

it('takes dependency files and folders to write into from where one stands, and defaults from the project', async () => {
  using project = projectWithFolders()
  const submitted = await below(project, 'submit', '-c', 'local', '-d', 'conda.yml', 'train.py')
  expect(submitted.stderr).toContain('models/deep/conda.yml is not used')
  expect((await below(project, 'submit', '-c', 'local', '-d', 'conda.yaml', 'train.py')).stderr).toContain('did you mean conda.yml?')
  for (const words of [['-d', 'here'], []]) expect(await below(project, 'download', 'last', ...words)).toMatchObject({ exitCode: 0 })
  for (const words of [['-d', 'help.zip'], []])
    expect(await below(project, 'experiment', 'diagnostics', 'last', ...words)).toMatchObject({ exitCode: 0 })
  const places = ['models/deep/here/driver_log', 'models/deep/help.zip', 'diagnostics.zip', 'artifacts']
  expect(places.filter((place) => !project.has(place))).toEqual([])
})

it('takes a path in a file of the project from the project', async () => {
  using project = projectWithFolders()
  project.write('tools/python', '#!/bin/sh\nexec python3 "$@"\n')
  chmodSync(join(project.directory, 'tools/python'), 0o755)
  project.write('aml_config/local.compute', 'type: local\npythonLocation: tools/python\n')
  expect(await below(project, 'submit', '-c', 'local', 'train.py')).toMatchObject({ exitCode: 0 })
})

it('shows where one is, and completes, from any folder of the project', async () => {
  using project = projectWithFolders()
  const overview = await below(project)
  expect([overview.exitCode, overview.stderr]).toEqual([0, ''])
  expect(JSON.parse(overview.stdout)).toMatchObject({ project: { name: 'iris', directory: project.directory } })
  expect((await below(project, '--complete', 'bash', 'submit', '-c', '')).stdout).toBe('local\t\n')
  expect((await below(project, 'computetarget', 'attach', '-n', 'gpu', '-a', 'h', '-u', 'u', '--no-password')).exitCode).toBe(0)
  expect(project.has('aml_config/gpu.compute')).toBe(true)
})

it('makes a project of its own of a folder in one, when that is asked for', async () => {
  using project = projectWithFolders()
  expect(await below(project, 'init')).toMatchObject({ exitCode: 0, stderr: '' })
  expect((await below(project, 'runs')).stderr).toBe('')
  mkdirSync(join(project.directory, 'models/deep/new'))
  const cwd = join(project.directory, 'models/deep/new')
  expect((await project.errandWith({ cwd }, 'runs')).stderr).toBe(`Project: ${join(project.directory, 'models/deep')}\n`)
})
