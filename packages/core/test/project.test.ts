import { chown, lchown, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import { enclosingProject } from '../src/index.ts'
import {
  configurationError,
  createRunConfiguration,
  deleteRunConfiguration,
  findProject,
  formatDiagnostic,
  initProject,
  listOtherFiles,
  listRunConfigurations,
  listTargets,
  loadCondaDependencies,
  loadRunConfiguration,
  loadSparkDependencies,
  nearNames,
  targetTypes,
} from '../src/project/index.ts'
import { outline, rejection, temporaryProject } from './project-folder.ts'

it('finds the project in a folder, by aml_config before .azureml', async () => {
  await using folder = await temporaryProject({ '.azureml/a.runconfig': '', 'inner/.azureml/a.runconfig': '' })
  expect(await findProject(folder.directory)).toEqual({
    directory: folder.directory,
    name: basename(folder.directory),
    configurationDirectory: 'aml_config',
  })
  expect((await findProject(join(folder.directory, 'inner'))).configurationDirectory).toBe('.azureml')
})

it('finds no project where there is none, and names the one above', async () => {
  await using folder = await temporaryProject({ 'src/deep/x.py': '' })
  expect(await rejection(findProject(join(folder.directory, 'src/deep')))).toMatchObject({
    code: 'NO_PROJECT',
    hint: `the project is ${folder.directory}: use -p ../..`,
  })
  expect((await rejection(findProject(join(folder.directory, 'gone')))).message).toContain('does not exist')
  await writeFile(join(folder.directory, 'train.py'), '')
  expect((await rejection(findProject(join(folder.directory, 'train.py')))).message).toMatch(/train\.py is a file\.$/)
})

it('finds the nearest project upwards, and no other user’s unasked', async () => {
  await using folder = await temporaryProject({ 'src/deep/x.py': '', 'src/inner/.azureml/a.runconfig': '', 'src/inner/b/x.py': '' })
  const { directory } = folder
  expect(enclosingProject(directory)).toEqual({ directory, foreign: false })
  expect(enclosingProject(join(directory, 'src/deep'))).toEqual({ directory, foreign: false })
  expect(enclosingProject(join(directory, 'src/inner/b'))).toEqual({ directory: join(directory, 'src/inner'), foreign: false })
  // Who is not root can give no folder away.
  if (process.getuid?.() !== 0) return
  await symlink(join(directory, 'aml_config'), join(directory, 'src/deep/aml_config'))
  await lchown(join(directory, 'src/deep/aml_config'), 65_534, 65_534)
  expect(enclosingProject(join(directory, 'src/deep/under'))).toEqual({ directory: join(directory, 'src/deep'), foreign: true })
  await chown(join(directory, 'aml_config'), 65_534, 65_534)
  expect(enclosingProject(directory)).toEqual({ directory, foreign: false })
  expect(enclosingProject(join(directory, 'src'))).toEqual({ directory, foreign: true })
  expect((await rejection(findProject(join(directory, 'src')))).hint).toMatch(/belongs to another user: if you trust it, use -p \.\.$/)
})

it('does not take a share of the original for a project', async () => {
  await using folder = await temporaryProject()
  const home = join(folder.directory, 'aml_config', 'home')
  await mkdir(join(home, '.azureml', 'share'), { recursive: true })
  expect((await rejection(findProject(home))).code).toBe('NO_PROJECT')
})

it('makes a new project whose files all load without a word, and never overwrites', async () => {
  await using folder = await temporaryProject({ 'aml_config/local.compute': 'type: local # mine\n' })
  const made = await initProject(folder.directory, {})
  expect(made.kept).toEqual(['aml_config/local.compute'])
  expect(made.created.toSorted()).toEqual([
    '.amlignore',
    'aml_config/conda_dependencies.yml',
    'aml_config/docker.compute',
    'aml_config/docker.runconfig',
    'aml_config/local.runconfig',
    'aml_config/spark_dependencies.yml',
  ])
  expect(await readFile(join(folder.directory, 'aml_config/local.compute'), 'utf8')).toBe('type: local # mine\n')
  expect((await listTargets(folder)).map(({ name, type, diagnostics }) => [name, type, diagnostics])).toEqual([
    ['docker', 'docker', []],
    ['local', 'local', []],
  ])
  expect(
    (await listRunConfigurations(folder)).map(({ name, target, framework, diagnostics }) => [name, target, framework, diagnostics]),
  ).toEqual([
    ['docker', 'docker', 'python', []],
    ['local', 'local', 'python', []],
  ])
  expect((await loadCondaDependencies(folder, 'aml_config/conda_dependencies.yml')).diagnostics).toEqual([])
  expect((await loadSparkDependencies(folder, 'aml_config/spark_dependencies.yml')).diagnostics).toEqual([])
  expect(await initProject(folder.directory, {})).toMatchObject({ created: [], kept: { length: 7 } })
})

it('lets a .gitignore that is there count on, until there is an .amlignore', async () => {
  await using folder = await temporaryProject({ '.gitignore': 'data/\n.env\n' })
  const made = await initProject(folder.directory, { overwrite: true })
  expect(made).toMatchObject({ gitignoreCounts: true, created: expect.not.arrayContaining(['.amlignore']) })
  expect(await readdir(folder.directory)).not.toContain('.amlignore')
  await writeFile(join(folder.directory, '.amlignore'), 'data/\n')
  expect(await initProject(folder.directory)).toMatchObject({ gitignoreCounts: false, kept: expect.arrayContaining(['.amlignore']) })
})

it('makes a project in a new folder', async () => {
  await using folder = await temporaryProject()
  await initProject(folder.directory, { name: 'new' })
  expect((await findProject(join(folder.directory, 'new'))).name).toBe('new')
  expect((await readdir(join(folder.directory, 'new', 'aml_config'))).length).toBe(6)
})

it('writes a run configuration as the original did', async () => {
  await using folder = await temporaryProject({
    'aml_config/vm.compute': 'type: remotedocker\naddress: h\n',
    'aml_config/conda_dependencies.yml': 'name: x\n',
    'aml_config/spark_dependencies.yml': '{}\n',
  })
  const { file, diagnostics } = await createRunConfiguration(folder, { name: 'mine', target: 'vm' })
  expect([file, diagnostics]).toEqual(['aml_config/mine.runconfig', []])
  expect(await readFile(join(folder.directory, file), 'utf8')).toBe(`ArgumentVector:
- $file
CondaDependenciesFile: aml_config/conda_dependencies.yml
EnvironmentVariables: null
Framework: PySpark
PrepareEnvironment: false
SparkDependenciesFile: aml_config/spark_dependencies.yml
Target: vm
TrackedRun: true
UseSampling: true
`)
  expect((await loadRunConfiguration(folder, 'mine')).diagnostics).toEqual([])
  await createRunConfiguration(folder, { name: 'here', target: 'local' })
  expect((await loadRunConfiguration(folder, 'here')).framework).toBe('python')
})

it('names in a new run configuration no dependency file that is not there', async () => {
  await using folder = await temporaryProject({ 'aml_config/vm.compute': 'type: remotedocker\naddress: h\n' })
  const { file } = await createRunConfiguration(folder, { name: 'mine', target: 'vm' })
  expect(await readFile(join(folder.directory, file), 'utf8')).not.toContain('DependenciesFile')
})

it('says of a missing run configuration how it is made for the target of that name', async () => {
  await using folder = await temporaryProject({ 'aml_config/vm.compute': 'type: docker\n', 'aml_config/vm2.runconfig': 'Target: vm\n' })
  await expect(loadRunConfiguration(folder, 'vm')).rejects.toMatchObject({
    code: 'RUN_CONFIGURATION_NOT_FOUND',
    hint: 'make one with `errand runconfiguration create -n vm -t vm`; the run configurations are vm2',
  })
  await expect(deleteRunConfiguration(folder, 'vm')).rejects.toMatchObject({ hint: 'did you mean vm2?' })
})

it('writes a target whose name YAML would misread so that it is read back', async () => {
  await using folder = await temporaryProject({ 'aml_config/123.compute': 'type: docker\n' })
  await createRunConfiguration(folder, { name: 'mine', target: '123' })
  await createRunConfiguration(folder, { name: 'odd', target: 'a: b' })
  expect((await loadRunConfiguration(folder, 'mine')).target).toBe('123')
  expect((await loadRunConfiguration(folder, 'odd')).target).toBe('a: b')
})

it('does not overwrite a run configuration unless asked, and warns of a target that is not there', async () => {
  await using folder = await temporaryProject({ 'aml_config/docker.compute': 'type: docker\n', 'aml_config/mine.runconfig': '# mine\n' })
  expect((await rejection(createRunConfiguration(folder, { name: 'mine', target: 'docker' }))).code).toBe('FILE_EXISTS')
  expect(await readFile(join(folder.directory, 'aml_config/mine.runconfig'), 'utf8')).toBe('# mine\n')
  const { diagnostics } = await createRunConfiguration(folder, { name: 'mine', target: 'doker', overwrite: true })
  expect(diagnostics.map(({ severity, code, hint }) => [severity, code, hint])).toEqual([
    ['warning', 'TARGET_NOT_FOUND', 'did you mean docker?'],
  ])
})

it.each(['x.runconfig', '../x', 'a/b', '', '.hidden', '-x'])('refuses the name %j for a run configuration', async (name) => {
  await using folder = await temporaryProject()
  expect((await rejection(createRunConfiguration(folder, { name, target: 'local' }))).code).toBe('NAME_INVALID')
})

it('deletes a run configuration, and says when there is none', async () => {
  await using folder = await temporaryProject({ 'aml_config/mine.runconfig': '# mine\n' })
  expect(await deleteRunConfiguration(folder, 'mine.runconfig')).toBe('aml_config/mine.runconfig')
  expect((await rejection(deleteRunConfiguration(folder, 'mine'))).code).toBe('RUN_CONFIGURATION_NOT_FOUND')
})

it('lists broken run configurations beside the others', async () => {
  await using folder = await temporaryProject({
    'aml_config/a.runconfig': 'Target: local\nFramework: Python\n',
    'aml_config/b.runconfig': 'Target: local\nFramework: Python\nTarget: docker\n',
    'aml_config/c.runconfig': 'Target: local\nFramework: CNTK\n',
  })
  await mkdir(join(folder.directory, 'aml_config', 'd.runconfig'))
  expect(
    (await listRunConfigurations(folder)).map(({ name, target, framework, diagnostics }) => [
      name,
      target,
      framework,
      outline(diagnostics),
    ]),
  ).toEqual([
    ['a', 'local', 'python', []],
    ['b', 'local', 'python', ['error DUPLICATE_KEY 3']],
    ['c', 'local', undefined, ['error FRAMEWORK_UNKNOWN 2']],
    ['d', undefined, undefined, ['error FILE_UNREADABLE']],
  ])
})

it('recognises files that it does not read', async () => {
  await using folder = await temporaryProject({
    'aml_config/project.json': '{}',
    'aml_config/old.amb': '',
    'aml_config/environment.yml': '',
    '.azureml/project.json': '{}',
  })
  expect((await listOtherFiles(folder)).map(({ file, diagnostics }) => [file, outline(diagnostics)])).toEqual([
    ['aml_config/environment.yml', ['note FILE_IGNORED']],
    ['aml_config/old.amb', ['note FILE_IGNORED']],
    ['aml_config/project.json', ['note FILE_IGNORED']],
    ['.azureml/project.json', ['note FILE_IGNORED']],
  ])
})

it('never changes a file that it reads', async () => {
  const text = '# comment\r\nTarget:   local\r\nFramework: Python # here\r\n'
  await using folder = await temporaryProject()
  const path = join(folder.directory, 'aml_config/a.runconfig')
  await writeFile(path, text)
  await loadRunConfiguration(folder, 'a')
  expect(await readFile(path, 'utf8')).toBe(text)
})

it('writes a diagnostic as file, line, column, message and hint, and errors as one error', () => {
  const base = { code: 'X', file: 'aml_config/a.compute', message: 'wrong' } as const
  expect(formatDiagnostic({ ...base, severity: 'error', line: 3, column: 1, hint: 'mend it' })).toBe(
    'aml_config/a.compute:3:1: wrong (mend it)',
  )
  expect(formatDiagnostic({ ...base, severity: 'note' })).toBe('aml_config/a.compute: wrong')
  const error = configurationError([
    { ...base, severity: 'error', line: 9 },
    { ...base, severity: 'warning', line: 1 },
    { ...base, severity: 'error', line: 2 },
  ])
  expect([error.code, error.message]).toEqual(['CONFIGURATION_INVALID', 'aml_config/a.compute:2: wrong\naml_config/a.compute:9: wrong'])
})

it.each([
  ['sharedVolumne', ['sharedVolumes', 'type'], ['sharedVolumes']],
  ['Docker', ['docker', 'local'], ['docker']],
  ['lcoal', ['local', 'docker'], ['local']],
  ['vm', ['local', 'docker'], []],
  ['docker', ['docker-python', 'local'], ['docker-python']],
])('finds names near %s', (name, candidates, expected) => {
  expect(nearNames(name, candidates)).toEqual(expected)
})

it('knows the five types of the original and their packages', () => {
  expect(targetTypes.map(({ type, package: name }) => [type, name])).toEqual([
    ['local', '@errand/target-local'],
    ['docker', '@errand/target-docker'],
    ['remotedocker', '@errand/target-remotedocker'],
    ['remote', '@errand/target-remote-user-managed'],
    ['cluster', '@errand/target-hdinsight-livy'],
  ])
})

it.runIf(process.platform === 'linux')('says where no project can be made, and does not try for ever', async () => {
  await using folder = await temporaryProject({ file: 'text' })
  const below = join(folder.directory, 'file', 'project')
  await expect(initProject(below)).rejects.toMatchObject({ code: 'NOT_A_FOLDER', message: expect.stringMatching(/file is a file/) })
  for (const directory of ['/proc/errand', '/proc/errand/deeper'])
    await expect(initProject(directory)).rejects.toMatchObject({
      code: 'FOLDER_NOT_MADE',
      message: expect.stringContaining('/proc/errand'),
    })
})
