import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ErrandError, type Host, localHost } from '@errand/core'
import { dockerProblem, sharedDockerEngine, startDockerEngine } from '@errand/testkit/servers'
import { describe, expect, it } from 'vitest'
import { connectEngine } from '../src/engine-agent.ts'
import { cannotReachEngine } from '../src/engine-errors.ts'
import { engineFindings, openEngine } from '../src/index.ts'

const execute = promisify(execFile)
const problem = dockerProblem()
const options = { signal: new AbortController().signal }

describe.skipIf(problem !== undefined)(`a real engine${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  it('answers through the host, whatever DOCKER_HOST of this process says', async () => {
    const server = await sharedDockerEngine()
    process.env['DOCKER_HOST'] = 'tcp://192.0.2.1:2375'
    try {
      await using engine = await openEngine({ host: localHost(), address: server.socket }, options)
      expect(engine.platform.os).toBe('linux')
      const image = await server.image('python')
      const found = await engine.docker.getImage(image).inspect()
      expect(found.RepoTags).toContain(image)
    } finally {
      delete process.env['DOCKER_HOST']
    }
  })

  it('refuses an account without rights in words of our own', async () => {
    const server = await sharedDockerEngine()
    const { stdout } = await execute(process.execPath, [join(import.meta.dirname, 'connect-as-nobody.ts'), server.socket])
    expect(JSON.parse(stdout)).toMatchObject({ code: 'ENGINE_PERMISSION', hint: expect.stringContaining('docker') as string })
  })

  it("that is the user's own is found where that of the machine is missing or not for them", async () => {
    const server = await sharedDockerEngine()
    const here = localHost()
    const runtime = '/run/user/of-nobody'
    for (const [code, own, found] of [
      ['SOCKET_NOT_FOUND', `${runtime}/docker.sock`, true],
      ['SOCKET_FORBIDDEN', `${runtime}/podman/podman.sock`, true],
      ['SOCKET_FORBIDDEN', 'nowhere', false],
    ] as const) {
      /** A machine whose sockets are those of two engines, one of them closed to us. */
      const host: Host = {
        ...here,
        async connect(to) {
          if (!('path' in to)) throw new Error('no socket')
          if (to.path === own) return here.connect({ path: server.socket })
          throw new ErrandError(to.path.startsWith(runtime) ? 'SOCKET_NOT_FOUND' : code, `not ${to.path}`)
        },
        run: async () => ({ exitCode: 0, stdout: Buffer.from(`\n${runtime}`), stderr: Buffer.alloc(0) }),
      }
      const opening = openEngine({ host }, options)
      if (found) {
        await using engine = await opening
        expect(engine.address.to).toEqual({ path: own })
      } else await expect(opening).rejects.toMatchObject({ code: 'ENGINE_PERMISSION' })
    }
  })

  it('is known to be gone when it ends in the middle', async () => {
    await using server = await startDockerEngine()
    await using engine = await openEngine({ host: localHost(), address: server.socket }, options)
    await server.stop()
    await expect(openEngine({ host: localHost(), address: server.socket }, options)).rejects.toMatchObject({ code: 'ENGINE_UNREACHABLE' })
    await expect(engine.docker.listImages()).rejects.toThrow(/ENOENT|no socket|hang up|ECONN|reset/i)
  })
})

describe('an engine that can not be used', () => {
  it.each([
    ['/nowhere/docker.sock', 'ENGINE_UNREACHABLE', /no socket \/nowhere\/docker.sock/],
    ['tcp://127.0.0.1:1', 'ENGINE_UNREACHABLE', /nothing listens on address 127.0.0.1:1/],
    ['ssh://user@machine', 'ENGINE_ADDRESS_INVALID', /ssh:\/\/user@machine/],
  ])('%s is %s', async (address, code, message) => {
    await expect(openEngine({ host: localHost(), address }, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      hint: expect.any(String) as string,
    })
  })

  it.each([
    [
      'the .compute file',
      'SOCKET_NOT_FOUND',
      'ann@box',
      /^Install or start Docker on that machine .*, or correct engine: in the \.compute file/,
    ],
    [
      'the usual socket',
      'SOCKET_REFUSED',
      'ann@box',
      /^Start Docker on that machine .*, or say where it listens with engine: in the \.compute file\.$/,
    ],
    [
      'the usual socket',
      'ENOENT',
      'this machine',
      /^Install or start Docker .*Docker Desktop\), or say where it listens with DOCKER_HOST or engine:/,
    ],
    ['DOCKER_HOST', 'ECONNREFUSED', 'this machine', /^Start Docker .*, or correct or unset DOCKER_HOST\.$/],
    ['DOCKER_HOST of ann@box', 'ENOTFOUND', 'ann@box', /^Correct or unset DOCKER_HOST of ann@box\.$/],
    ['the context lab', 'ECONNREFUSED', 'this machine', /docker context use default/],
    ['the usual socket', 'SOCKET_FORBIDDEN', 'ann@box', /^Join its group on that machine \(sudo usermod -aG docker/],
  ])('from %s is told what to do about it, %s on %s', (from, code, host, hint) => {
    const error = cannotReachEngine({ where: `address (${from})`, from, host }, Object.assign(new Error(code), { code }))
    expect(error).toMatchObject({ hint: expect.stringMatching(hint) as string })
  })

  it('was never installed where nobody named a place and none of the usual ones is there', async () => {
    expect.assertions(2)
    const nowhere = { to: { path: '/nowhere/docker.sock' }, from: 'the usual socket' }
    const open = (guessed: object) => () =>
      connectEngine(localHost(), { ...nowhere, ...guessed }).then(() => Promise.reject(new Error('it is there')))
    for (const [guessed, absent] of [
      [{ guessed: true }, true],
      [{}, undefined],
    ] as const) {
      for await (const finding of engineFindings(open(guessed), { client: localHost() }, { ...options, report() {} }))
        expect([finding.outcome, finding.absent]).toEqual(['failed', absent])
    }
  })

  it('is not what speaks no HTTP: the address is named', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write('SSH-2.0-other\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const opening = openEngine({ host: localHost(), address: `tcp://127.0.0.1:${port}` }, options)
    await expect(opening).rejects.toMatchObject({
      code: 'ENGINE_UNREACHABLE',
      message: `No Docker engine answers at address 127.0.0.1:${port} (the .compute file): what listens there speaks no HTTP.`,
      hint: 'Correct engine: in the .compute file, or delete it for the usual engine.',
    })
    server.close()
  })

  it('is spoken to with TLS at an address of the .compute file, when the variables of docker say so', async () => {
    const first = Promise.withResolvers<number | undefined>()
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (bytes) => {
        first.resolve(bytes[0])
        socket.destroy()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    process.env['DOCKER_TLS_VERIFY'] = '1'
    try {
      const place = { host: localHost(), address: `tcp://127.0.0.1:${port}`, local: true }
      await expect(openEngine(place, options)).rejects.toThrow(/went away|TLS connection/)
      // The first byte of a TLS handshake.
      expect(await first.promise).toBe(0x16)
    } finally {
      delete process.env['DOCKER_TLS_VERIFY']
      server.close()
    }
  })

  it('is refused when it is too old', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-old-'))
    const server = createServer((_, response) =>
      response.end(JSON.stringify({ Version: '17.05.0-ce', ApiVersion: '1.29', Os: 'linux', Arch: 'amd64' })),
    )
    await new Promise<void>((resolve) => server.listen(join(folder, 'docker.sock'), resolve))
    await expect(openEngine({ host: localHost(), address: join(folder, 'docker.sock') }, options)).rejects.toMatchObject({
      code: 'ENGINE_TOO_OLD',
      message: expect.stringContaining('17.05.0-ce') as string,
    })
    server.close()
    rmSync(folder, { recursive: true })
  })
})
