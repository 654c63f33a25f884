import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandLineAlone } from './command-line-alone.ts'
import { type TemporaryProject, temporaryProject } from './project.ts'

const remotedocker = (address: string, username: string): string =>
  `address: ${address}
nativeSharedDirectory: ~/.azureml/share/
sharedVolumes: true
type: remotedocker
userManagedEnvironment: false
username: ${username}
`

const cluster = (address: string): string => `address: ${address}
type: cluster
userManagedEnvironment: true
username: sshuser
yarnDeployMode: cluster
`

const remote = (address: string): string => `address: ${address}
pythonLocation: python
type: remote
userManagedEnvironment: true
username: sshuser
`

const runConfiguration = (name: string): string => `ArgumentVector:
- $file
EnvironmentVariables: null
Framework: PySpark
PrepareEnvironment: false
Target: ${name}
TrackedRun: true
UseSampling: true
`

const attach = (project: TemporaryProject, line: string) => project.errand('computetarget', 'attach', ...line.split(' '))

describe('every historical spelling', () => {
  const spellings: readonly (readonly [words: string, name: string, content: string])[] = [
    ['--name remotevm --address 192.168.1.11 --username sshuser --password x', 'remotevm', remotedocker('192.168.1.11', 'sshuser')],
    [
      '--name remotevm --address 192.168.1.11 --username sshuser --password x --type remotedocker',
      'remotevm',
      remotedocker('192.168.1.11', 'sshuser'),
    ],
    ['--cluster --name azhdi --address 10.0.0.5 --username sshuser --password x', 'azhdi', cluster('10.0.0.5')],
    ['remotedocker -n myvm -a 192.168.1.11 -u sshuser -w x', 'myvm', remotedocker('192.168.1.11', 'sshuser')],
    ['remote --name remotevm --address 192.168.1.11 --username sshuser --password x', 'remotevm', remote('192.168.1.11')],
    [
      'cluster --name myhdi --address foo-ssh.azurehdinsight.net --username sshuser --password x',
      'myhdi',
      cluster('foo-ssh.azurehdinsight.net'),
    ],
    ['-t remote -n vm -a gpu:2222 -u sshuser --hide-password', 'vm', remote('gpu:2222')],
    ['-n vm -a gpu -u sshuser -t cluster', 'vm', cluster('gpu')],
    ['remote --name=vm --ssh-port 2222 --address=gpu --username=sshuser', 'vm', remote('gpu:2222')],
    ['remote -n vm -a ::1 --ssh-port 22 -u sshuser', 'vm', remote('"[::1]:22"')],
    ['remote -n vm -a [fe80::1]:2222 -u sshuser', 'vm', remote('"[fe80::1]:2222"')],
    ['virtualmachine -n vm -a gpu -u sshuser', 'vm', remotedocker('gpu', 'sshuser')],
  ]
  for (const [words, name, content] of spellings) {
    it(`attach ${words}`, async () => {
      using project = temporaryProject()
      const { exitCode, stdout, stderr } = await attach(project, words)
      expect(stderr).not.toContain('ERROR')
      expect(exitCode).toBe(0)
      expect(project.read(`aml_config/${name}.compute`)).toBe(content)
      expect(project.read(`aml_config/${name}.runconfig`)).toBe(runConfiguration(name))
      expect(stdout).toBe(
        `created aml_config/${name}.compute\ncreated aml_config/${name}.runconfig\nerrand experiment prepare -c ${name}\n`,
      )
    })
  }

  it('quotes a name with a blank in the command that it proposes', async () => {
    using project = temporaryProject()
    const { stdout } = await attach(project, 'remote -a gpu -u ann --no-password --name=b_6')
    expect(stdout).toContain('errand experiment prepare -c b_6\n')
    const named = await project.errand('computetarget', 'attach', 'remote', '-n', 'b 6', '-a', 'gpu', '-u', 'ann', '--no-password')
    expect(named.stdout).toContain("errand experiment prepare -c 'b 6'\n")
  })

  it('computecontext attach is the same', async () => {
    using project = temporaryProject()
    expect(await project.errand('computecontext', 'attach', '--cluster', '-n', 'c', '-a', 'h-ssh', '-u', 'sshuser')).toMatchObject({
      exitCode: 0,
    })
    expect(project.read('aml_config/c.compute')).toBe(cluster('h-ssh'))
  })

  it('a type that is not installed is written all the same, and the way to install it is said', async () => {
    using project = temporaryProject()
    const alone = commandLineAlone(join(project.parent, 'alone'))
    const line = 'computetarget attach remotedocker -n vm -a gpu -u ann'
    const { status, stderr } = spawnSync(process.execPath, [alone, ...line.split(' ')], { cwd: project.directory, encoding: 'utf8' })
    expect(stderr).toContain('errand plugins install @errand/target-remotedocker')
    expect(status).toBe(0)
    // What the original wrote, which no installed type has a say in.
    expect(project.read('aml_config/vm.compute')).toContain('baseDockerImage: microsoft/mmlspark:plus-0.9.9\n')
  })
})

it('refuses a value for an option that takes none, and says how it is switched off', async () => {
  using project = temporaryProject()
  const { exitCode, stderr } = await attach(project, 'cluster -n c -a h -u ann --user-managed-environment=false')
  expect(exitCode).toBe(1)
  expect(stderr).toBe('ERROR: The option --user-managed-environment takes no value.\nWrite --no-user-managed-environment\n')
})

it('says the type and the framework that nobody named', async () => {
  using project = temporaryProject()
  const { stderr } = await attach(project, '-n vm -a gpu -u ann')
  expect(stderr).toContain('No type was named: vm is a remotedocker target.\nvm.runconfig has Framework: PySpark.')
  expect((await attach(project, 'remot -n other -a gpu -u ann')).stderr).toMatch(/Did you mean remote or remotedocker\?/)
})

describe('passwords', () => {
  const password = 'c4nary-P4ss word'
  const words = ['computetarget', 'attach', 'remote', '-n', 'vm', '-a', 'gpu', '-u', 'ann']

  /** What the user can find of the project, and where the password is kept. */
  function kept(project: TemporaryProject) {
    const secrets = readFileSync(join(project.parent, 'config/secrets.json'), 'utf8')
    const files = ['aml_config/vm.compute', 'aml_config/vm.runconfig'].map((file) => project.read(file)).join('')
    return { secrets, files }
  }

  it('on the command line: kept outside the project, with a warning of shell histories', async () => {
    using project = temporaryProject()
    const { stdout, stderr } = await project.errand(...words, '--password', password)
    expect(stderr).toMatch(/^WARNING: .*history of your shell/)
    expect(kept(project).secrets).toContain(password)
    expect(`${kept(project).files}${stdout}${stderr}`).not.toContain(password)
    expect(JSON.parse((await project.errand('secret', 'list')).stdout)).toEqual([{ name: 'password', target: 'vm', source: 'file' }])
  })

  it('from standard input, to the last line end', async () => {
    using project = temporaryProject()
    const { exitCode, stderr } = await project.errandWith({ input: `${password}\n` }, ...words, '--password-stdin')
    expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('history')])
    expect(kept(project).secrets).toContain(JSON.stringify(password))
  })

  it('on a terminal: asked twice and never shown', async () => {
    using project = temporaryProject()
    const typing = [
      { after: 'Password for vm:', typed: `${password}\r` },
      { after: 'for confirmation:', typed: `${password}\r` },
    ]
    const shown = await project.inTerminalTyping(typing, ...words)
    expect(shown.exitCode).toBe(0)
    expect(shown.stdout).toMatch(/To log in without a password: -k makes a key of the project.*\s+Password for vm:/)
    expect(shown.stdout).not.toContain(password)
    expect(kept(project).secrets).toContain(JSON.stringify(password))
  })

  it('is not asked for where no machine is logged in to', async () => {
    using project = temporaryProject()
    const { exitCode, stdout } = await project.inTerminal(
      {},
      ...'computetarget attach cluster -n hdi --livy-url https://h/livy -u ann'.split(' '),
    )
    expect([exitCode, stdout]).toEqual([0, expect.not.stringContaining('assword')])
    expect(project.has('aml_config/hdi.compute')).toBe(true)
  })

  it('on a terminal: two different ones, or an empty one, write nothing', async () => {
    using project = temporaryProject()
    const different = await project.inTerminalTyping(
      [
        { after: 'Password for vm:', typed: 'one\r' },
        { after: 'for confirmation:', typed: 'two\r' },
      ],
      ...words,
    )
    expect(different).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('The two passwords differ') })
    const empty = await project.inTerminalTyping([{ after: 'Password for vm:', typed: '\r' }], ...words)
    expect(empty).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('The password is empty') })
    expect(project.has('aml_config/vm.compute')).toBe(false)
  })

  it('no password and no terminal: said how one is kept', async () => {
    using project = temporaryProject()
    const { exitCode, stderr } = await project.errand(...words)
    expect(exitCode).toBe(0)
    expect(stderr).toContain('errand secret set password --target vm')
  })

  it('by two ways at once is a mistake', async () => {
    using project = temporaryProject()
    const { exitCode, stderr } = await project.errandWith({ input: 'x' }, ...words, '-w', 'x', '--password-stdin')
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^ERROR: The password is given by/)])
  })
})

describe('what can not be attached', () => {
  const mistakes: readonly (readonly [words: string, says: RegExp])[] = [
    ['remote -n vm -a ssh://gpu -u ann', /^ERROR: The address "ssh:\/\/gpu" can't be used: a host name is wanted, not a URL/],
    ['remote -n vm -a gpu:port -u ann', /^ERROR: The address "gpu:port" can't be used: the port must be a number/],
    ['remote -n vm -a [gpu]:22 -u ann', /^ERROR: The address "\[gpu\]:22" can't be used: between \[ and \] there must be an IPv6/],
    ['remote -n vm -a gpu:22 --ssh-port 23 -u ann', /^ERROR: Two ports are named: 22 .* 23/],
    ['remote -n vm', /^ERROR: The options --address and --username are missing: type remote needs them/],
    ['remotedocker -n vm -a gpu', /^ERROR: The option --username is missing: type remotedocker needs it/],
    ['remote -a gpu -u ann', /^ERROR: The option --name is missing/],
    ['moon -n vm -a gpu -u ann', /^ERROR: There is no target type "moon"/],
    ['-n vm -a gpu -u ann moon', /^ERROR: There is no target type "moon"/],
    ['remot -n vm -a gpu -u ann', /^ERROR: There is no target type "remot".\nDid you mean remote/],
    ['aks -n vm -a gpu -u ann', /^ERROR: aks is a cloud service/],
    ['remote -t cluster -n vm -a gpu -u ann', /^ERROR: Two types are named: remote and cluster/],
    ['remote -n ../vm -a gpu -u ann', /^ERROR: "\.\.\/vm" is no name for a target/],
    ['remote -n vm.compute -a gpu -u ann', /^ERROR: The name vm.compute must not end in .compute/],
    ['remote -n local -a gpu -u ann', /^ERROR: local is the name of/],
    ['remote -n vm -a gpu -u ann --python-locatoin x', /^ERROR: There is no option --python-locatoin/],
  ]
  for (const [words, says] of mistakes) {
    it(`attach ${words}`, async () => {
      using project = temporaryProject()
      const { exitCode, stdout, stderr } = await attach(project, words)
      expect(stderr).toMatch(says)
      expect([exitCode, stdout]).toEqual([1, ''])
      expect(project.has('aml_config/vm.compute')).toBe(false)
    })
  }

  it('an address with blanks', async () => {
    using project = temporaryProject()
    const { exitCode, stderr } = await project.errand('computetarget', 'attach', 'remote', '-n', 'vm', '-a', 'my gpu', '-u', 'ann')
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^ERROR: The address "my gpu" can't be used: a host name has no blanks/)])
  })

  it('the address of a cluster without -ssh is a warning', async () => {
    using project = temporaryProject()
    const { exitCode, stderr } = await attach(project, 'cluster -n vm -a foo.azurehdinsight.net -u ann')
    expect(exitCode).toBe(0)
    expect(stderr).toContain('WARNING: the address of an HDInsight cluster for SSH has -ssh in its name')
  })
})

describe('what is there already', () => {
  it('is not overwritten, neither file nor password, unless that is asked for', async () => {
    using project = temporaryProject()
    await attach(project, 'remote -n vm -a one -u ann -w first')
    const again = await attach(project, 'remote -n vm -a two -u ann -w second')
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringMatching(/^ERROR: aml_config\/vm\.compute exists already/)])
    expect(project.read('aml_config/vm.compute')).toContain('address: one')
    expect(readFileSync(join(project.parent, 'config/secrets.json'), 'utf8')).not.toContain('second')
    const replaced = await attach(project, 'remote -n vm -a two -u ann --no-password --overwrite')
    expect(replaced).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('replaced aml_config/vm.compute') })
    expect(project.read('aml_config/vm.compute')).toContain('address: two')
  })

  it('the same once more changes nothing', async () => {
    using project = temporaryProject()
    await attach(project, 'remote -n vm -a one -u ann')
    project.write('aml_config/vm.runconfig', `${runConfiguration('vm')}# mine\n`)
    const again = await attach(project, 'remote -n vm -a one -u ann')
    expect(again).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('unchanged aml_config/vm.compute\nkept aml_config/vm.runconfig\n'),
    })
    expect(project.read('aml_config/vm.runconfig')).toContain('# mine')
  })
})

it('takes every setting of the type as an option, in both spellings', async () => {
  using project = temporaryProject()
  const words = 'remote -n vm -a gpu -u ann --python-location /opt/env/bin/python --nativeSharedDirectory ~/share --framework python'
  expect(await attach(project, words)).toMatchObject({ exitCode: 0 })
  expect(project.read('aml_config/vm.compute')).toBe(
    'address: gpu\nnativeSharedDirectory: ~/share\npythonLocation: /opt/env/bin/python\ntype: remote\nuserManagedEnvironment: true\nusername: ann\n',
  )
  expect(project.read('aml_config/vm.runconfig')).toContain('Framework: Python\n')
})
