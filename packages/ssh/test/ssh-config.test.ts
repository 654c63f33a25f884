import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { parseAddress, resolveDestination } from '../src/index.ts'
import { refusalOf, temporaryFolder } from './open-test-host.ts'

describe('addresses', () => {
  it('reads host, port and IPv6', () => {
    const texts = ['node1', 'node1:2222', '10.0.0.5:22', '[::1]:2222', '[fe80::1]', '::1', ' node1 ']
    expect(texts.map(parseAddress)).toEqual([
      { host: 'node1' },
      { host: 'node1', port: 2222 },
      { host: '10.0.0.5', port: 22 },
      { host: '::1', port: 2222 },
      { host: 'fe80::1' },
      { host: '::1' },
      { host: 'node1' },
    ])
  })

  it('refuses what is no address', async () => {
    for (const text of ['', 'ssh://node1', 'a b', 'me@node1', 'node1:', 'node1:x', 'node1:70000', ':22', '-oProxyCommand=x'])
      expect(await refusalOf((async () => parseAddress(text))()), text).toMatchObject({ code: 'ADDRESS_INVALID' })
  })
})

describe('ssh_config', () => {
  function configured(files: Readonly<Record<string, string>>) {
    const home = temporaryFolder()
    mkdirSync(join(home, '.ssh', 'config.d'), { recursive: true })
    for (const [name, text] of Object.entries(files)) writeFileSync(join(home, '.ssh', name), text)
    const configFile = join(home, '.ssh', 'config')
    return {
      home,
      resolve: (address: string, username?: string) =>
        resolveDestination({ address, ...(username ? { username } : {}) }, { configFile, environment: { HOME: home } }),
      // What ssh itself makes of it.
      ssh: (address: string) =>
        new Map(
          execFileSync('ssh', ['-G', '-F', configFile, address], {
            encoding: 'utf8',
            stdio: ['ignore', 'pipe', 'ignore'],
            env: { ...process.env, HOME: home },
          })
            .trim()
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const),
        ),
    }
  }

  it('takes the first value of each keyword, from the blocks whose patterns match', () => {
    const { resolve, home } = configured({
      config: `
# comment
hostname=ignored.for.nobody
Host gpu gpu-*
    HostName %h.example.org
    Port 2222
    User alice
    IdentityFile ~/.ssh/gpu key
    IdentityFile "%d/.ssh/%r@%h"
    ConnectTimeout 7
Host * !bare
    User bob
    Port 99
    IdentitiesOnly yes
    UserKnownHostsFile ~/known "~/second file"
`.replace('hostname=ignored.for.nobody\n', ''),
    })
    expect(resolve('gpu')).toMatchObject({
      host: 'gpu.example.org',
      port: 2222,
      username: 'alice',
      identityFiles: [`${home}/.ssh/gpu key`, `${home}/.ssh/alice@gpu.example.org`],
      identitiesOnly: true,
      connectTimeout: 7000,
      userKnownHostsFiles: [`${home}/known`, `${home}/second file`],
    })
    expect(resolve('gpu:1', 'carol')).toMatchObject({ host: 'gpu.example.org', port: 1, username: 'carol' })
    expect(resolve('other')).toMatchObject({ host: 'other', port: 99, username: 'bob' })
    expect(resolve('bare')).toMatchObject({ host: 'bare', port: 22, username: userInfo().username, identitiesOnly: false })
  })

  it('includes files where they are named, and only in blocks that match', () => {
    const { resolve } = configured({
      config: 'Include config.d/*\nHost inner\n  Include only-inner\nHost *\n  User last\n',
      'config.d/10-first': 'Host a\n  User first\n',
      'config.d/20-second': 'Host *\n  Port 2020\nHost a\n  User second\n',
      'only-inner': 'User nested\nHost deep\n  Port 1\n',
    })
    expect(resolve('a')).toMatchObject({ username: 'first', port: 2020 })
    expect(resolve('inner')).toMatchObject({ username: 'nested', port: 2020 })
    expect(resolve('deep')).toMatchObject({ username: 'last', port: 2020 })
  })

  it('knows Match host, originalhost, user and their negation', () => {
    const { resolve, ssh } = configured({
      config: `
Host alias
  HostName node1.example.org
Match host *.example.org user alice
  Port 1001
Match originalhost alias
  User matched
Match host node1.*,node2.* !originalhost other
  ConnectTimeout 3
Match all
  IdentityFile ~/.ssh/all
`,
    })
    expect(resolve('alias')).toMatchObject({ host: 'node1.example.org', username: 'matched', connectTimeout: 3000, port: 22 })
    expect(resolve('alias', 'alice')).toMatchObject({ username: 'alice', port: 1001 })
    for (const address of ['alias', 'node2.example.org', 'elsewhere']) {
      const [ours, theirs] = [resolve(address), ssh(address)]
      expect([ours.host, String(ours.port), ours.username]).toEqual([theirs.get('hostname'), theirs.get('port'), theirs.get('user')])
    }
  })

  it.each([
    'Match host *.example.org\n HostName 10.1.2.3\n Port 2222\n HostKeyAlias known',
    'Host A.EXAMPLE.ORG\n Port 1\nMatch host A.EXAMPLE.ORG\n User upper\nMatch localuser ROOT\n Port 2',
    'Host a*\n ProxyCommand none\nHost *\n ProxyJump gateway',
    'ProxyJump first\nProxyCommand nc %h %p',
    'IdentitiesOnly true\nConnectTimeout 1m30s',
    'HostName %%h.%h',
    'Match final\n HostName late\n Port 2\nMatch canonical\n User twice\nHost a*\n Port 1',
    'Host a*\n HostName 10.0.0.1\nMatch final\n User late\nHost 10.0.0.1\n Port 2',
    'port="2200"\nUser\t= "two words" # and why\n',
  ])('understands as ssh does: %j', (config) => {
    const { resolve, ssh } = configured({ config })
    const ours = resolve('a.example.org')
    const theirs = ssh('a.example.org')
    expect({
      hostname: ours.host,
      port: String(ours.port),
      user: ours.username,
      identitiesonly: ours.identitiesOnly ? 'yes' : 'no',
      hostkeyalias: ours.hostKeyAlias,
      connecttimeout: ours.connectTimeout === 20_000 ? 'none' : String(ours.connectTimeout / 1000),
      proxyjump: ours.proxyJump[0],
      proxycommand: ours.proxyCommand,
    }).toEqual(
      Object.fromEntries(
        ['hostname', 'port', 'user', 'identitiesonly', 'hostkeyalias', 'connecttimeout', 'proxyjump', 'proxycommand'].map((keyword) => [
          keyword,
          theirs.get(keyword),
        ]),
      ),
    )
  })

  it('reads jump hosts, the agent and their switches', () => {
    const { resolve, home } = configured({
      config: `
Host far
  ProxyJump me@one:2200,two
  IdentityAgent ~/agent.sock
Host none
  ProxyJump none
  IdentityAgent none
Host command
  ProxyCommand nc %h %p
`,
    })
    expect(resolve('far')).toMatchObject({ proxyJump: ['me@one:2200', 'two'], agent: `${home}/agent.sock` })
    expect(resolve('none').proxyJump).toEqual([])
    expect(resolve('none')).not.toHaveProperty('agent')
    expect(resolve('command').proxyCommand).toBe('nc %h %p')
  })

  it('says which file can not be understood', async () => {
    const { resolve } = configured({ config: 'Host "unfinished\n' })
    const { code, message } = await refusalOf((async () => resolve('x'))())
    expect(code).toBe('SSH_CONFIG_INVALID')
    expect(message).toContain('.ssh/config')
  })
})
