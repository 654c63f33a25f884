import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sshdProblem, startFaultyProxy, startSshd } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runIdOf } from './project.ts'
import { type RemotePlace, errand, exampleProject, holding, startPlace } from './remote-place.ts'

const problem = sshdProblem()

describe.skipIf(problem)(`a machine behind a real sshd${problem === undefined ? '' : ` (${problem})`}`, () => {
  let place: RemotePlace
  beforeAll(async () => {
    place = await startPlace()
  })
  afterAll(() => place[Symbol.asyncDispose]())

  it('runs an example by password: attach, accept the host key as the error says, prepare, submit', async () => {
    using project = exampleProject('iris')
    const { password } = place.server
    expect(await errand(project, `${place.attach} --password-stdin`, password)).toMatchObject({ exitCode: 0 })
    const unknown = await errand(project, 'experiment prepare -c vm')
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      1,
      expect.stringMatching(/^ERROR: .* is not known yet; it shows the key ssh-ed25519 SHA256:/),
    ])
    const command = /errand (computetarget attach remote --name vm --accept-host-key SHA256:\S+)/.exec(unknown.stderr)?.[1] ?? ''
    const accepted = await errand(project, command)
    expect([accepted.exitCode, accepted.stdout]).toEqual([0, expect.stringMatching(/ok +host key: SHA256:.* is known\nok +login: /)])
    const prepared = await errand(project, 'experiment prepare -c vm')
    expect([prepared.exitCode, prepared.stdout]).toEqual([0, expect.stringMatching(/vm is prepared: python 3/)])
    const run = await errand(project, 'experiment submit -c vm train.py')
    expect(run).toMatchObject({ exitCode: 0, stderr: '' })
    const listed = await errand(project, `history info -r ${runIdOf(run)} -o json`)
    expect(JSON.parse(listed.stdout)).toMatchObject({
      status: 'Completed',
      target: 'vm',
      attachments: expect.stringContaining('outputs/model.json'),
    })
    expect(holding(password, [project.directory, place.folder])).toEqual([])
  })

  it('lets the machine know the key of the project with -k, once, and runs by that key alone', async () => {
    using project = exampleProject('iris')
    const line = `${place.attach} -k ${place.accept}`
    const attached = await errand(project, `${line} --password-stdin`, place.server.password)
    expect([attached.exitCode, attached.stdout]).toEqual([
      0,
      expect.stringMatching(/ok +public key: ssh-ed25519 \S+ errand-iris\n[^]*ok +key login: added to/),
    ])
    expect(project.read('aml_config/vm.compute')).toContain('privateKey: project\n')
    expect(await errand(project, 'secret delete password -t vm')).toMatchObject({ exitCode: 0 })
    const again = await errand(project, line)
    expect([again.exitCode, again.stdout]).toEqual([
      0,
      expect.stringMatching(/unchanged aml_config\/vm.compute[^]*ok +key login: in .* already/),
    ])
    const known = readFileSync(join(place.folder, '.ssh/authorized_keys'), 'utf8')
    expect(known.split('\n').filter((text) => text.includes('errand-iris'))).toHaveLength(1)
    const run = await errand(project, 'experiment submit -c vm train.py')
    expect(run).toMatchObject({ exitCode: 0 })
    const exported = await errand(project, 'computetarget key export')
    expect(holding(exported.stdout.split('\n')[2] ?? '', [project.directory, place.folder])).toEqual([])
  })

  it('still writes the files with -k when nobody can log in, and says how the key is let in by hand', async () => {
    using project = exampleProject('iris')
    const { exitCode, stdout } = await errand(project, `${place.attach} -k ${place.accept} --no-password`)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(
      /ok +public key: ssh-ed25519 (\S+) [^]*warning login: .*\n[^]*there: mkdir -p ~\/\.ssh && echo 'ssh-ed25519 \1 errand-iris' >> ~\/\.ssh\/authorized_keys/,
    )
    expect(project.has('aml_config/vm.compute') && project.has('aml_config/vm.runconfig')).toBe(true)
  })

  it('uses an existing key once to let the key of the project in', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    project.write(
      'put-key.py',
      `import os\nos.makedirs(os.path.expanduser('~/.ssh'), exist_ok=True)\nopen(os.path.expanduser('~/.ssh/authorized_keys'), 'a').write('${place.server.encryptedKey.publicLine}\\n')\n`,
    )
    expect(await errand(project, 'submit -c vm put-key.py')).toMatchObject({ exitCode: 0 })
    await errand(project, 'computetarget detach -n vm')
    const line = `${place.attach} --private-key-file ${place.server.encryptedKey.file} --no-password`
    const words = [...line.split(' '), '--private-key-passphrase', place.server.encryptedKey.passphrase ?? '']
    const attached = await project.errandWith({ environment: { HOME: project.parent, SSH_AUTH_SOCK: undefined } }, ...words)
    expect([attached.exitCode, attached.stdout]).toEqual([0, expect.stringMatching(/ok +key login: added to/)])
    expect(await errand(project, 'experiment prepare -c vm')).toMatchObject({ exitCode: 0 })
  })

  it('checks every hop, one line each, and stops at the first that is not passed', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    const good = await errand(project, 'computetarget check vm')
    expect(good.exitCode).toBe(0)
    const names = good.stdout.split('\n').flatMap((text) => /^(?:ok|warning) +([a-z -]+):/.exec(text)?.[1] ?? [])
    expect(names).toEqual([
      'configuration',
      'address',
      'port',
      'host key',
      'login',
      'machine',
      'writable',
      'disk space',
      'python',
      'folder',
      'spark-submit',
    ])
    const cases: readonly (readonly [change: readonly [RegExp, string], last: RegExp])[] = [
      [
        [/^address: .*$/m, 'address: no-such-machine.invalid'],
        /^failed +address: There is no machine of the name|^failed +address: The name/m,
      ],
      [[/^address: .*$/m, 'address: 127.0.0.1:1'], /^ok +address: .*\nfailed +port: /m],
      // What was passed on the way to a machine behind others is not said of that machine.
      [[/^address: .*$/m, 'address: behind'], /^ok +address: behind is 127.0.0.1, through gate\nfailed +host key: \[127.0.0.1\]:/m],
      [[/^username: .*$/m, 'username: nobody-there'], /^ok +host key: .*\nfailed +login: /m],
      [
        [/^type: remote$/m, 'type: remote\nprivateKey: project'],
        /^failed +private key: .* key of this project, which is not on this machine/m,
      ],
    ]
    const file = project.read('aml_config/vm.compute')
    await using gate = await startSshd()
    mkdirSync(join(project.parent, '.ssh'))
    const hosts = `Host behind\n HostName 127.0.0.1\n ProxyJump gate\nHost gate\n HostName 127.0.0.1\n Port ${gate.port}\n`
    writeFileSync(join(project.parent, '.ssh/config'), hosts)
    for (const [[pattern, text], last] of cases) {
      project.write('aml_config/vm.compute', file.replace(pattern, text))
      const { exitCode, stdout } = await errand(project, 'computetarget check vm')
      expect([exitCode, stdout]).toEqual([1, expect.stringMatching(last)])
      expect(stdout.split('\n').filter((line) => line.startsWith('failed'))).toHaveLength(1)
    }
  })

  it('takes Ctrl-C at the password for an end, not for a password', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --no-password ${place.accept}`)
    const words = ['submit -c vm train.py', 'computetarget check vm', `${place.attach} -k --overwrite --no-password`]
    for (const line of words) {
      const shown = await project.inTerminalTyping([{ after: 'Password for vm:', typed: 'half a pass\u0003' }], ...line.split(' '))
      expect(shown).toEqual({ exitCode: 130, stdout: expect.stringMatching(/ERROR:.* Nothing was entered\.\n$/), stderr: '' })
    }
  })

  it('never accepts a host key that has changed, whatever is asked for', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    const known = '.errand/shared/known_hosts'
    const other = Buffer.from(project.read(known).trim().split(' ')[2] ?? '', 'base64')
    other.writeUInt8(other.readUInt8(40) ^ 1, 40)
    project.write(known, project.read(known).replace(/(ssh-ed25519 )\S+/, `$1${other.toString('base64')}`))
    const before = project.read(known)
    for (const line of [
      'experiment prepare -c vm',
      `computetarget attach remote -n vm ${place.accept}`,
      `${place.attach} --overwrite --no-password ${place.accept}`,
    ]) {
      const { exitCode, stdout, stderr } = await errand(project, line)
      expect(exitCode).toBe(1)
      expect(`${stdout}${stderr}`).toMatch(
        /shows another key than it did: now ssh-ed25519 SHA256:\S+; known since .*known_hosts:1 is ssh-ed25519 SHA256:/,
      )
    }
    const check = await errand(project, 'computetarget check vm')
    expect([check.exitCode, check.stdout]).toEqual([1, expect.stringMatching(/ok +port: .*\nfailed +host key: .* shows another key/)])
    expect(project.read(known)).toBe(before)
  })

  it('asks nothing about the machine of a second target when the first has accepted it', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    const again = await errand(project, `${place.attach.replace('-n vm', '-n again')} --password-stdin`, place.server.password)
    expect(again.exitCode).toBe(0)
    expect((await errand(project, 'computetarget check again')).stdout).toMatch(/^ok +host key: /m)
  })

  it('keeps a stream of 100,000 lines whole while the link is cut and clients are killed', async () => {
    using project = exampleProject('iris')
    await using proxy = await startFaultyProxy(place.server.port)
    const attach = place.attach.replace(`:${place.server.port}`, `:${proxy.port}`)
    await errand(project, `${attach} --password-stdin ${place.accept}`, place.server.password)
    project.write('count.py', "import time\nfor i in range(100000):\n    print('line', i)\n    if i % 5000 == 0: time.sleep(0.1)\n")
    const id = runIdOf(await errand(project, 'submit -a -c vm count.py'))
    const environment = { HOME: project.parent, SSH_AUTH_SOCK: undefined }
    for (const part of [20_000, 50_000]) {
      const client = project.startWith({ environment }, 'logs', '-f', '-r', id)
      await client.says(`line ${part}\n`)
      proxy.cut()
      client.kill()
      await client.finished
    }
    const last = project.startWith({ environment }, 'logs', '-f', '-r', id)
    await last.says('line 70000\n')
    proxy.cut()
    const truth = Array.from({ length: 100_000 }, (_, index) => `line ${index}\n`).join('')
    const { exitCode, stdout } = await last.finished
    expect([exitCode, stdout === truth]).toEqual([0, true])
    expect((await errand(project, `history info -r ${id} --artifact driver_log`)).stdout === truth).toBe(true)
  })

  it('comes back to the same stream after a sleep in which the server gave the client up', async () => {
    await using strict = await startPlace(['ClientAliveInterval 5', 'ClientAliveCountMax 1'])
    using project = exampleProject('iris')
    await errand(project, `${strict.attach} --password-stdin ${strict.accept}`, strict.server.password)
    project.write('count.py', "import time\nfor i in range(100):\n    print('line', i, flush=True)\n    time.sleep(0.1)\n")
    const client = project.startWith({ environment: { HOME: project.parent, SSH_AUTH_SOCK: undefined } }, 'submit', '-c', 'vm', 'count.py')
    await client.says('line 10\n')
    client.sleep()
    await expect.poll(() => strict.server.log(), { timeout: 60_000, interval: 200 }).toMatch(/Timeout, client not responding/)
    client.wake()
    const { exitCode, stdout } = await client.finished
    const shown = stdout.slice(stdout.indexOf('line 0\n'), stdout.indexOf('line 99\n') + 8)
    expect([exitCode, shown]).toEqual([0, Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join('')])
  })

  it('shows a run to two clients at once, the whole of it to both', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    project.write(
      'count.py',
      "import time\nfor i in range(3000):\n    print('line', i, flush=i % 100 == 0)\n    if i % 300 == 0: time.sleep(0.2)\n",
    )
    const submitted = await errand(project, 'submit -a -c vm count.py')
    const id = runIdOf(submitted)
    const [first, second] = await Promise.all([errand(project, `logs -f -r ${id}`), errand(project, `logs -f -r ${id}`)])
    const truth = Array.from({ length: 3000 }, (_, index) => `line ${index}\n`).join('')
    expect([first?.stdout === truth, second?.stdout === truth]).toEqual([true, true])
  })

  it('prepares by naming the packages of the conda file that the interpreter lacks', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    project.write(
      'aml_config/conda_dependencies.yml',
      'dependencies:\n- python=3.5.2\n- No_Such-thing=1.0\n- pip:\n  - --extra-index-url https://user:c4nary@example.com/simple\n  - missing-too==2\n',
    )
    const { exitCode, stderr } = await errand(project, 'experiment prepare -c vm')
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(
      /WARNING: .*python3.* lacks packages that aml_config\/conda_dependencies\.yml lists: missing-too, no_such-thing\./,
    )
    expect(stderr).not.toContain('c4nary')
  })

  it('says that an environment of its own is not made yet there, and what would change it', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    project.write(
      'aml_config/vm.compute',
      project.read('aml_config/vm.compute').replace('userManagedEnvironment: true', 'userManagedEnvironment: false'),
    )
    const checked = await errand(project, 'experiment prepare -c vm --check')
    expect([checked.exitCode, checked.stdout]).toEqual([1, expect.stringMatching(/^vm is not prepared/)])
    const refused = await errand(project, 'experiment submit -c vm train.py')
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/^ERROR: The environment of .* is not ready on [^]*prepare -c vm/),
    ])
  })

  it('cleans, and brings diagnostics and files of a run from there', async () => {
    using project = exampleProject('iris')
    await errand(project, `${place.attach} --password-stdin ${place.accept}`, place.server.password)
    expect(await errand(project, 'submit -c vm train.py')).toMatchObject({ exitCode: 0 })
    expect(await errand(project, 'experiment return -r last -t vm')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Returning outputs/'),
    })
    expect(await errand(project, 'experiment diagnostics -r last -t vm')).toMatchObject({ exitCode: 0 })
    expect(await errand(project, 'experiment clean --all -t vm')).toMatchObject({ exitCode: 0 })
    expect(existsSync(join(place.folder, 'errand/trees')) ? readdirSync(join(place.folder, 'errand/trees')) : []).toEqual([])
  })
})
