import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { planPrepare } from '../src/project/index.ts'
import { describeTarget, files, plan, planIn } from './planned-project.ts'
import { outline, rejection, temporaryProject } from './project-folder.ts'

it('makes the request of a local run', async () => {
  const made = await plan({ arguments: ['0.01', '--x'] })
  const environment = { project: 'flowers', projectId: 'id1', framework: 'python', environment: { kind: 'user-managed' } }
  expect(made).toMatchObject({
    targetFile: { name: 'local', type: 'local' },
    environment,
    run: {
      ...environment,
      script: 'train.py',
      arguments: ['0.01', '--x'],
      variables: { RATE: '1' },
      secretVariables: [],
      outputs: ['outputs/**', 'logs/**'],
    },
    prepareEnvironment: false,
    tracked: true,
    needed: ['train.py'],
    unusedEnvironmentFile: 'aml_config/conda_dependencies.yml',
    diagnostics: [],
  })
  expect(JSON.parse(JSON.stringify(made.run))).toEqual(made.run)
})

it('plans the environment alone for prepare, without a script', async () => {
  await using project = await temporaryProject(files)
  const made = await planPrepare({ ...project, id: 'id1' }, { runConfiguration: 'docker' }, describeTarget)
  expect([made.run, made.environment.environment.kind, made.needed]).toEqual([undefined, 'conda', ['aml_config/conda_dependencies.yml']])
})

it('runs your own Python on a target whose type offers nothing else, whatever its .compute file says', async () => {
  await using project = await temporaryProject(files)
  const capabilities = { environments: ['user-managed'], frameworks: ['python'], logs: 'live' } as const
  const describe = () => Promise.resolve({ capabilities, userManaged: false })
  const made = await planPrepare({ ...project, id: 'id1' }, { runConfiguration: 'docker' }, describe)
  expect(made.environment.environment.kind).toBe('user-managed')
})

const notes = async (...given: string[]): Promise<string[]> => outline((await plan({ arguments: given })).diagnostics)

it('notes options that stand behind the script, and variables that are not expanded', async () => {
  expect(await notes('a', '--wait')).toEqual(['note OPTION_AFTER_SCRIPT'])
  expect(await notes('--async')).toEqual(['note OPTION_AFTER_SCRIPT'])
  expect(await notes('--wait', 'a')).toEqual([])
  expect(await notes('$RATE')).toEqual(['note ARGUMENT_NOT_EXPANDED'])
  expect(await notes('x${RATE}y')).toEqual(['note ARGUMENT_NOT_EXPANDED'])
  expect(await notes('$RATES', '$HOME')).toEqual([])
  const expanding = {
    'aml_config/local.runconfig': 'Target: local\nFramework: Python\nExpandArguments: true\nEnvironmentVariables: {RATE: 1}\n',
  }
  const made = await plan({ arguments: ['$RATE'] }, expanding)
  expect([made.run?.expandArguments, made.diagnostics]).toEqual([true, []])
})

it('names the line of a target that is missing, with near names', async () => {
  const error = await rejection(plan({}, { 'aml_config/local.runconfig': 'Framework: Python\nTarget: dokcer\n' }))
  expect(error).toEqual({
    code: 'TARGET_NOT_FOUND',
    message: 'aml_config/local.runconfig:2: There is no target dokcer: aml_config/dokcer.compute does not exist.',
    hint: 'did you mean docker?',
  })
})

it('takes the target of the command line, and then needs none in the run configuration', async () => {
  const more = { 'aml_config/local.runconfig': 'Framework: Python\nTarget: gone\n' }
  expect((await plan({ target: 'docker' }, more)).targetFile.name).toBe('docker')
  expect((await rejection(plan({ target: 'dcker' }))).message).toBe('There is no target dcker: aml_config/dcker.compute does not exist.')
})

it('refuses a framework that the target does not run', async () => {
  const error = await rejection(plan({ target: 'vm' }, { 'aml_config/local.runconfig': 'Framework: PySpark\nTarget: local\n' }))
  expect([error.code, error.message]).toEqual([
    'FRAMEWORK_NOT_SUPPORTED',
    'aml_config/local.runconfig: Framework PySpark does not run on target vm of type remote.',
  ])
})

it('uses the conda file on a target that builds environments, also when it is given on the command line', async () => {
  const byDefault = await plan({ runConfiguration: 'docker' })
  expect(byDefault.environment.environment).toMatchObject({
    kind: 'conda',
    file: 'aml_config/conda_dependencies.yml',
    canonical: { channels: ['defaults'], conda: ['numpy'], pip: [], pipOptions: [] },
  })
  expect(byDefault.unusedEnvironmentFile).toBeUndefined()
  const given = await plan(
    { runConfiguration: 'docker', condaDependencies: 'Config\\gpu.yml', prepare: true, untracked: true },
    { 'Config/gpu.yml': 'dependencies: [pip: [./w/a-1.whl]]\n', 'w/a-1.whl': 'x' },
  )
  expect(given.environment.environment).toMatchObject({ kind: 'conda', file: 'Config/gpu.yml' })
  expect([given.needed, given.prepareEnvironment, given.tracked]).toEqual([['train.py', 'Config/gpu.yml', 'w/a-1.whl'], true, false])
})

it('is Python and nothing else where no file is named and the default is not there', async () => {
  await using project = await temporaryProject({
    'train.py': '',
    'aml_config/d.compute': 'type: docker\n',
    'aml_config/d.runconfig': 'Framework: Python\n',
  })
  const made = await planIn(project, { runConfiguration: 'd' })
  expect(made.environment.environment).toMatchObject({ kind: 'conda', text: '', canonical: { conda: [], pip: [] } })
  expect([made.needed, made.diagnostics]).toEqual([['train.py'], []])
})

it('reads null as no file, and remembers the file that is there', async () => {
  const more = { 'aml_config/docker.runconfig': 'Target: docker\nFramework: Python\nCondaDependenciesFile: null\n' }
  const made = await plan({ runConfiguration: 'docker' }, more)
  expect(made.environment.environment).toMatchObject({ kind: 'conda', text: '', canonical: { conda: [] } })
  expect([made.needed, made.unusedEnvironmentFile]).toEqual([['train.py'], 'aml_config/conda_dependencies.yml'])
})

it.each([
  [
    'a named file that is missing',
    { condaDependencies: 'aml_config/conda_dependencis.yml' },
    {},
    'DEPENDENCY_FILE_MISSING',
    'did you mean aml_config/conda_dependencies.yml?',
  ],
  [
    'a file of the run configuration that is missing',
    {},
    { 'aml_config/docker.runconfig': 'Target: docker\nFramework: Python\nCondaDependenciesFile: x/y.yml\n' },
    'DEPENDENCY_FILE_MISSING',
    'write the file, or `CondaDependenciesFile: null` for none',
  ],
  ['a file outside the project', { condaDependencies: '../x.yml' }, {}, 'DEPENDENCY_FILE_OUTSIDE', 'copy it into the project'],
  ['a broken file', {}, { 'aml_config/conda_dependencies.yml': 'a: 1\na: 2\n' }, 'CONFIGURATION_INVALID', undefined],
])('refuses %s where it is used', async (_what, options, more, code, hint) => {
  const error = await rejection(plan({ runConfiguration: 'docker', ...options }, more))
  expect([error.code, error.hint]).toEqual([code, hint])
})

it('does not look at dependency files that the target does not use', async () => {
  const broken = { 'aml_config/conda_dependencies.yml': 'a: 1\na: 2\n', 'aml_config/spark_dependencies.yml': '\tx\n' }
  expect((await plan({}, broken)).diagnostics).toEqual([])
  const missing = { 'aml_config/local.runconfig': 'Target: local\nFramework: Python\nCondaDependenciesFile: gone.yml\n' }
  expect((await plan({}, missing)).unusedEnvironmentFile).toBeUndefined()
})

it('warns when a conda file is given for a target that installs nothing', async () => {
  expect(outline((await plan({ condaDependencies: 'aml_config/conda_dependencies.yml' })).diagnostics)).toEqual([
    'warning DEPENDENCIES_NOT_USED',
  ])
})

it('uses a requirements file when the run configuration names one', async () => {
  const made = await plan(
    { runConfiguration: 'docker' },
    {
      'aml_config/docker.runconfig': 'Target: docker\nFramework: Python\nRequirementsFile: requirements.txt\nSkipPackages: [old]\n',
      'requirements.txt': '# mine\n--pre\nnumpy == 1.0 # fixed\nold\nflask \\\n  >= 2\n',
    },
  )
  expect(made.environment.environment).toMatchObject({
    kind: 'requirements',
    file: 'requirements.txt',
    canonical: { pip: ['flask >= 2', 'numpy == 1.0'], pipOptions: ['--pre'] },
  })
  expect(made.needed).toEqual(['train.py', 'requirements.txt'])
})

const spark = 'Target: local\nFramework: PySpark\n'

it('reads Spark settings for PySpark only; the command line replaces them as a whole', async () => {
  const more = {
    'aml_config/local.runconfig': spark,
    'aml_config/spark_dependencies.yml': 'configuration: {a.b: 1}\nrepositories: [r]\n',
    'Config/other.yml': 'configuration: {c.d: 2g}\n',
  }
  const made = await plan({}, more)
  expect(made.run?.spark).toEqual({ configuration: { 'a.b': '1' }, repositories: ['r'], packages: [] })
  expect(made.needed).toEqual(['train.py', 'aml_config/spark_dependencies.yml'])
  const given = await plan({ sparkDependencies: 'Config/other.yml' }, more)
  expect(given.environment.spark).toEqual({ configuration: { 'c.d': '2g' }, repositories: [], packages: [] })
  expect((await plan({}, { 'aml_config/local.runconfig': spark })).run?.spark).toEqual({
    configuration: {},
    repositories: [],
    packages: [],
  })
  expect('spark' in ((await plan({})).run ?? {})).toBe(false)
  const error = await rejection(plan({}, { 'aml_config/local.runconfig': `${spark}SparkDependenciesFile: gone.yml\n` }))
  expect([error.code, error.message]).toEqual([
    'DEPENDENCY_FILE_MISSING',
    'aml_config/local.runconfig:3: The dependency file gone.yml does not exist.',
  ])
  const conda = {
    'aml_config/local.runconfig': `${spark}SparkDependenciesFile: aml_config/spark_dependencies.yml\n`,
    'aml_config/conda_dependencies.yml': '{}\n',
  }
  expect((await rejection(plan({}, conda))).hint).toBe('write the file, or `SparkDependenciesFile: null` for none')
})

const container = (enabled: boolean): Record<string, string> => ({
  'aml_config/local.runconfig': `target: local\nenvironment:\n  python: {userManagedDependencies: false}\n  docker: {enabled: ${enabled}, baseImage: "a/b"}\n`,
})

it('runs the successor’s local container as a docker target, and its environment of ours only where it can be built', async () => {
  const made = await plan({}, container(true))
  expect(made.targetFile).toMatchObject({
    name: 'local',
    type: 'docker',
    file: 'aml_config/local.runconfig',
    values: { baseDockerImage: 'a/b' },
  })
  expect(made.targetFile.position('baseDockerImage')).toEqual({ line: 4, column: 27 })
  expect(made.environment.environment.kind).toBe('conda')
  expect((await rejection(plan({}, container(false)))).code).toBe('ENVIRONMENT_NOT_SUPPORTED')
  expect((await plan({ target: 'docker' }, container(true))).targetFile.file).toBe('aml_config/docker.compute')
})

it('gives a cluster the yarnDeployMode of the successor’s form', async () => {
  const made = await plan(
    {},
    {
      'aml_config/local.runconfig': 'target: big\nenvironment: {}\nhdi: {yarnDeployMode: client}\n',
      'aml_config/big.compute': 'type: cluster\naddress: big-ssh.example\nyarnDeployMode: cluster\n',
    },
  )
  expect(made.targetFile.values).toEqual({ address: 'big-ssh.example', yarnDeployMode: 'client' })
})

it('uses the interpreter of the successor’s form', async () => {
  const more = {
    'aml_config/local.runconfig': 'target: local\nenvironment: {python: {userManagedDependencies: true, interpreterPath: /opt/python}}\n',
  }
  expect((await plan({}, more)).run?.environment).toEqual({ kind: 'user-managed', python: '/opt/python' })
})

it('passes on the notes of all files it has read', async () => {
  const made = await plan(
    { runConfiguration: 'docker' },
    {
      'aml_config/docker.runconfig': 'target: docker\nFramework: Python\n',
      'aml_config/docker.compute': 'Type: docker\n',
      'aml_config/conda_dependencies.yml': 'dependencies: [sklearn]\n',
    },
  )
  expect(made.diagnostics.map(({ file, code }) => [file, code])).toEqual([
    ['aml_config/docker.runconfig', 'KEY_CASE'],
    ['aml_config/docker.compute', 'KEY_CASE'],
    ['aml_config/conda_dependencies.yml', 'PACKAGE_NAME'],
  ])
})

it('carries time limit, outputs and secret variables into the request', async () => {
  const more = {
    'aml_config/local.runconfig': 'Target: local\nFramework: Python\nTimeLimit: 5\nOutputs: [a/*]\nSecretEnvironmentVariables: [TOKEN]\n',
  }
  expect((await plan({}, more)).run).toMatchObject({ timeLimit: 5, outputs: ['a/*'], secretVariables: ['TOKEN'] })
})

it('refuses a folder in place of a dependency file', async () => {
  await using project = await temporaryProject(files)
  await mkdir(join(project.directory, 'folder'))
  expect((await rejection(planIn(project, { runConfiguration: 'docker', condaDependencies: 'folder' }))).code).toBe(
    'DEPENDENCY_FILE_MISSING',
  )
})

it('finds the default files of a project that has only .azureml', async () => {
  await using project = await temporaryProject({
    'train.py': '',
    '.azureml/d.compute': 'type: docker\n',
    '.azureml/d.runconfig': 'Framework: PySpark\n',
    '.azureml/conda_dependencies.yml': 'dependencies: [a]\n',
    '.azureml/spark_dependencies.yml': 'repositories: [r]\n',
  })
  const made = await planIn({ ...project, configurationDirectory: '.azureml' }, { runConfiguration: 'd' })
  expect(made.environment.environment).toMatchObject({ file: '.azureml/conda_dependencies.yml', canonical: { conda: ['a'] } })
  expect(made.environment.spark?.repositories).toEqual(['r'])
})
