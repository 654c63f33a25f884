import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { loadCondaDependencies, loadSparkDependencies } from '../src/project/index.ts'
import { splitPipItem } from '../src/project/pip-items.ts'
import { outline, rejection, temporaryProject } from './project-folder.ts'

async function conda(
  text: string,
  files: Record<string, string> = {},
  skip: string[] = [],
): Promise<Awaited<ReturnType<typeof loadCondaDependencies>>> {
  await using project = await temporaryProject({ ...files, 'aml_config/conda_dependencies.yml': text })
  return await loadCondaDependencies(project, 'aml_config/conda_dependencies.yml', { skip })
}

async function spark(text: string): Promise<Awaited<ReturnType<typeof loadSparkDependencies>>> {
  await using project = await temporaryProject({ 'aml_config/spark_dependencies.yml': text })
  return await loadSparkDependencies(project, 'aml_config/spark_dependencies.yml')
}

it('reads channels, packages, pip packages and pip options', async () => {
  const { packages, diagnostics } = await conda(`name: project_environment
channels: [conda-forge, defaults]
dependencies:
  - python-dateutil
  - python=3.5.2
  - pip=9.0
  - pipenv
  - pytorch #soumith
  - 7zip
  - pip:
    - --index-url https://example.org/simple
    - -f https://example.org/wheels
    - --extra-index-url=https://example.org/more numpy==1.0 scipy
    - --pre
    - requests
  - pip: [flask]
  - pip:
`)
  expect(packages).toEqual({
    channels: ['conda-forge', 'defaults'],
    conda: ['python-dateutil', 'python=3.5.2', 'pip=9.0', 'pipenv', 'pytorch', '7zip'],
    pip: ['numpy==1.0', 'scipy', 'requests', 'flask'],
    pipOptions: [
      '--index-url',
      'https://example.org/simple',
      '--find-links',
      'https://example.org/wheels',
      '--extra-index-url',
      'https://example.org/more',
      '--pre',
    ],
    python: '3.5.2',
  })
  expect(diagnostics).toEqual([])
})

it.each([
  ['python', undefined],
  ['python=3.6', '3.6'],
  ['python==3.6.1', '3.6.1'],
  ['python>=3.6,<3.8', '>=3.6,<3.8'],
  ['python 3.6.*', '3.6.*'],
  ['conda-forge::python=3.7=hash_0', '3.7'],
  ['python-dateutil=2', undefined],
])('reads the version of %s as %s', async (spec, version) => {
  expect((await conda(`dependencies: ["${spec}"]\n`)).packages.python).toBe(version)
})

it.each(['', '# nothing\n', 'dependencies:\n', 'dependencies: []\n', 'name: x\n'])('reads %j as Python and nothing else', async (text) => {
  const { packages } = await conda(text)
  expect(packages).toEqual({ channels: ['defaults'], conda: [], pip: [], pipOptions: [] })
})

it('says that an empty file is as if absent', async () => {
  expect(outline((await conda('')).diagnostics)).toEqual(['note EMPTY_FILE'])
})

it.each([
  ['dependencis:\n- numpy\n', 'unknown key dependencis is ignored', 'did you mean dependencies?'],
  ['dependencies: [numpy]\npip: [requests]\n', 'unknown key pip is ignored', undefined],
  ['Dependencies: [numpy]\n', 'Dependencies is read as dependencies', 'write `dependencies`'],
])('warns of the keys of %j', async (text, message, hint) => {
  const { diagnostics } = await conda(text)
  expect(diagnostics.map(({ severity, message: said, hint: mend }) => [severity, said, mend])).toEqual([['warning', message, hint]])
})

it('says nothing of the keys that other tools read', async () => {
  expect((await conda('name: a\nplatforms: [linux-64]\ncategory: main\ndependencies: [numpy]\n')).diagnostics).toEqual([])
})

it('makes the same of files that mean the same', async () => {
  const first = await conda(
    'name: a\r\ndependencies:\r\n- b=1\r\n- a # first\r\n- pip:\r\n  - -i https://example.org\r\n  - y  >= 1\r\n  - x\r\n',
  )
  const second = await conda(
    '# other\ndependencies:\n- pip: ["x", "--index-url https://example.org"]\n- a\n- "b=1"\n- pip: ["y >= 1"]\nname: b\nprefix: /x\n',
  )
  expect(second.file.canonical).toEqual(first.file.canonical)
  expect(first.file.text).toContain('\r\n')
  expect(outline(second.diagnostics)).toEqual(['note IGNORED_KEY 8'])
})

it.each([
  [
    'the order of pip’s options',
    'dependencies: [pip: [--pre, "-i https://a.example"]]',
    'dependencies: [pip: ["-i https://a.example", --pre]]',
  ],
  ['the order of channels', 'channels: [a, b]', 'channels: [b, a]'],
  ['a version', 'dependencies: [a=1]', 'dependencies: [a=2]'],
  ['where a package comes from', 'dependencies: [a]', 'dependencies: [pip: [a]]'],
  ['variables', 'variables: {A: 1}', 'variables: {A: 2}'],
])('tells files apart by %s', async (_what, first, second) => {
  expect((await conda(first)).file.canonical).not.toEqual((await conda(second)).file.canonical)
})

it.each([
  ['- io\n', ['warning STANDARD_LIBRARY 2'], []],
  ['- json\n- numpy\n', ['warning STANDARD_LIBRARY 2'], ['numpy']],
  ['- sklearn\n', ['warning PACKAGE_NAME 2'], ['sklearn']],
  ['- azure-ml-api-sdk==0.1\n', ['warning DEAD_PACKAGE 2'], ['azure-ml-api-sdk==0.1']],
  ['- https://example.org/x-1.0-py3-none-any.whl\n', ['warning CONDA_URL 2'], ['https://example.org/x-1.0-py3-none-any.whl']],
  ['- package==1.0\n', [], ['package==1.0']],
  ['- numpy 1.0 py36_0\n', [], ['numpy 1.0 py36_0']],
  ['- numpy >=1.0\n', [], ['numpy >=1.0']],
])('says what is odd about the package %j', async (items, notes, kept) => {
  const { packages, diagnostics } = await conda(`dependencies:\n${items}`)
  expect([outline(diagnostics), packages.conda]).toEqual([notes, kept])
})

it.each([
  ['os', ['warning STANDARD_LIBRARY 3'], []],
  ['git+https://example.org/x.git', [], ['git+https://example.org/x.git']],
  ['/azureml-share/x.whl', ['note PATH_AT_TARGET 3'], ['/azureml-share/x.whl']],
  ['"x; python_version < \'3\'"', [], ["x; python_version < '3'"]],
  ['x[a,b]>=1.0', [], ['x[a,b]>=1.0']],
  ['x [a] >= 1.0, < 2', [], ['x [a] >= 1.0, < 2']],
  ['x (>=1.0)', [], ['x (>=1.0)']],
  ['x @ https://example.org/x.zip', [], ['x @ https://example.org/x.zip']],
])('says what is odd about the pip package %s', async (item, notes, kept) => {
  const { packages, diagnostics } = await conda(`dependencies:\n- pip:\n  - ${item}\n`)
  expect([outline(diagnostics), packages.pip]).toEqual([notes, kept])
})

it('names the line and host of a package that is gone, and never prints a URL', async () => {
  const url = 'https://azuremldownloads.blob.core.windows.net/wheels/a.b-1.0-py3-none-any.whl?sig=c2VjcmV0'
  const { diagnostics } = await conda(`dependencies:\n- pip:\n  - ${url}\n  - --extra-index-url https://me:hunter2@example.org/simple\n`)
  expect(diagnostics.map(({ code, line, message }) => [code, line, message])).toEqual([
    ['DEAD_HOST', 3, 'the package host azuremldownloads.blob.core.windows.net is gone'],
    ['CREDENTIALS_IN_FILE', 4, 'an address holds a password or token, which is copied with the project'],
  ])
  expect(JSON.stringify(diagnostics)).not.toMatch(/c2VjcmV0|hunter2/)
})

it('leaves out what the skip list names, by name and by the name in a URL', async () => {
  const text =
    'dependencies:\n- pip:\n  - azure-ml-api-sdk==0.1\n  - https://example.org/azureml.assets-1.0.0-py3-none-any.whl?sig=x\n  - numpy\n'
  const { packages, diagnostics } = await conda(text, {}, ['azure-ml-api-sdk', 'azureml-assets'])
  expect([packages.pip, outline(diagnostics)]).toEqual([['numpy'], ['note PACKAGE_SKIPPED 3', 'note PACKAGE_SKIPPED 4']])
})

const digest = (content: string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`

it('sends packages and requirements that lie in the project', async () => {
  const text = 'dependencies:\n- pip:\n  - ./wheels\\a-1.0-py3-none-any.whl\n  - -r requirements.txt\n'
  const { file, packages } = await conda(text, { 'wheels/a-1.0-py3-none-any.whl': 'wheel', 'requirements.txt': 'numpy\n' })
  expect(file.localFiles).toEqual([
    { kind: 'file', path: 'requirements.txt', size: 6, executable: false, digest: digest('numpy\n') },
    { kind: 'file', path: 'wheels/a-1.0-py3-none-any.whl', size: 5, executable: false, digest: digest('wheel') },
  ])
  expect(packages.pipOptions).toEqual(['--requirement', 'requirements.txt'])
})

it.each([
  ['dependencies: x\n', ':1:1: dependencies must be a list'],
  ['- a\n', ':1:1: the file must have the line'],
  ['dependencies:\n- null\n', ':2:3: an empty item'],
  ['dependencies:\n-\n- a\n', ':2:2: an empty item'],
  ['dependencies:\n- [a]\n', ':2:3: a package must be text'],
  ['dependencies:\n- numpy: 1.0\n', ':2:3: numpy: a package is text'],
  ['dependencies:\n- pip: a\n', ':2:3: pip must have a list'],
  ['dependencies:\n- pip:\n  - package=1.0\n', ':3:5: package: pip wants two = before a version (write `package==1.0`)'],
  ['dependencies:\n- numpy==\n', ':2:3: numpy== has no version'],
  ['dependencies:\n- 3\n', ':2:3: 3 is a number, not a package'],
  ['dependencies:\n- pip:\n  - requests==\n', ':3:5: requests== has no version'],
  ['dependencies:\n- pip:\n  - foo bar\n', ':3:5: foo bar is not one package of pip (write each package on a line of its own)'],
  ['dependencies:\n- pip:\n  - foo 1.0\n', ':3:5: foo 1.0 is not one package of pip (write `foo==1.0`)'],
  ['dependencies:\n- pip:\n  - C:\\temp\\x.whl\n', ':3:5: a path of one machine'],
  ['dependencies:\n- pip:\n  - ./x.whl\n', ':3:5: ./x.whl does not exist'],
  ['dependencies:\n- pip:\n  - ../x.whl\n', ':3:5: ../x.whl is outside the project'],
  ['dependencies:\n- pip:\n  - -e .\n', ':3:5: . is a folder'],
  ['environmentVariables: {}\npython: {}\ndocker: {}\n', ':1:1: this is the environment part of a successor run configuration'],
  ['dependencies:\n- a\n<<<<<<< HEAD\n- b\n', ':3:1: unresolved merge'],
])('refuses %j', async (text, message) => {
  const { code, message: found } = await rejection(conda(text))
  expect([code, found.includes(`aml_config/conda_dependencies.yml${message}`) || found]).toEqual(['CONFIGURATION_INVALID', true])
})

it.each([
  ['-ihttps://example.org', [['--index-url', 'https://example.org']], []],
  ['--trusted-host example.org', [['--trusted-host', 'example.org']], []],
  ['numpy --index-url https://example.org', [['--index-url', 'https://example.org']], ['numpy']],
  ['--no-cache-dir numpy >= 1.0', [['--no-cache-dir']], ['numpy>=1.0']],
  ['a==1 --hash=sha256:00', [], ['a==1 --hash=sha256:00']],
  ['my-package', [], ['my-package']],
])('takes %j apart', (item, options, packages) => {
  expect(splitPipItem(item)).toEqual({ options, packages })
})

it('reads Spark settings in file order, values as written', async () => {
  const { spark: read, diagnostics } = await spark(`version: 2
configuration:
  "spark.driver.memory":\t"6g"
  spark.app.name: A name
  spark.yarn.maxAppAttempts: 1
  spark.sql.caseSensitive: True
  a.number: 1.10
repositories:
  - "https://example.org/maven "
packages:
  - group: com.example
    artifact: tool_2.11
    version: 0.10
`)
  expect(Object.entries(read.configuration)).toEqual([
    ['spark.driver.memory', '6g'],
    ['spark.app.name', 'A name'],
    ['spark.yarn.maxAppAttempts', '1'],
    ['spark.sql.caseSensitive', 'True'],
    ['a.number', '1.10'],
  ])
  expect([read.repositories, read.packages]).toEqual([
    ['https://example.org/maven'],
    [{ group: 'com.example', artifact: 'tool_2.11', version: '0.10' }],
  ])
  expect(diagnostics).toEqual([])
})

it('refuses a password in the address of a repository, and does not repeat it', async () => {
  const error = await rejection(spark('repositories:\n  - https://me:c4nary@example.org/maven\n'))
  expect([error.code, error.message]).toEqual([
    'CONFIGURATION_INVALID',
    expect.stringContaining('https://***@example.org/maven holds a password'),
  ])
  expect(error.message).not.toContain('c4nary')
})

it.each([
  ['configuration: {}\n', []],
  ['configuration: null\nrepositories:\npackages: ~\n', []],
  ['', ['note EMPTY_FILE']],
  ['precachePackages: true\n', ['note IGNORED_KEY 1']],
  ['repository: []\n', ['warning UNKNOWN_KEY 1']],
])('reads %j as no Spark settings', async (text, notes) => {
  const read = await spark(text)
  expect([read.spark, outline(read.diagnostics)]).toEqual([{ configuration: {}, repositories: [], packages: [] }, notes])
})

it.each([
  ['packages:\n- group: g\n  artifact: a\n', ':2:3: a Spark package without version'],
  ['packages:\n- version: 1\n', ':2:3: a Spark package without group and artifact'],
  ['packages:\n- g:a:1\n', ':2:3: an item of packages must have group'],
  ['packages: {a: b}\n', ':1:1: packages must be a list'],
  ['configuration: [a]\n', ':1:1: configuration must be a map'],
  ['configuration:\n  a: [1]\n', ':2:3: configuration: the value of a must be text'],
  ['- a\n', ':1:1: the file must hold configuration'],
])('refuses the Spark file %j', async (text, message) => {
  const { code, message: found } = await rejection(spark(text))
  expect([code, found.includes(`aml_config/spark_dependencies.yml${message}`) || found]).toEqual(['CONFIGURATION_INVALID', true])
})
