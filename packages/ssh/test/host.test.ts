import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { type Sshd, sshdProblem, startSshd } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SshHost } from '../src/index.ts'
import { lineOf, neverAborted, openTestHost, refusalOf, textOf } from './open-test-host.ts'

const problem = sshdProblem()
const signal = neverAborted()

describe.skipIf(problem)(`a machine behind a real sshd${problem ? ` (${problem})` : ''}`, () => {
  let server: Sshd
  let host: SshHost
  beforeAll(async () => {
    server = await startSshd()
    host = await openTestHost(server)
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await server?.stop()
  })
  const sh = (script: string, ...parameters: string[]) => host.run(['/bin/sh', '-c', script, 'sh', ...parameters], { signal })

  it('knows its platform, its home and the key it trusts', () => {
    expect(host.platform).toEqual({ os: 'linux', architecture: process.arch })
    expect(host.home).toBe(server.home)
    expect(host.name).toBe(`${server.user}@127.0.0.1:${server.port}`)
    expect(host.hostKey).toBe(server.hostKeys[0]?.fingerprint)
  })

  it('gives arguments byte for byte', async () => {
    const every = String.fromCodePoint(...Array.from({ length: 0x2ff }, (_, index) => index + 1))
    const parameters = [
      '',
      ' ',
      'a b',
      `it's "quoted"`,
      '$(id) `id` $HOME',
      '*',
      '-n',
      '--',
      '\\',
      '\\n',
      '\n',
      'line\nline\n',
      '!!',
      '😀',
      every,
    ]
    const { stdout } = await host.run(['printf', '%s\\0', ...parameters, 'x'.repeat(100_000)], { signal })
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual([...parameters, 'x'.repeat(100_000)])
  })

  it('sets the folder and the variables, also those whose names sh does not know', async () => {
    const env = {
      PLAIN: ' a\n$b',
      'with.dot': 'x=y',
      OPTIND: 'no number',
      LC_ALL: 'C',
      errand_line: 'l',
      errand_ahead: 'a',
      errand_newline: 'n',
    }
    const { stdout } = await host.run(['env', '-0'], { signal, env, cwd: '/usr/lib' })
    const found = stdout.toString().split('\0')
    expect(found).toEqual(expect.arrayContaining(Object.entries(env).map(([name, value]) => `${name}=${value}`)))
    const { stdout: plain } = await host.run(['env', '-0'], { signal })
    expect(plain.toString()).not.toContain('errand_')
    expect((await host.run(['pwd', '-P'], { signal, cwd: '/usr/lib' })).stdout.toString()).toBe('/usr/lib\n')
  })

  it('tells exit codes and signals apart', async () => {
    expect(await sh('exit 0')).toMatchObject({ exitCode: 0 })
    expect(await sh('exit 137')).toMatchObject({ exitCode: 137 })
    for (const name of ['KILL', 'TERM', 'SEGV']) {
      const ended = await sh(`kill -s ${name} $$`)
      expect([ended.exitCode, ended.signal]).toEqual([undefined, `SIG${name}`])
    }
  })

  it('keeps standard output, standard error and input apart and exact', async () => {
    const bytes = randomBytes(5_000_000)
    const { stdout, stderr } = await host.run(['/bin/sh', '-c', 'tee /dev/stderr'], { signal, input: bytes })
    expect(stdout.equals(bytes)).toBe(true)
    expect(stderr.equals(bytes)).toBe(true)
  })

  it('takes input from a stream and ends it', async () => {
    const input = Readable.from([Buffer.from('one\n'), Buffer.from('two\n')])
    expect((await host.run(['wc', '-l'], { signal, input })).stdout.toString().trim()).toBe('2')
  })

  it('lets a program be talked to', async () => {
    const child = await host.spawn(['cat'], { signal })
    const output = child.stdout[Symbol.asyncIterator]()
    for (const line of ['first\n', 'second\n']) {
      child.stdin.write(line)
      expect(await lineOf(output)).toBe(line)
    }
    child.stdin.end()
    expect((await output.next()).done).toBe(true)
    expect(await child.exit).toEqual({ exitCode: 0 })
  })

  it('says when a program or a folder is missing', async () => {
    expect(await refusalOf(host.run(['no-such-program'], { signal }))).toMatchObject({ code: 'COMMAND_NOT_STARTED' })
    expect(await refusalOf(host.spawn(['/etc/passwd'], { signal }))).toMatchObject({ code: 'COMMAND_NOT_STARTED' })
    const { code, message } = await refusalOf(host.run(['ls'], { signal, cwd: '/no/such/folder' }))
    expect(code).toBe('COMMAND_NOT_STARTED')
    expect(message).toContain('/no/such/folder')
  })

  it('ends the whole process group of an aborted call', async () => {
    const controller = new AbortController()
    const script = 'trap "" TERM; sleep 600 & sh -c "sleep 600; :" & echo $$; sleep 600'
    const child = await host.spawn(['/bin/sh', '-c', script], { signal: controller.signal })
    const group = (await lineOf(child.stdout[Symbol.asyncIterator]())).trim()
    const members = async () => (await sh('ps -A -o pgid=,stat= | grep -v Z | grep -cw "$1" || :', group)).stdout.toString().trim()
    await expect.poll(members, { timeout: 60_000 }).toBe('5')
    controller.abort()
    expect(await child.exit).toEqual({ signal: 'SIGKILL' })
    await expect.poll(members, { timeout: 60_000 }).toBe('0')
  })

  it('delivers a signal that a program can catch, once', async () => {
    const child = await host.spawn(
      ['/bin/sh', '-c', `trap 'echo caught' TERM; echo up; i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done`],
      {
        signal,
      },
    )
    const output = child.stdout[Symbol.asyncIterator]()
    await lineOf(output)
    await child.kill('SIGTERM')
    let text = ''
    for (let next = await output.next(); !next.done; next = await output.next()) text += next.value.toString()
    expect(text).toBe('caught\n')
  })

  it('rejects an aborted call and stays usable', async () => {
    const controller = new AbortController()
    const running = host.run(['sleep', '600'], { signal: controller.signal })
    await sleep(50)
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    await expect(host.run(['true'], { signal: controller.signal })).rejects.toThrow('enough')
    expect(await sh('exit 5')).toMatchObject({ exitCode: 5 })
  })

  it('writes and reads files by names of any kind', async () => {
    const folder = `${host.home}/files ${process.pid}`
    for (const name of ['plain', `with ' and "`, 'ä\n$x', '-dash']) {
      const bytes = randomBytes(100_000)
      await host.writeFile(`${folder}/deep/${name}`, bytes, { mode: 0o640 })
      expect((await host.readFile(`${folder}/deep/${name}`)).equals(bytes)).toBe(true)
    }
    await host.writeFile(`${folder}/stream`, Readable.from([Buffer.from('a'), Buffer.from('b')]))
    await host.writeFile(`${folder}/stream`, Readable.from([Buffer.from('c'), Buffer.from('d')]))
    await host.writeFile(`${folder}/empty`, '')
    expect(
      (await sh('cd "$1" && cat stream empty && stat -c %a deep/plain stream && ls | wc -l; rm -r "$1"', folder)).stdout.toString(),
    ).toBe('cd640\n644\n3\n')
    expect(await refusalOf(host.readFile(`${folder}/none`))).toMatchObject({ code: 'ENOENT' })
    expect(await refusalOf(host.readFile('/etc/shadow'))).toMatchObject({ code: 'EACCES' })
    expect(await refusalOf(host.writeFile('/etc/errand', 'x'))).toMatchObject({ code: 'FILE_NOT_WRITTEN' })
  })

  it('connects to sockets and ports of the machine', async () => {
    const socket = `/tmp/errand-${process.pid}.sock`
    const echo = `import socket, sys
server = socket.socket(socket.AF_UNIX if sys.argv[1] == 'unix' else socket.AF_INET)
server.bind(sys.argv[2] if sys.argv[1] == 'unix' else ('127.0.0.1', 0))
server.listen(5)
print(sys.argv[2] if sys.argv[1] == 'unix' else server.getsockname()[1], flush=True)
while True:
    c, _ = server.accept()
    data = b''
    while True:
        piece = c.recv(65536)
        if not piece: break
        data += piece
    c.sendall(data[::-1])
    c.close()`
    for (const kind of ['unix', 'tcp']) {
      const listener = await host.spawn(['python3', '-c', echo, kind, socket], { signal })
      const where = (await lineOf(listener.stdout[Symbol.asyncIterator]())).trim()
      const connection = await host.connect(kind === 'unix' ? { path: where } : { host: '127.0.0.1', port: Number(where) })
      const bytes = randomBytes(3_000_000)
      connection.end(bytes)
      const answer: Buffer[] = []
      for await (const chunk of connection) answer.push(chunk as Buffer)
      expect(Buffer.concat(answer).equals(bytes.toReversed())).toBe(true)
      // Connected with the login, and once more.
      await using ready = await openTestHost(server, { socket: where })
      if (kind === 'unix')
        for (const [text, reversed] of [
          ['first', 'tsrif'],
          ['second', 'dnoces'],
        ]) {
          const stream = await ready.connect({ path: where })
          stream.end(text)
          expect(await textOf(stream)).toBe(reversed)
        }
      await listener.kill('SIGKILL')
      await listener.exit
    }
    expect(await refusalOf(host.connect({ path: socket }))).toMatchObject({ code: 'SOCKET_REFUSED' })
    await sh('rm -f "$1"', socket)
    expect(await refusalOf(host.connect({ path: socket }))).toMatchObject({ code: 'SOCKET_NOT_FOUND' })
    await using without = await openTestHost(server, { socket })
    expect(await refusalOf(without.connect({ path: socket }))).toMatchObject({ code: 'SOCKET_NOT_FOUND' })
    expect(await refusalOf(host.connect({ path: '/etc/passwd' }))).toMatchObject({ code: 'SOCKET_NOT_FOUND' })
    expect(await refusalOf(host.connect({ host: '127.0.0.1', port: 1 }))).toMatchObject({ code: 'CONNECTION_REFUSED' })
  })

  it('runs more programs at once than the server allows over one connection', async () => {
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, index) => host.run(['sh', '-c', `sleep 0.1; echo ${index}`], { signal })),
    )
    expect(results.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 30 }, (_, index) => index))
  })
})

describe.skipIf(problem)('servers that allow less', () => {
  it('works with two sessions, one of which is taken for long, and ends that one', async () => {
    await using server = await startSshd({ lines: ['MaxSessions 2'] })
    await using host = await openTestHost(server)
    const long = await host.spawn(['sleep', '600'], { signal })
    const results = await Promise.all(Array.from({ length: 6 }, (_, index) => host.run(['echo', String(index)], { signal })))
    expect(results.map(({ stdout }) => stdout.toString())).toEqual(['0\n', '1\n', '2\n', '3\n', '4\n', '5\n'])
    await long.kill('SIGKILL')
    expect(await long.exit).toEqual({ signal: 'SIGKILL' })
  })

  it('works with a single session', async () => {
    await using server = await startSshd({ lines: ['MaxSessions 1'] })
    await using host = await openTestHost(server)
    const results = await Promise.all(Array.from({ length: 5 }, (_, index) => host.run(['echo', String(index)], { signal })))
    expect(results.map(({ stdout }) => stdout.toString())).toEqual(['0\n', '1\n', '2\n', '3\n', '4\n'])
    const controller = new AbortController()
    const long = await host.spawn(['sleep', '600'], { signal: controller.signal })
    controller.abort(new Error('enough'))
    expect((await long.exit).exitCode).toBeUndefined()
    expect((await host.run(['echo', 'after'], { signal })).stdout.toString()).toBe('after\n')
  })

  it('starts a program also while others that do not end take all sessions', async () => {
    await using server = await startSshd({ lines: ['MaxSessions 2'] })
    await using host = await openTestHost(server)
    const held = await Promise.all(Array.from({ length: 5 }, (_, index) => host.spawn(['sh', '-c', `echo ${index}; cat`], { signal })))
    expect((await host.run(['echo', 'free'], { signal })).stdout.toString()).toBe('free\n')
    for (const { stdin } of held) stdin.end('end')
    const texts = await Promise.all(held.map(async ({ stdout }) => textOf(stdout)))
    expect(texts).toEqual(held.map((_, index) => `${index}\nend`))
    // Three connections of two sessions each hold five programs; the sixth is the one that was run meanwhile.
    expect(server.log().match(/Accepted publickey/g)?.length).toBe(3)
  })

  it('sends what a stream holds once, also when another program takes the only session meanwhile', async () => {
    await using server = await startSshd({ lines: ['MaxSessions 1'] })
    await using host = await openTestHost(server)
    const rest = Promise.withResolvers<void>()
    async function* content() {
      yield Buffer.from('first ')
      await rest.promise
      yield Buffer.from('second')
    }
    const written = host.writeFile(`${host.home}/streamed`, Readable.from(content()))
    const holding = host.spawn(['cat'], { signal })
    await sleep(500)
    rest.resolve()
    await written
    expect((await host.readFile(`${host.home}/streamed`)).toString()).toBe('first second')
    ;(await holding).stdin.end()
  })

  it('says that a server allows no session', async () => {
    await using server = await startSshd({ lines: ['MaxSessions 0'] })
    expect(await refusalOf(openTestHost(server))).toMatchObject({ code: 'SESSIONS_FORBIDDEN' })
  })

  it('says that a server forwards no ports', async () => {
    await using server = await startSshd({ lines: ['AllowTcpForwarding no'] })
    await using host = await openTestHost(server)
    const port = await refusalOf(host.connect({ host: '127.0.0.1', port: server.port }))
    expect(port).toMatchObject({ code: 'FORWARDING_FORBIDDEN', hint: expect.stringContaining('AllowTcpForwarding') as string })
  })

  it('says what an account without a shell says', async () => {
    await using server = await startSshd({ lines: ['ForceCommand echo this account only echoes'] })
    const refusal = await refusalOf(openTestHost(server))
    expect(refusal).toMatchObject({ code: 'SHELL_REFUSED', message: expect.stringContaining('this account only echoes') as string })
  })
})

describe.skipIf(problem)('login shells', () => {
  for (const shell of ['tcsh', 'fish'] as const) {
    it(`works with ${shell}: arguments, variables, exits, signals and the end of a process group`, async () => {
      await using server = await startSshd({ shell })
      await using host = await openTestHost(server)
      const parameters = [`it's`, 'a\nb', '!!', '\\', '$HOME', 'Á😀', '~', '{a,b}']
      const { stdout } = await host.run(['printf', '%s\\0', ...parameters], { signal, env: { A: '1' }, cwd: '/' })
      expect(stdout.toString().split('\0').slice(0, -1)).toEqual(parameters)
      expect(await host.run(['sh', '-c', 'exit 137'], { signal })).toMatchObject({ exitCode: 137 })
      expect(await host.run(['sh', '-c', 'kill -9 $$'], { signal })).toMatchObject({ signal: 'SIGKILL' })
      const child = await host.spawn(['sh', '-c', 'trap "" TERM; echo $$; sleep 31 & sleep 31'], { signal })
      await lineOf(child.stdout[Symbol.asyncIterator]())
      await child.kill('SIGKILL')
      expect(await child.exit).toEqual({ signal: 'SIGKILL' })
      expect((await host.run(['pgrep', '-xf', 'sleep 31'], { signal })).exitCode).toBe(1)
    })
  }

  it('passes over what login scripts print', async () => {
    await using server = await startSshd()
    await using first = await openTestHost(server)
    const rc = `${first.home}/.bashrc`
    const before = await first.readFile(rc).catch(() => Buffer.alloc(0))
    await first.writeFile(rc, Buffer.concat([Buffer.from('printf "no newline"; echo noise >&2\n'), before]))
    try {
      await using host = await openTestHost(server)
      const child = await host.spawn(['sh', '-c', 'echo out; echo err >&2'], { signal })
      expect(await Promise.all([textOf(child.stdout), textOf(child.stderr)])).toEqual(['out\n', 'err\n'])
    } finally {
      await first.writeFile(rc, before)
    }
  })
})
