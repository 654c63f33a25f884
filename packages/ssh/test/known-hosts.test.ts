import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Sshd, type TestKey, makeTestKey, sshdProblem, startSshd } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SshOptions, fingerprint, judgeHostKey, linesFor, openSshHost, parseKnownHosts } from '../src/index.ts'
import { refusalOf, temporaryFolder, testOptions, testUser } from './open-test-host.ts'

const blobOf = ({ publicLine }: TestKey): Buffer => Buffer.from(publicLine.split(' ')[1] ?? '', 'base64')
const bare = ({ publicLine }: TestKey): string => publicLine.split(' ').slice(0, 2).join(' ')

describe('known_hosts', () => {
  const folder = temporaryFolder()
  const [key, other, authority] = ['key', 'other', 'authority'].map((name) => makeTestKey(folder, name)) as [TestKey, TestKey, TestKey]
  const rsa = makeTestKey(folder, 'rsa', { type: 'rsa' })

  const hashed = (name: string, line: TestKey): string => {
    const file = join(folder, `hashed-${Math.random()}`)
    writeFileSync(file, `${name} ${bare(line)}\n`)
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' })
    return readFileSync(file, 'utf8')
  }

  it('writes fingerprints as ssh-keygen does', () => {
    expect(fingerprint(blobOf(key))).toBe(key.fingerprint)
  })

  it('judges every kind of line', () => {
    const cases: readonly (readonly [description: string, lines: readonly string[], host: string, signedBy?: TestKey])[] = [
      ['an empty file', [], 'node1'],
      ['a comment and an empty line', ['# node1', ''], 'node1'],
      ['the same key', [`node1 ${bare(key)}`], 'node1'],
      ['the same key with a comment behind it', [`node1 ${bare(key)} me@here`], 'node1'],
      ['the same key in capitals', [`NODE1 ${bare(key)}`], 'node1'],
      ['another key', [`node1 ${bare(other)}`], 'node1'],
      ['a key of another type', [`node1 ${bare(rsa)}`], 'node1'],
      ['another key, and the same one further down', [`node1 ${bare(other)}`, `node1 ${bare(key)}`], 'node1'],
      ['the same key for another machine', [`node2 ${bare(key)}`], 'node1'],
      ['a list of names', [`a,node1,b ${bare(key)}`], 'node1'],
      ['a hashed name', [hashed('node1', key)], 'node1'],
      ['another hashed name', [hashed('node2', key)], 'node1'],
      ['a hashed name with a port', [hashed('[node1]:2222', key)], '[node1]:2222'],
      ['a name with its port', [`[node1]:2222 ${bare(key)}`], '[node1]:2222'],
      ['a name with another port', [`[node1]:2223 ${bare(key)}`], '[node1]:2222'],
      ['a wildcard', [`node* ${bare(key)}`], 'node1'],
      ['a question mark', [`node? ${bare(key)}`], 'node1'],
      ['a question mark for two characters', [`node? ${bare(key)}`], 'node12'],
      ['a wildcard without this machine', [`node*,!node1 ${bare(key)}`], 'node1'],
      ['a wildcard without another machine', [`!node2,node* ${bare(key)}`], 'node1'],
      ['a dot that is no wildcard', [`node.1 ${bare(key)}`], 'nodex1'],
      ['a revoked key', [`@revoked * ${bare(key)}`], 'node1'],
      ['a revoked key that is also known', [`node1 ${bare(key)}`, `@revoked * ${bare(key)}`], 'node1'],
      ['another key that is revoked', [`@revoked * ${bare(other)}`], 'node1'],
      ['an authority that signed', [`@cert-authority *.org ${bare(authority)}`], 'node1.org', authority],
      ['an authority for other machines', [`@cert-authority *.com ${bare(authority)}`], 'node1.org', authority],
      ['an authority that did not sign', [`@cert-authority * ${bare(other)}`], 'node1', authority],
      ['an authority and no certificate', [`@cert-authority * ${bare(authority)}`], 'node1'],
      [
        'an authority that signed, and another known key',
        [`node1 ${bare(other)}`, `@cert-authority * ${bare(authority)}`],
        'node1',
        authority,
      ],
      ['a revoked authority', [`@cert-authority * ${bare(authority)}`, `@revoked * ${bare(authority)}`], 'node1', authority],
      ['the key of an authority as a plain key', [`@cert-authority * ${bare(key)}`], 'node1'],
      ['an unknown mark', [`@trusted * ${bare(key)}`], 'node1'],
      ['a line that is cut off', [`node1 ${bare(key).slice(0, 20)}`], 'node1'],
      ['a type that is not that of the key', [`node1 ssh-rsa ${bare(key).split(' ')[1]}`], 'node1'],
    ]
    const table = cases.map(([description, lines, host, signedBy]) => {
      const known = linesFor(parseKnownHosts(lines.join('\n'), 'known_hosts'), host)
      const outcome = judgeHostKey(known, blobOf(key), signedBy && blobOf(signedBy))
      const line = outcome.kind === 'new' ? '' : ` by line ${(outcome.kind === 'changed' ? outcome.was : outcome.by).line}`
      return `${description}: ${outcome.kind}${line}`
    })
    expect(table.join('\n')).toMatchSnapshot()
  })
})

const problem = sshdProblem()

describe.skipIf(problem)(`the host key of a real sshd${problem ? ` (${problem})` : ''}`, () => {
  let server: Sshd
  let authority: TestKey
  beforeAll(async () => {
    authority = makeTestKey(temporaryFolder(), 'authority')
    server = await startSshd({ hostKeys: ['ed25519', 'rsa'] })
  })
  afterAll(() => server?.stop())

  interface Outcome {
    readonly result: string
    readonly asked: number
    readonly kept: string
  }

  /** Connects with these known_hosts; `result` is `trusted` or the code of the refusal. */
  async function connect(
    lines: readonly string[],
    changes: Partial<SshOptions> = {},
    to: Sshd = server,
  ): Promise<Outcome & { message: string }> {
    const folder = temporaryFolder()
    const file = join(folder, 'known_hosts')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const user = testUser()
    const { acceptHostKey: _accepted, ...options } = testOptions(to, to.port, { ask: user.ask, knownHostsFiles: [file] })
    const stateDirectory = join(folder, 'state')
    const opening = openSshHost({ ...options, stateDirectory, ...changes })
    const [result, message] = await opening.then(
      async (host) => {
        await host[Symbol.asyncDispose]()
        return ['trusted', ''] as const
      },
      async () => {
        const refusal = await refusalOf(opening)
        return [refusal.code, `${refusal.message} ${refusal.hint}`] as const
      },
    )
    const project = join(changes.stateDirectory ?? stateDirectory, 'known_hosts')
    return { result, message, asked: user.questions.length, kept: readIfPresent(project) }
  }

  function readIfPresent(file: string): string {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return ''
    }
  }

  const hostKey = (type = 'ed25519'): TestKey => server.hostKeys.find(({ publicLine }) => publicLine.startsWith(`ssh-${type}`)) as TestKey
  const name = () => `[127.0.0.1]:${server.port}`

  it('trusts nothing that nobody accepted', async () => {
    const own = hostKey()
    const stranger = makeTestKey(temporaryFolder(), 'stranger')
    const cases: Readonly<Record<string, readonly string[]>> = {
      'no line': [],
      'the key, known': [`${name()} ${bare(own)}`],
      'the other key of the server, known: it is asked for': [`${name()} ${bare(hostKey('rsa'))}`],
      'the key, known without the port': [`127.0.0.1 ${bare(own)}`],
      'the key of another machine': [`[127.0.0.2]:${server.port} ${bare(own)}`],
      'another key': [`${name()} ${bare(stranger)}`],
      'another key without the port': [`127.0.0.1 ${bare(stranger)}`],
      'the key, revoked': [`@revoked * ${bare(own)}`],
      'the key, known and revoked': [`${name()} ${bare(own)}`, `@revoked ${name()} ${bare(own)}`],
      'an authority that certified nothing': [`@cert-authority * ${bare(authority)}`],
    }
    const outcomes: string[] = []
    for (const [description, lines] of Object.entries(cases)) {
      const { result, asked } = await connect(lines)
      outcomes.push(`${description}: ${result}${asked ? ', asked' : ''}`)
    }
    expect(outcomes.join('\n')).toMatchSnapshot()
  })

  it('asks at the first contact and keeps the answer in the file of the project', async () => {
    const yes = testUser('yes')
    const first = await connect([], { ask: yes.ask })
    expect(first).toMatchObject({ result: 'trusted', kept: `${name()} ${bare(hostKey())}\n` })
    expect(yes.questions[0]).toContain(hostKey().fingerprint)
    const no = testUser('no')
    expect(await connect([], { ask: no.ask })).toMatchObject({ result: 'HOST_KEY_UNKNOWN', kept: '' })
  })

  it('takes the fingerprint of the command line, and only that one', async () => {
    const stateDirectory = temporaryFolder()
    const first = await connect([], { acceptHostKey: hostKey().fingerprint, stateDirectory })
    expect(first).toMatchObject({ result: 'trusted', asked: 0 })
    expect(await connect([], { stateDirectory })).toMatchObject({ result: 'trusted', asked: 0 })
    const wrong = await connect([], { acceptHostKey: 'SHA256:AAAA' })
    expect(wrong).toMatchObject({ result: 'HOST_KEY_UNKNOWN', asked: 0, kept: '' })
    expect(wrong.message).toContain(hostKey().fingerprint)
  })

  it('accepts a machine once for all targets of a project, and reads what a target had accepted alone', async () => {
    const [sharedDirectory, first, second] = [temporaryFolder(), temporaryFolder(), temporaryFolder()]
    const accepting = { acceptHostKey: hostKey().fingerprint, sharedDirectory, stateDirectory: first }
    expect(await connect([], accepting)).toMatchObject({ result: 'trusted', kept: '' })
    expect(readIfPresent(join(sharedDirectory, 'known_hosts'))).toBe(`${name()} ${bare(hostKey())}\n`)
    expect(await connect([], { sharedDirectory, stateDirectory: second })).toMatchObject({ result: 'trusted', asked: 0 })
    const older = { sharedDirectory: temporaryFolder(), stateDirectory: first }
    writeFileSync(join(first, 'known_hosts'), `${name()} ${bare(hostKey())}\n`)
    expect(await connect([], older)).toMatchObject({ result: 'trusted', asked: 0 })
    expect(readIfPresent(join(older.sharedDirectory, 'known_hosts'))).toBe('')
    writeFileSync(join(first, 'known_hosts'), `${name()} ${bare(makeTestKey(temporaryFolder(), 'stranger'))}\n`)
    expect(await connect([], { ...accepting, ...older })).toMatchObject({ result: 'HOST_KEY_CHANGED', asked: 0 })
  })

  it('prints without a terminal the command that accepts the key', async () => {
    const { message } = await connect([])
    expect(message).toContain(`--accept-host-key ${hostKey().fingerprint}`)
  })

  it('never takes a changed key, and names both fingerprints and the line', async () => {
    const stranger = makeTestKey(temporaryFolder(), 'stranger')
    const yes = testUser('yes')
    const changed = await connect(['# first line', `${name()} ${bare(stranger)}`], { acceptHostKey: hostKey().fingerprint, ask: yes.ask })
    expect(changed).toMatchObject({ result: 'HOST_KEY_CHANGED', kept: '' })
    expect(yes.questions).toEqual([])
    expect(changed.message).toContain(hostKey().fingerprint)
    expect(changed.message).toContain(stranger.fingerprint)
    expect(changed.message).toContain('known_hosts:2')
  })

  it('sees that a machine has changed between two connections', async () => {
    const stateDirectory = temporaryFolder()
    const first = await startSshd()
    const acceptHostKey = first.hostKeys[0]?.fingerprint ?? ''
    expect(await connect([], { stateDirectory, acceptHostKey }, first)).toMatchObject({ result: 'trusted' })
    await first.stop()
    await using second = await startSshd({ port: first.port })
    expect(await connect([], { stateDirectory, acceptHostKey }, second)).toMatchObject({ result: 'HOST_KEY_CHANGED', asked: 0 })
  })

  it('verifies the certificate of a host against the authority that is known', async () => {
    const folder = temporaryFolder()
    const signers = {
      ed25519: authority,
      rsa: makeTestKey(folder, 'ca-rsa', { type: 'rsa' }),
      ecdsa: makeTestKey(folder, 'ca-ecdsa', { type: 'ecdsa' }),
    }
    const outcomes: string[] = []
    for (const [signer, ca] of Object.entries(signers)) {
      for (const type of ['ed25519', 'ecdsa', 'rsa'] as const) {
        outcomes.push(`${type} signed by ${signer}: ${await certified({ type, ca, trust: ca })}`)
      }
    }
    const type = 'ed25519'
    const stranger = makeTestKey(folder, 'stranger')
    outcomes.push(`signed by somebody else: ${await certified({ type, ca: stranger, trust: authority })}`)
    outcomes.push(`for another host: ${await certified({ type, ca: authority, trust: authority, principals: 'node2' })}`)
    outcomes.push(`expired: ${await certified({ type, ca: authority, trust: authority, validity: '20200101:20200102' })}`)
    outcomes.push(`not valid yet: ${await certified({ type, ca: authority, trust: authority, validity: '+1d:+2d' })}`)
    outcomes.push(`of a user: ${await certified({ type, ca: authority, trust: authority, user: true })}`)
    outcomes.push(
      `by a revoked authority: ${await certified({ type, ca: authority, trust: authority, more: `@revoked * ${bare(authority)}` })}`,
    )
    expect(outcomes.join('\n')).toMatchSnapshot()
  })

  interface Certified {
    readonly type: 'ed25519' | 'ecdsa' | 'rsa'
    readonly ca: TestKey
    readonly trust: TestKey
    readonly principals?: string
    readonly validity?: string
    readonly user?: boolean
    readonly more?: string
  }

  async function certified({
    type,
    ca,
    trust,
    principals = '127.0.0.1',
    validity = '-1d:+1d',
    user = false,
    more = '',
  }: Certified): Promise<string> {
    const key = makeTestKey(temporaryFolder(), 'host', { type })
    execFileSync('ssh-keygen', [
      '-q',
      '-s',
      ca.file,
      '-I',
      'test',
      ...(user ? [] : ['-h']),
      '-n',
      principals,
      '-V',
      validity,
      `${key.file}.pub`,
    ])
    await using own = await startSshd({ hostKeyFiles: [key.file], lines: [`HostCertificate ${key.file}-cert.pub`] })
    const { result } = await connect([`@cert-authority 127.0.0.* ${bare(trust)}`, more], {}, own)
    return result
  }

  it('reads lines that were added by hand without an end of line', async () => {
    const stateDirectory = temporaryFolder()
    appendFileSync(join(stateDirectory, 'known_hosts'), `node9 ${bare(authority)}`)
    const { kept } = await connect([], { stateDirectory, acceptHostKey: hostKey().fingerprint })
    expect(kept).toBe(`node9 ${bare(authority)}\n${name()} ${bare(hostKey())}\n`)
  })
})
