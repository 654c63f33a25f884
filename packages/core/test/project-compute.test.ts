import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { listTargets, loadTarget, validateTarget } from '../src/project/index.ts'
import type { TargetDefinition } from '../src/target.ts'
import { outline, rejection, temporaryProject } from './project-folder.ts'

async function load(text: string, name = 'there'): Promise<Awaited<ReturnType<typeof loadTarget>>> {
  await using project = await temporaryProject({ [`aml_config/${name}.compute`]: text })
  return await loadTarget(project, name)
}

async function refusal(text: string): Promise<string> {
  const { code, message } = await rejection(load(text))
  expect(code).toBe('CONFIGURATION_INVALID')
  return message
}

it.each([
  ['type: local\n', 'local', []],
  ['type: "localdocker"\n', 'docker', []],
  ['type: docker\n', 'docker', []],
  ['type: remotedocker\naddress: h\n', 'remotedocker', []],
  ['type: remote\naddress: h\n', 'remote', []],
  ['type: cluster\naddress: h-ssh.example\n', 'cluster', []],
  ['type: RemoteDocker\naddress: h\n', 'remotedocker', ['note TYPE_CASE 1']],
  ['address: h\ntype: virtualmachine\n', 'remotedocker', ['note TYPE_LEGACY 2']],
  ['Type: local\n', 'local', ['warning KEY_CASE 1']],
  ['type: acme\nanything: 1\n', 'acme', []],
  ['address: h\nusername: u\npassword: null\n', 'remotedocker', ['note TYPE_LEGACY 1']],
  ['address: h\ncluster: False\nnative: False\n', 'remotedocker', ['note TYPE_LEGACY 1']],
  ['address: h-ssh.example\ncluster: True\nnative: True\n', 'cluster', ['note TYPE_LEGACY 1']],
])('reads the type of %j as %s', async (text, type, notes) => {
  const target = await load(text)
  expect([target.type, outline(target.diagnostics)]).toEqual([type, notes])
})

it.each([
  ['', 'there.compute: the file is empty'],
  ['null\n', 'there.compute:1:1: the file must hold lines'],
  ['- a\n', 'there.compute:1:1: the file must hold lines'],
  ['baseDockerImage: x\n', 'there.compute:1:1: no type and no address'],
  ['address: h\ncluster: true\nnative: false\n', 'there.compute:1:1: no type, and cluster and native contradict'],
  ['type: amlcompute\n', 'there.compute:1:7: type amlcompute is a cloud service, not a Workbench target'],
  ['# comment\ntype: Databricks\n', 'there.compute:2:7: type Databricks is a cloud service'],
  ['type: docker\nbaseDockerImage: a/b::c\n', 'there.compute:2:1: baseDockerImage: a/b::c has two colons (write `baseDockerImage: a/b:c`)'],
  ['type: docker\nsharedVolumes: yes\n', 'there.compute:2:16: sharedVolumes must be true or false'],
  ['type: docker\nbaseDockerImage: [a]\n', 'there.compute:2:1: baseDockerImage must be text, not a list'],
  ['type: remote\naddress: ssh://h\n', 'there.compute:2:1: address: a host name is wanted, not a URL'],
  ['type: remote\naddress: my host\n', 'there.compute:2:1: address: a host name has no blanks'],
  ['type: remote\naddress: h:99999\n', 'there.compute:2:1: address: the port must be a number'],
  ['type: remote\naddress: "[x]:22"\n', 'there.compute:2:1: address: between [ and ] there must be an IPv6 address'],
  ['type: [local]\n', 'there.compute:1:1: type must be text'],
])('refuses %j', async (text, message) => {
  expect(await refusal(text)).toContain(message)
})

it('tells the allowed types when there is none', async () => {
  expect(await refusal('baseDockerImage: x\n')).toContain('the types are local, docker, remotedocker, remote, cluster')
})

it('says all errors of a file at once, one a line', async () => {
  const message = await refusal('type: remotedocker\naddress: ssh://h\nsharedVolumes: maybe\nbaseDockerImage: a::b\n')
  expect(message.split('\n').map((line) => line.split(':')[1])).toEqual(['2', '3', '4'])
})

it.each(['host', 'host:2222', '10.0.0.5', '10.0.0.5:22', '::1', '[::1]:22', '[fe80::1]', 'alias-of_mine'])(
  'takes the address %s',
  async (address) => {
    expect((await load(`type: remote\naddress: "${address}"\n`)).values).toEqual({ address })
  },
)

it('tidies blanks, booleans and null, and keeps what only a plugin knows', async () => {
  const text = 'type: docker\nbaseDockerImage: "a/b "\nsharedVolumes: "True"\nNvidiaDocker: false\npassword: null\nqueue: 3\nlist: [1, a]\n'
  const target = await load(text)
  expect(target.values).toEqual({ baseDockerImage: 'a/b', sharedVolumes: true, nvidiaDocker: false, queue: 3, list: [1, 'a'] })
  expect(outline(target.diagnostics)).toEqual(['note BLANKS_TRIMMED 2', 'warning KEY_CASE 4'])
  expect([target.position('sharedVolumes'), target.position('list', 1), target.position('absent')]).toEqual([
    { line: 3, column: 1 },
    { line: 7, column: 11 },
    undefined,
  ])
})

it.each([
  ['AzureMlSecret=vm#user#00000000000000000000000000000000', ['note PASSWORD_REFERENCE 2'], {}],
  ['vm#user#00000000000000000000000000000000', ['note PASSWORD_REFERENCE 2'], {}],
  ['hunter2', ['warning PASSWORD_IN_FILE 2'], { password: 'hunter2' }],
  ['" with blanks "', ['warning PASSWORD_IN_FILE 2'], { password: ' with blanks ' }],
  ['12345678', ['warning PASSWORD_IN_FILE 2'], { password: '12345678' }],
  ['<password>', [], {}],
  ['"****"', [], {}],
  ['xxx', [], {}],
  ['null', [], {}],
  ['""', [], {}],
])('treats password: %s as the reference says, and never prints it', async (password, notes, secrets) => {
  const target = await load(`type: remote\npassword: ${password}\naddress: h\nusername: u\n`)
  expect(outline(target.diagnostics)).toEqual(notes)
  expect(JSON.stringify(target.diagnostics)).not.toMatch(/hunter2|with blanks|12345678/)
  const validated = await validateTarget(target, remote)
  expect(validated).toMatchObject({ config: { address: 'h', username: 'u' }, secrets })
  expect(Object.keys(validated.secrets)).toEqual(Object.keys(secrets))
})

it('warns of a cluster address without -ssh, but not of a number', async () => {
  expect(outline((await load('type: cluster\naddress: big.example\n')).diagnostics)).toEqual(['warning CLUSTER_ADDRESS 2'])
  expect(outline((await load('type: cluster\naddress: 10.0.0.5\n')).diagnostics)).toEqual([])
})

it('says that a shared directory needs sharedVolumes', async () => {
  const share = 'nativeSharedDirectory: ~\\.azureml\\share\n'
  const off = await load(`type: docker\n${share}`)
  expect([off.values, outline(off.diagnostics)]).toEqual([{ nativeSharedDirectory: '~/.azureml/share' }, ['note SHARE_NOT_MOUNTED 2']])
  expect(outline((await load(`type: docker\nsharedVolumes: true\n${share}`)).diagnostics)).toEqual([])
  expect(outline((await load(`type: remote\naddress: h\n${share}`)).diagnostics)).toEqual([])
})

const remote: TargetDefinition = {
  contract: 1,
  type: 'remote',
  summary: 'For these tests.',
  config: toStandardJsonSchema(
    v.object({
      address: v.string(),
      username: v.string(),
      pythonLocation: v.optional(v.string(), 'python'),
      userManagedEnvironment: v.optional(v.boolean(), true),
      retries: v.optional(v.pipe(v.number(), v.maxValue(9))),
      jump: v.optional(v.array(v.string())),
    }),
  ),
  secrets: { password: { description: 'For SSH.', optional: true } },
  capabilities: { environments: ['user-managed'], frameworks: ['python'], logs: 'live' },
  load: () => Promise.reject(new Error('Not for tests.')),
}

it('validates with the schema of the type, which fills in defaults', async () => {
  const target = await load('type: remote\naddress: h\nusername: 7\npythonlocation: 3.10\nRetries: "3"\n')
  const validated = await validateTarget(target, remote)
  expect(validated.config).toEqual({ address: 'h', username: '7', pythonLocation: '3.10', userManagedEnvironment: true, retries: 3 })
  expect(outline(validated.diagnostics)).toEqual(['warning KEY_CASE 5'])
})

it('turns each issue of the schema into an error with its place', async () => {
  const target = await load('# head\ntype: remote\nusername: u\nretries: 10\njump:\n  - a\n  - [b]\n')
  const { code, message } = await rejection(validateTarget(target, remote))
  expect(code).toBe('CONFIGURATION_INVALID')
  expect(message.split('\n').map((line) => line.replace(/ \(.*/, ''))).toEqual([
    'aml_config/there.compute:2:1: address is missing: type remote needs it',
    expect.stringContaining('aml_config/there.compute:4:1: retries: '),
    expect.stringContaining('aml_config/there.compute:7:5: jump.1: '),
  ])
})

it('does not let the schema print a value that looks like a secret', async () => {
  const target = await load('type: remote\naddress: h\nusername: u\nretries: AccountKey=abcdef123456\n')
  const { message } = await rejection(validateTarget(target, remote))
  expect(message).toContain(':4:1: retries: ')
  expect(message).not.toContain('abcdef123456')
})

it('warns of unknown keys with the nearest known one, and of keys of other types', async () => {
  const target = await load('type: remote\naddress: h\nusername: u\nusrname: x\nyarnDeployMode: cluster\nnodeCount: 4\n')
  const { diagnostics } = await validateTarget(target, remote)
  expect(diagnostics.map(({ code, message, hint }) => [code, message, hint])).toEqual([
    ['UNKNOWN_KEY', 'unknown key usrname is ignored', 'did you mean username?'],
    ['KEY_OF_OTHER_TYPE', 'yarnDeployMode does not fit type remote and is ignored; it belongs to cluster', undefined],
    ['KEY_OF_OTHER_TYPE', 'nodeCount does not fit type remote and is ignored', undefined],
  ])
})

it('lists broken files beside the others, and local without a file', async () => {
  await using project = await temporaryProject({
    'aml_config/vm.compute': 'type: remotedocker\naddress: h:22\nusername: u\n',
    'aml_config/broken.compute': 'type: docker\n\tbaseDockerImage: x\n',
    'aml_config/cloud.compute': 'type: aks\n',
    '.azureml/vm.compute': 'type: local\n',
    '.azureml/other.compute': 'type: docker\n',
  })
  const listed = await listTargets(project)
  expect(listed.map(({ name, file, type, address, diagnostics }) => [name, file, type, address, outline(diagnostics)])).toEqual([
    ['broken', 'aml_config/broken.compute', undefined, undefined, ['error TAB_INDENTATION 2']],
    ['cloud', 'aml_config/cloud.compute', undefined, undefined, ['error TYPE_CLOUD 1']],
    ['local', undefined, 'local', undefined, []],
    ['other', '.azureml/other.compute', 'docker', undefined, []],
    ['vm', 'aml_config/vm.compute', 'remotedocker', 'h:22', []],
  ])
})

it('names near targets and files elsewhere when a target is not there; names are case-sensitive', async () => {
  await using project = await temporaryProject({ 'aml_config/docker.compute': 'type: docker\n', 'old/Docker.compute': 'type: docker\n' })
  expect(await rejection(loadTarget(project, 'Docker'))).toEqual({
    code: 'TARGET_NOT_FOUND',
    message: 'There is no target Docker: aml_config/Docker.compute does not exist.',
    hint: 'old/Docker.compute is not read: move it to aml_config/; did you mean docker?',
  })
  expect((await rejection(loadTarget(project, 'cluster9'))).hint).toBe('the targets are docker, local')
})

it('knows local without a file', async () => {
  await using project = await temporaryProject()
  expect(await loadTarget(project, 'local')).toMatchObject({ name: 'local', type: 'local', values: {} })
})
