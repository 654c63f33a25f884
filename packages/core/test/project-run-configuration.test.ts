import { expect, it } from 'vitest'
import { loadRunConfiguration } from '../src/project/index.ts'
import type { RunConfiguration } from '../src/project/index.ts'
import { outline, rejection, temporaryProject } from './project-folder.ts'

async function load(text: string, name = 'mine'): Promise<RunConfiguration> {
  await using project = await temporaryProject({
    [`aml_config/${name}.runconfig`]: text,
    'aml_config/here.compute': 'type: local\n',
    'aml_config/docker.compute': 'type: docker\n',
  })
  return await loadRunConfiguration(project, name)
}

async function refusal(text: string): Promise<string> {
  const { code, message } = await rejection(load(text))
  expect(code).toBe('CONFIGURATION_INVALID')
  return message
}

const short = 'Target: local\nFramework: Python\n'

it('fills in the defaults of the original', async () => {
  expect(await load('Target: docker\n')).toMatchObject({
    name: 'mine',
    file: 'aml_config/mine.runconfig',
    form: 'workbench',
    argumentVector: ['$file'],
    target: 'docker',
    framework: 'pyspark',
    variables: {},
    secretVariables: [],
    condaDependenciesFile: 'aml_config/conda_dependencies.yml',
    sparkDependenciesFile: 'aml_config/spark_dependencies.yml',
    prepareEnvironment: false,
    trackedRun: true,
    expandArguments: false,
  })
})

it('reads every key', async () => {
  const text = `ArgumentVector:
  - src\\train.py
  - $file
  - 1
  - 0x10
  - true
Target: "here "
Framework: pyspark
EnvironmentVariables:
  TEXT: " exact "
  WORD: true
  NUMBER: 010
  NOTHING:
  QUOTED: "null"
CondaDependenciesFile: Config\\conda.yml
SparkDependenciesFile: null
AutoPrepareEnvironment: "True"
TrackedRun: False
UseSampling: true
DataSourceSettings: {a.dsource: {Sampling: {Sample: x}}}
RequirementsFile: ./requirements.txt
SecretEnvironmentVariables: [TOKEN]
SkipPackages: [azure-ml-api-sdk]
ExpandArguments: true
TimeLimit: 3600
Outputs: [outputs/**, "models\\\\*.pkl"]
TargetOptions: {queue: long, memory: 4}
`
  const { diagnostics, position, ...read } = await load(text)
  expect(read).toEqual({
    name: 'mine',
    file: 'aml_config/mine.runconfig',
    form: 'workbench',
    argumentVector: ['src\\train.py', '$file', '1', '0x10', 'true'],
    scriptReplaceable: false,
    target: 'here',
    framework: 'pyspark',
    variables: { TEXT: ' exact ', WORD: 'true', NUMBER: '010', NOTHING: '', QUOTED: 'null' },
    secretVariables: ['TOKEN'],
    condaDependenciesFile: 'Config/conda.yml',
    requirementsFile: 'requirements.txt',
    namedFiles: ['conda', 'requirements'],
    skipPackages: ['azure-ml-api-sdk'],
    prepareEnvironment: true,
    trackedRun: false,
    expandArguments: true,
    timeLimit: 3600,
    outputs: ['outputs/**', 'models/*.pkl'],
    options: { queue: 'long', memory: 4 },
  })
  expect(outline(diagnostics)).toEqual(['note KEY_ALIAS 17', 'note BLANKS_TRIMMED 7'])
  expect(position('Target')).toEqual({ line: 7, column: 1 })
})

it.each([
  ['null variables', `${short}EnvironmentVariables: null\n`, []],
  ['keys in other cases', 'target: local\nFRAMEWORK: Python\n', ['warning KEY_CASE 1', 'warning KEY_CASE 2']],
  ['a key in two cases', `${short}target: docker\n`, ['warning KEY_TWICE 3']],
  ['an unknown key', `${short}PrepareEnvironmnt: true\n`, ['warning UNKNOWN_KEY 3']],
  ['data source substitutions', `${short}DataSourceSubstitutions: {a: b}\n`, ['warning IGNORED_KEY 3']],
  ['no framework', 'Target: docker\n', ['note FRAMEWORK_DEFAULT 1']],
  ['a reserved variable', `${short}EnvironmentVariables:\n  AZUREML_X: 1\n`, ['warning VARIABLE_RESERVED 4']],
  ['a storage key', `${short}EnvironmentVariables:\n  A: x;AccountKey=abc123==;y\n`, ['warning SECRET_IN_FILE 4']],
  ['a variable called key', `${short}EnvironmentVariables:\n  STORAGE_KEY: abc123def\n`, ['warning SECRET_IN_FILE 4']],
  ['a placeholder', `${short}EnvironmentVariables:\n  STORAGE_KEY: <your key>\n`, []],
])('says what is odd about %s, and goes on', async (_what, text, expected) => {
  expect(outline((await load(text)).diagnostics)).toEqual(expected)
})

it('never prints the value of a variable', async () => {
  const { diagnostics } = await load(`${short}EnvironmentVariables:\n  API_TOKEN: s3cr3t-value\n`)
  expect(diagnostics).toHaveLength(1)
  expect(JSON.stringify(diagnostics)).not.toContain('s3cr3t')
})

it('names the nearest known key of an unknown one', async () => {
  const { diagnostics } = await load(`${short}PrepareEnvironmnt: true\n`)
  expect(diagnostics[0]?.hint).toBe('did you mean PrepareEnvironment?')
})

it.each([
  ['', 'mine.runconfig: the file is empty'],
  ['text\n', 'mine.runconfig:1:1: the file must hold lines'],
  ['Framework: Python\n', 'mine.runconfig:1:1: Target is missing'],
  [`${short}ArgumentVector: []\n`, ':3:1: ArgumentVector is empty'],
  [`${short}ArgumentVector: train.py\n`, ':3:1: ArgumentVector must be a list'],
  [`${short}ArgumentVector: [$file, null]\n`, ':3:25: an item of ArgumentVector is empty'],
  [`${short}ArgumentVector: [[a]]\n`, ':3:18: an item of ArgumentVector is a list'],
  ['Target: local\nFramework: TensorFlow\n', ':2:12: Framework TensorFlow is not supported'],
  [`${short}TrackedRun: maybe\n`, ':3:13: TrackedRun must be true or false'],
  [`${short}UseSampling: maybe\n`, ':3:14: UseSampling must be true or false'],
  [`${short}PrepareEnvironment: yes\n`, ':3:21: PrepareEnvironment must be true or false'],
  [`${short}EnvironmentVariables: [A]\n`, ':3:1: EnvironmentVariables must be a map'],
  [`${short}EnvironmentVariables:\n  A: [1]\n`, ':4:3: EnvironmentVariables: the value of A must be text'],
  [`${short}EnvironmentVariables:\n  MY-NAME: 1\n`, ':4:3: "MY-NAME" is no name of an environment variable'],
  [`${short}EnvironmentVariables:\n  1A: 1\n`, ':4:3: "1A" is no name'],
  [`${short}SecretEnvironmentVariables: [A=B]\n`, ':3:1: "A=B" is no name'],
  [`${short}SecretEnvironmentVariables: [A]\nEnvironmentVariables:\n  A: 1\n`, ':5:3: A is in EnvironmentVariables and in Secret'],
  [`${short}TimeLimit: 1h\n`, ':3:12: TimeLimit must be a whole number of seconds'],
  [`${short}Outputs: [../x]\n`, ':3:1: Outputs: ../x is outside'],
  [`${short}Target: docker\n`, ':3:1: the key Target is here and on line 1'],
])('refuses %j', async (text, message) => {
  expect(await refusal(text)).toContain(message)
})

it('takes the file’s own name as target when there is such a target', async () => {
  expect((await load('Framework: Python\n', 'docker')).target).toBe('docker')
})

it('reads null as no file', async () => {
  const read = await load(`${short}CondaDependenciesFile: null\nSparkDependenciesFile:\n`)
  expect([read.condaDependenciesFile, read.sparkDependenciesFile, read.namedFiles]).toEqual([undefined, undefined, []])
})

it.each([
  ['local', 'python', []],
  ['here', 'python', []],
  ['docker', 'pyspark', []],
])('reads the old JSON form for %s as %s', async (target, framework) => {
  const read = await load(
    `{\n"Description": "x",\n"ArgumentVector": ["$file"],\n"CondaFile": null,\n"ManagedEnvironment": true,\n"Target": "${target}"\n}`,
  )
  expect([read.form, read.framework, read.condaDependenciesFile, read.managedEnvironment]).toEqual([
    'json',
    framework,
    undefined,
    undefined,
  ])
  expect(outline(read.diagnostics)).toEqual(['note KEY_ALIAS 4', 'note FRAMEWORK_DEFAULT 1', 'note NO_ENVIRONMENT_FILE 4'])
})

it('reads ManagedEnvironment: false as the user’s own environment', async () => {
  expect((await load(`${short}ManagedEnvironment: false\n`)).managedEnvironment).toBe(false)
})

const successor = (docker: string, more = ''): string => `script: src\\train.py
arguments: [--rate, 0.5]
target: local
framework: Python
communicator: None
maxRunDurationSeconds: 60
nodeCount: 1
Environment:
  environmentVariables:
    NAME: value
  python:
    userManagedDependencies: false
    interpreterPath: python
    condaDependenciesFile: aml_config/other.yml
  docker:
${docker}
  spark:
    repositories: [https://example.org/maven]
    packages:
    - {group: g, artifact: a, version: 1.10}
    precachePackages: true
history:
  outputCollection: false
spark:
  configuration:
    spark.app.name: x
hdi:
  yarnDeployMode: client
tensorflow:
  workerCount: 1
dataReferences: {}
${more}`

it('maps the successor’s form', async () => {
  const { diagnostics, position, ...read } = await load(
    successor('    enabled: true\n    baseImage: a/b:1\n    gpuSupport: true\n    shmSize: 1g\n    arguments: [--ipc, host]'),
  )
  expect(read).toEqual({
    name: 'mine',
    file: 'aml_config/mine.runconfig',
    form: 'successor',
    argumentVector: ['src/train.py', '--rate', '0.5'],
    scriptReplaceable: true,
    target: 'local',
    framework: 'python',
    variables: { NAME: 'value' },
    secretVariables: [],
    condaDependenciesFile: 'aml_config/other.yml',
    namedFiles: ['conda'],
    skipPackages: [],
    prepareEnvironment: true,
    trackedRun: false,
    expandArguments: false,
    timeLimit: 60,
    spark: {
      configuration: { 'spark.app.name': 'x' },
      repositories: ['https://example.org/maven'],
      packages: [{ group: 'g', artifact: 'a', version: '1.10' }],
    },
    targetOverride: {
      type: 'docker',
      values: { baseDockerImage: 'a/b:1', nvidiaDocker: true, shmSize: '1g', containerOptions: ['--ipc', 'host'] },
    },
  })
  expect(outline(diagnostics)).toEqual(['warning KEY_CASE 8', 'note SUCCESSOR_FORM 1'])
  expect(position('environment', 'docker', 'baseImage')).toEqual({ line: 17, column: 5 })
})

it('maps an interpreter of the user’s own, and one environment of ours on local', async () => {
  const own = 'target: local\nenvironment:\n  python: {userManagedDependencies: true, interpreterPath: /opt/py/bin/python}\n'
  expect(await load(own)).toMatchObject({ managedEnvironment: false, python: '/opt/py/bin/python', argumentVector: ['$file'] })
  expect((await load(successor('    enabled: false'))).managedEnvironment).toBe(true)
})

it('keeps yarnDeployMode for the target', async () => {
  const read = await load('target: docker\nenvironment: {}\nhdi: {yarnDeployMode: client}\n')
  expect(read.targetOverride).toEqual({ values: { yarnDeployMode: 'client' } })
})

it.each([
  ['target: amlcompute\nenvironment: {}\n', ':1:9: target amlcompute needs a cloud service'],
  ['target: local\nenvironment: {}\nframework: TensorFlow\n', ':3:12: framework TensorFlow is not supported'],
  ['target: local\nenvironment: {}\ncommunicator: Mpi\n', ':3:15: communicator Mpi needs a cloud service'],
  ['target: local\nenvironment: {}\nnodeCount: 2\n', ':3:12: more than one node needs a cloud service'],
  ['target: local\nenvironment: {}\ndataReferences: {a: {}}\n', ':3:17: dataReferences needs a cloud service'],
  ['target: local\nenvironment: [1]\n', ':2:1: environment must be a map'],
  ['target: local\nenvironment: {docker: {enabled: perhaps}}\n', ':2:33: enabled must be true or false'],
])('refuses of the successor’s form what needs its services: %j', async (text, message) => {
  expect(await refusal(text)).toContain(message)
})

it('accepts NAME and NAME.runconfig, and names near ones, files elsewhere and files of the first months', async () => {
  await using project = await temporaryProject({
    'aml_config/docker-python.runconfig': short,
    'aml_config/first.amb': '{}',
    'Config/moved.runconfig': short,
  })
  expect((await loadRunConfiguration(project, 'docker-python.runconfig')).name).toBe('docker-python')
  expect(await rejection(loadRunConfiguration(project, 'docker-pyton'))).toEqual({
    code: 'RUN_CONFIGURATION_NOT_FOUND',
    message: 'There is no run configuration docker-pyton: aml_config/docker-pyton.runconfig does not exist.',
    hint: 'did you mean docker-python?',
  })
  expect((await rejection(loadRunConfiguration(project, 'aml_config/docker-python.runconfig'))).hint).toBe('did you mean docker-python?')
  expect((await rejection(loadRunConfiguration(project, 'moved'))).hint).toContain(
    'Config/moved.runconfig is not read: move it to aml_config/',
  )
  expect((await rejection(loadRunConfiguration(project, 'first'))).hint).toContain(
    'aml_config/first.amb is a run configuration of the first months',
  )
})
