import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Sshd, makeTestKey, sshdProblem, startFaultyProxy, startSshd } from '@errand/testkit/servers'
import { ErrandError } from '@errand/core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type SshOptions, bringProjectKey, installPublicKey, openSshHost } from '../src/index.ts'
import { answerAfterCut, neverAborted, openTestHost, refusalOf, temporaryFolder, testOptions, testUser } from './open-test-host.ts'

const problem = sshdProblem()
const signal = neverAborted()

const secrets =
  (values: Readonly<Record<string, string>>): SshOptions['secret'] =>
  async (name) =>
    values[name]

describe.skipIf(problem)(`logging in on a real sshd${problem ? ` (${problem})` : ''}`, () => {
  let server: Sshd
  beforeAll(async () => {
    server = await startSshd()
  })
  afterAll(() => server?.stop())

  const withoutKey = () => ({ address: `127.0.0.1:${server.port}`, username: server.user })
  async function works(changes: Partial<SshOptions>): Promise<boolean> {
    await using host = await openTestHost(server, changes)
    return (await host.run(['id', '-un'], { signal })).stdout.toString().trim() === server.user
  }

  it('takes the key of the target', async () => {
    expect(await works({})).toBe(true)
  })

  it('takes the stored password', async () => {
    const { ask, questions } = testUser()
    expect(await works({ destination: withoutKey(), secret: secrets({ password: server.password }), ask })).toBe(true)
    expect(questions).toEqual([])
  })

  it('asks for the password when none is stored', async () => {
    const { ask, questions } = testUser(server.password)
    expect(await works({ destination: withoutKey(), ask })).toBe(true)
    expect(questions).toEqual([`hidden: Password of ${server.user}@127.0.0.1: `])
  })

  it('asks at most twice after a wrong password', async () => {
    const { ask, questions } = testUser('wrong', 'wrong', 'wrong', 'wrong')
    const refusal = await refusalOf(openTestHost(server, { destination: withoutKey(), secret: secrets({ password: 'wrong' }), ask }))
    expect(refusal).toMatchObject({ code: 'LOGIN_FAILED', message: expect.stringContaining('a password') as string })
    expect(questions.length).toBe(2)
    expect(refusal.hint).toMatch(/user name .* the password .*errand secret set password --target/)
    expect(`${refusal.message}${refusal.hint}`).not.toContain('wrong')
  })

  it('asks nothing more when a question is broken off, and says so', async () => {
    const asked: string[] = []
    const breakOff = async (what: string): Promise<never> => {
      asked.push(what)
      throw new ErrandError('INTERRUPTED', 'Nothing was entered.')
    }
    const encrypted = { ...withoutKey(), keyFiles: [server.encryptedKey.file] }
    for (const [question, changes] of [
      ['password', { destination: withoutKey(), secret: breakOff }],
      ['hidden', { destination: withoutKey(), ask: ({ kind }) => breakOff(kind) }],
      ['passphrase', { destination: encrypted, secret: breakOff }],
      ['hidden', { destination: encrypted, ask: ({ kind }) => breakOff(kind) }],
    ] satisfies readonly (readonly [string, Partial<SshOptions>])[]) {
      expect(await refusalOf(openTestHost(server, changes))).toMatchObject({ code: 'INTERRUPTED' })
      expect(asked.splice(0)).toEqual([question])
    }
  })

  it('waits for whoever types a password as long as it takes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const slowly = async (): Promise<string> => {
      vi.advanceTimersByTime(100_000)
      return server.password
    }
    await using stored = await openTestHost(server, { destination: withoutKey(), secret: slowly })
    await using typed = await openTestHost(server, { destination: withoutKey(), ask: slowly })
    expect([stored.name, typed.name]).toEqual([`${server.user}@127.0.0.1:${server.port}`, `${server.user}@127.0.0.1:${server.port}`])
  })

  it('says that the server hung up while somebody was asked', async () => {
    await using hasty = await startFaultyProxy(server.port)
    const ask = async () => {
      hasty.cut()
      return new Promise<never>(() => {})
    }
    const destination = { address: `127.0.0.1:${hasty.port}`, username: server.user }
    expect(await refusalOf(openTestHost(server, { destination, ask }))).toMatchObject({
      code: 'CONNECTION_CLOSED',
      message: `127.0.0.1:${hasty.port} closed the connection while it waited for your answer.`,
    })
  })

  it('asks for a passphrase at most three times, each answer for the key', async () => {
    const { ask, questions } = testUser('wrong too', 'open sesame', 'never typed')
    const destination = { ...withoutKey(), keyFiles: [server.encryptedKey.file] }
    let given = 0
    const secret = async (name: string) => (name === 'passphrase' && given++ === 0 ? 'wrong' : undefined)
    expect(await works({ destination, ask, secret })).toBe(true)
    expect([given, questions.length]).toEqual([1, 2])
  })

  it('says without a terminal what was tried and what the server allows', async () => {
    const { code, message, hint } = await refusalOf(openTestHost(server, { destination: withoutKey() }))
    expect(code).toBe('LOGIN_FAILED')
    expect(message).toContain('publickey, password')
    expect(hint).toContain('privateKey')
  })

  it('lets nobody in by a wrong user name', async () => {
    const destination = { address: `127.0.0.1:${server.port}`, username: 'no-such-user', keyFiles: [server.key.file] }
    expect(await refusalOf(openTestHost(server, { destination }))).toMatchObject({ code: 'LOGIN_FAILED' })
  })

  it('asks for the passphrase of an encrypted key once, also for the next connection', async () => {
    const { ask, questions } = testUser('wrong one', 'open sesame')
    const destination = { ...withoutKey(), keyFiles: [server.encryptedKey.file] }
    await using host = await openTestHost(server, { destination, ask })
    expect(questions.length).toBe(2)
    server.cut()
    expect(await answerAfterCut(host)).toBe(0)
    expect(questions.length).toBe(2)
  })

  it('decrypts a key once, also for the next connection', async () => {
    const file = join(temporaryFolder(), 'key')
    copyFileSync(server.encryptedKey.file, file)
    chmodSync(file, 0o600)
    await using host = await openTestHost(server, {
      destination: { ...withoutKey(), keyFiles: [file] },
      secret: secrets({ passphrase: 'open sesame' }),
    })
    // The same key, which the passphrase would not open any more.
    execFileSync('ssh-keygen', ['-q', '-p', '-P', 'open sesame', '-N', 'another one', '-f', file], { stdio: 'pipe' })
    server.cut()
    expect(await answerAfterCut(host)).toBe(0)
  })

  it('takes the passphrase from the secret store', async () => {
    const destination = { ...withoutKey(), keyFiles: [server.encryptedKey.file] }
    expect(await works({ destination, secret: secrets({ passphrase: 'open sesame' }) })).toBe(true)
  })

  it('does not ask for the passphrase of a key that the server does not want', async () => {
    const other = makeTestKey(temporaryFolder(), 'other', { passphrase: 'secret' })
    const { ask, questions } = testUser()
    const destination = { ...withoutKey(), keyFiles: [other.file] }
    expect(await works({ destination, ask, secret: secrets({ password: server.password }) })).toBe(true)
    expect(questions).toEqual([])
  })

  it('says that a key is encrypted when nobody can be asked', async () => {
    const destination = { ...withoutKey(), keyFiles: [server.encryptedKey.file] }
    const refusal = await refusalOf(openTestHost(server, { destination }))
    expect(refusal).toMatchObject({ code: 'KEY_ENCRYPTED', hint: `Load it into your agent: ssh-add '${server.encryptedKey.file}'` })
  })

  it('refuses a key that others can read, and one that is not there', async () => {
    const open = join(temporaryFolder(), 'open')
    copyFileSync(server.key.file, open)
    chmodSync(open, 0o644)
    const refused = await refusalOf(openTestHost(server, { destination: { ...withoutKey(), keyFiles: [open] } }))
    expect(refused).toMatchObject({ code: 'KEY_PERMISSIONS', hint: `chmod 600 '${open}'` })
    const missing = await refusalOf(openTestHost(server, { destination: { ...withoutKey(), keyFiles: ['/no/such/key'] } }))
    expect(missing).toMatchObject({ code: 'KEY_NOT_FOUND', message: expect.stringContaining('/no/such/key') as string })
  })

  it('takes rsa and ecdsa keys, and the usual key of the home', async () => {
    for (const type of ['rsa', 'ecdsa']) {
      const home = temporaryFolder()
      mkdirSync(join(home, '.ssh'))
      const key = makeTestKey(join(home, '.ssh'), `id_${type}`, { type })
      await using installing = await openTestHost(server)
      await using own = await startSshd({ lines: [`AuthorizedKeysFile ${server.home}/.ssh/authorized_keys`] })
      expect(await installPublicKey(installing, key.publicLine, signal)).toBe('added')
      expect(await installPublicKey(installing, key.publicLine, signal)).toBe('present')
      const options = testOptions(own, own.port, { destination: { address: `127.0.0.1:${own.port}`, username: own.user } })
      await using host = await openSshHost({ ...options, environment: { HOME: home } })
      expect(await host.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
      await installing.run(['rm', '-r', `${server.home}/.ssh`], { signal })
    }
  })

  it('signs with the agent of the user, and only with configured keys under IdentitiesOnly', async () => {
    const home = temporaryFolder()
    const socket = join(home, 'agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      await once(agent.stdout, 'data')
      const [code] = (await once(
        spawn('ssh-add', ['-q', server.key.file], { env: { ...process.env, SSH_AUTH_SOCK: socket } }),
        'exit',
      )) as [number]
      expect(code).toBe(0)
      const environment = { HOME: home, SSH_AUTH_SOCK: socket }
      expect(await works({ destination: withoutKey(), environment })).toBe(true)
      const configFile = join(home, 'config')
      writeFileSync(configFile, 'IdentitiesOnly yes\nIdentityFile ~/none\n')
      expect(await refusalOf(openTestHost(server, { destination: withoutKey(), environment, configFile }))).toMatchObject({
        code: 'LOGIN_FAILED',
      })
      writeFileSync(configFile, `IdentityAgent ${socket}\n`)
      expect(await works({ destination: withoutKey(), environment: { HOME: home }, configFile })).toBe(true)
      // A public half says which key of the agent is meant, as with keys that never leave a token.
      for (const half of [`${server.key.file}.pub`, join(home, 'only-public')]) {
        if (!existsSync(half)) copyFileSync(`${server.key.file}.pub`, `${half}.pub`)
        writeFileSync(configFile, `IdentitiesOnly yes\nIdentityFile ${half}\n`)
        expect(await works({ destination: withoutKey(), environment, configFile })).toBe(true)
        expect(await works({ destination: { ...withoutKey(), keyFiles: [half] }, environment })).toBe(true)
        expect(await refusalOf(openTestHost(server, { destination: { ...withoutKey(), keyFiles: [half] } }))).toMatchObject({
          code: 'KEY_NOT_FOUND',
          message: expect.stringContaining(half) as string,
        })
      }
    } finally {
      agent.kill()
    }
  })

  it('offers of an agent with many keys first those of the configuration, since a server looks at few', async () => {
    await using strict = await startSshd({ lines: ['MaxAuthTries 3'] })
    const home = temporaryFolder()
    const socket = join(home, 'agent.sock')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      await once(agent.stdout, 'data')
      const files = [...Array.from({ length: 9 }, (_, index) => makeTestKey(home, `key${index}`).file), strict.key.file]
      execFileSync('ssh-add', ['-q', ...files], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'pipe' })
      const environment = { HOME: home, SSH_AUTH_SOCK: socket }
      const destination = { address: `127.0.0.1:${strict.port}`, username: strict.user }
      expect(await refusalOf(openTestHost(strict, { destination, environment }))).toMatchObject({
        code: 'LOGIN_FAILED',
        hint: expect.stringContaining('IdentitiesOnly') as string,
      })
      const configFile = join(home, 'config')
      writeFileSync(configFile, `IdentityFile ${strict.key.file}\n`)
      for (const changes of [{ destination, configFile }, { destination: { ...destination, keyFiles: [strict.key.file] } }]) {
        await using host = await openTestHost(strict, { ...changes, environment })
        expect(await host.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
      }
    } finally {
      agent.kill()
    }
  })

  it('goes on without an agent that is not there', async () => {
    const environment = { HOME: temporaryFolder(), SSH_AUTH_SOCK: '/no/such/socket' }
    expect(await works({ environment })).toBe(true)
  })

  it('answers a server that asks on the keyboard', async () => {
    await using asking = await startSshd({ lines: ['UsePAM yes', 'PasswordAuthentication no', 'KbdInteractiveAuthentication yes'] })
    const destination = { address: `127.0.0.1:${asking.port}`, username: asking.user }
    const options = testOptions(asking, asking.port, { destination, secret: secrets({ password: asking.password }) })
    await using stored = await openSshHost(options)
    expect(await stored.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
    const { ask, questions } = testUser('wrong', asking.password)
    await using typed = await openSshHost({ ...options, secret: secrets({}), ask })
    expect(await typed.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
    expect(questions.length).toBe(2)
  })

  it('needs both a key and a password where the server wants both', async () => {
    await using strict = await startSshd({ lines: ['AuthenticationMethods publickey,password'] })
    const options = testOptions(strict, strict.port, { secret: secrets({ password: strict.password }) })
    await using host = await openSshHost(options)
    expect(await host.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
    expect(await refusalOf(openSshHost({ ...options, secret: secrets({}) }))).toMatchObject({ code: 'LOGIN_FAILED' })
  })

  it('says that too many keys were offered', async () => {
    const folder = temporaryFolder()
    const keyFiles = Array.from({ length: 7 }, (_, index) => makeTestKey(folder, `key${index}`).file)
    const refusal = await refusalOf(openTestHost(server, { destination: { ...withoutKey(), keyFiles } }))
    expect(refusal).toMatchObject({ code: 'LOGIN_FAILED', hint: expect.stringContaining('IdentitiesOnly') as string })
  })

  it.each(['behind: ProxyJump gate,inner', 'behind: ProxyJump inner; inner: ProxyJump gate'])(
    'passes two jump hosts, each of whose keys is verified too (%s)',
    async (jumps) => {
      await using gate = await startSshd()
      await using inner = await startSshd()
      const block = (name: string, { port, user, key }: Sshd) =>
        `Host ${name}\n HostName 127.0.0.1\n Port ${port}\n User ${user}\n IdentityFile "${key.file}"\n`
      const lines = jumps.split('; ').map((jump) => `Host ${jump.replace(': ', '\n ')}\n`)
      const configFile = join(temporaryFolder(), 'config')
      writeFileSync(configFile, [...lines, block('behind', server), block('inner', inner), block('gate', gate)].join(''))
      const options = { ...testOptions(server, server.port, { configFile }), destination: { address: 'behind' } }
      const accepted: string[] = []
      for (const hop of [gate, inner, server]) {
        expect(await refusalOf(openSshHost({ ...options, acceptHostKey: accepted.join(' ') }))).toMatchObject({
          code: 'HOST_KEY_UNKNOWN',
          message: expect.stringContaining(`[127.0.0.1]:${hop.port}`) as string,
        })
        accepted.push(hop.hostKeys[0]?.fingerprint ?? '')
      }
      await using host = await openSshHost({ ...options, acceptHostKey: accepted.join(' ') })
      expect((await host.run(['sh', '-c', 'echo ${SSH_CONNECTION##* }'], { signal })).stdout.toString().trim()).toBe(String(server.port))
      gate.cut()
      expect(await answerAfterCut(host)).toBe(0)
    },
  )

  it('says that a jump host forwards nothing', async () => {
    await using jump = await startSshd({ lines: ['AllowTcpForwarding no'] })
    const configFile = join(temporaryFolder(), 'config')
    writeFileSync(
      configFile,
      `Host 127.0.0.1\n ProxyJump ${jump.user}@jump\nHost jump\n HostName 127.0.0.1\n Port ${jump.port}\n IdentityFile ${jump.key.file}\n`,
    )
    const acceptHostKey = jump.hostKeys[0]?.fingerprint ?? ''
    expect(await refusalOf(openTestHost(server, { configFile, acceptHostKey }))).toMatchObject({ code: 'FORWARDING_FORBIDDEN' })
  })

  it('makes the key of a project once, and logs in with it when it is installed', async () => {
    const environment = { ERRAND_CONFIG: join(temporaryFolder(), 'config') }
    const project = { id: 'project-1', name: 'my project' }
    const key = bringProjectKey(project, environment)
    expect(key.publicLine).toMatch(/^ssh-ed25519 AAAA\S+ errand-my-project$/)
    expect(bringProjectKey(project, environment)).toEqual({ ...key, created: false })
    await using installing = await openTestHost(server)
    await using own = await startSshd({ lines: [`AuthorizedKeysFile ${server.home}/.ssh/authorized_keys`, 'StrictModes yes'] })
    await installing.run(['rm', '-rf', `${server.home}/.ssh`], { signal })
    await installing.writeFile(`${server.home}/.ssh/authorized_keys`, `# ${key.publicLine}`, { mode: 0o664 })
    expect(await installPublicKey(installing, key.publicLine, signal)).toBe('added')
    expect(await installPublicKey(installing, `${key.publicLine} other comment`, signal)).toBe('present')
    const destination = { address: `127.0.0.1:${own.port}`, username: own.user, keyFiles: [key.file] }
    await using host = await openSshHost(testOptions(own, own.port, { destination }))
    expect(await host.run(['true'], { signal })).toMatchObject({ exitCode: 0 })
    await installing.run(['rm', '-r', `${server.home}/.ssh`], { signal })
  })
})
