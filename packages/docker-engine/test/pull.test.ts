import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { localHost } from '@errand/core'
import { type DockerRegistry, dockerProblem, startDockerRegistry, startFaultyProxy } from '@errand/testkit/servers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultImages, engineFindings, openEngine, parseImageReference, planImage, prepareImage } from '../src/index.ts'
import { askForImage } from '../src/pull.ts'
import { type TarFile, tarOf } from '../src/tar.ts'
import { type ImagesFixture, imagesFixture } from './images-fixture.ts'

const problem = dockerProblem()
const canary = 'canary-71d0c2b9'
let fixture: ImagesFixture
let registry: DockerRegistry
let docker: string

beforeAll(async () => {
  if (problem !== undefined) return
  fixture = await imagesFixture()
  registry = await startDockerRegistry(canary)
  await registry.take(fixture.server, await fixture.server.image('bare'), 'team/small:1')
})
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  docker = mkdtempSync(join(tmpdir(), 'errand-docker-configuration-'))
  process.env['DOCKER_CONFIG'] = docker
})
afterEach(() => {
  delete process.env['DOCKER_CONFIG']
  rmSync(docker, { recursive: true, force: true })
})

const writeConfiguration = (content: object): void => writeFileSync(join(docker, 'config.json'), JSON.stringify(content))
const login = () => ({ auth: Buffer.from(`${registry.user}:${registry.password}`).toString('base64') })
const userManaged = (baseImage: string) => {
  const wanted = fixture.wanted(baseImage, {})
  return { ...wanted, request: { ...wanted.request, environment: { kind: 'user-managed' as const, python: '/bin/sh' } } }
}
const forget = (name: string) =>
  fixture.engine.docker
    .getImage(name)
    .remove({ force: true })
    .catch(() => undefined)

describe.skipIf(problem !== undefined)(`pulling${problem === undefined ? '' : ` (skipped: ${problem})`}`, () => {
  it('uses the login of docker login, tells how far it is, and leaves the password nowhere', async () => {
    writeConfiguration({ auths: { [registry.address]: login() } })
    const name = `${registry.address}/team/small:1`
    const options = fixture.options()
    const planned = await planImage(fixture.engine, userManaged(name), options)
    expect(planned.steps).toContain(`pull ${name}`)
    const made = await prepareImage(fixture.engine, userManaged(name), options)
    expect(options.messages).toContain(`pulling ${name}`)
    expect(made.key).toMatch(/^sha256:[0-9a-f]{64} \/bin\/sh$/)
    const inspected = await fixture.engine.docker.getImage(name).inspect()
    expect(made.key).toBe(`${inspected.RepoDigests[0]?.split('@')[1] ?? ''} /bin/sh`)
    const history = JSON.stringify([inspected, await fixture.engine.docker.getImage(name).history(), options.messages])
    expect(history).not.toContain(canary)
    await forget(name)
  })

  it('is tried by check, which takes nothing and says what is in the way', async () => {
    const check = async (baseImage: string) =>
      (await Readable.from(engineFindings(async () => fixture.engine, { client: localHost(), baseImage }, fixture.options())).toArray()).at(
        -1,
      )
    const name = `${registry.address}/team/small:1`
    writeConfiguration({ auths: { [registry.address]: login() } })
    expect(await check(name)).toMatchObject({
      name: 'base image',
      outcome: 'ok',
      detail: expect.stringMatching(/pulls it; .* reaches it$/) as string,
    })
    expect(await fixture.engine.docker.listImages({ filters: JSON.stringify({ reference: [name] }) })).toEqual([])
    const other = expect.stringContaining('baseDockerImage') as string
    expect(await check(`${registry.address}/team/small:2`)).toMatchObject({ outcome: 'failed', hint: other })
    expect(await check('no-such-registry.invalid/team/image:1')).toMatchObject({ outcome: 'failed', hint: other })
    writeConfiguration({})
    expect(await check(name)).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining(`docker login ${registry.address}`) as string,
    })
  })

  it('takes the image of a digest, whatever its tag means by now, and finds it again', async () => {
    writeConfiguration({ auths: { [registry.address]: login() } })
    const name = `${registry.address}/team/small:1`
    const { key } = await prepareImage(fixture.engine, userManaged(name), fixture.options())
    await forget(name)
    const pinned = `${registry.address}/team/small:other@${key.split(' ')[0]}`
    const [first, second] = [fixture.options(), fixture.options()]
    expect((await prepareImage(fixture.engine, userManaged(pinned), first)).key).toBe(key)
    expect(first.messages).toContain(`pulling ${registry.address}/team/small:other`)
    expect((await prepareImage(fixture.engine, userManaged(pinned), second)).key).toBe(key)
    expect(second.messages.filter((message) => message.startsWith('pulling'))).toEqual([])
    await forget(pinned)
  })

  it('is given up by check while the engine waits for a registry', async () => {
    const giveUp = new AbortController()
    const version = { Version: '28.0.0', ApiVersion: '1.40', Os: 'linux', Arch: 'amd64' }
    const patient = createServer(({ url }, response) =>
      url?.includes('/distribution/') ? giveUp.abort() : response.end(JSON.stringify(version)),
    )
    await new Promise<void>((resolve) => patient.listen(0, '127.0.0.1', resolve))
    const address = `tcp://127.0.0.1:${(patient.address() as AddressInfo).port}`
    await using engine = await openEngine({ host: localHost(), address }, fixture.options())
    const asking = askForImage(engine, parseImageReference('team/small:1'), { client: localHost(), signal: giveUp.signal })
    await expect(asking).rejects.toMatchObject({ name: 'AbortError' })
    patient.closeAllConnections()
    patient.close()
  })

  it('asks a credential helper', async () => {
    const bin = join(docker, 'bin')
    mkdirSync(bin)
    const helper = join(bin, 'docker-credential-errandtest')
    const answer = JSON.stringify({ Username: registry.user, Secret: registry.password })
    writeFileSync(helper, `#!/bin/sh\nread -r server\n[ "$1 $server" = "get ${registry.address}" ] || exit 1\necho '${answer}'\n`)
    chmodSync(helper, 0o755)
    writeConfiguration({ credHelpers: { [registry.address]: 'errandtest' } })
    const path = process.env['PATH'] ?? ''
    process.env['PATH'] = `${bin}:${path}`
    try {
      const made = await prepareImage(fixture.engine, userManaged(`${registry.address}/team/small:1`), fixture.options())
      expect(made.image).toMatch(/^sha256:/)
    } finally {
      process.env['PATH'] = path
    }
    await forget(`${registry.address}/team/small:1`)
  })

  it('says which helper does not work', async () => {
    writeConfiguration({ credsStore: 'errand-has-none' })
    await expect(prepareImage(fixture.engine, userManaged(`${registry.address}/team/small:1`), fixture.options())).rejects.toMatchObject({
      code: 'REGISTRY_LOGIN_FAILED',
      message: expect.stringContaining('docker-credential-errand-has-none') as string,
    })
  })

  it.each(Object.entries(defaultImages))('says of the default for %s which image is meant: by tag and digest', (_, name) => {
    expect(parseImageReference(name)).toMatchObject({
      name,
      tag: expect.stringMatching(/^\d+\.\d+\.\d+-/) as string,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
    })
  })

  it.each([
    ['no login', () => ({}), 'team/small:1', 'REGISTRY_FORBIDDEN', /needs a login/],
    ['another tag', () => ({ auths: { [registry.address]: login() } }), 'team/small:2', 'IMAGE_NOT_FOUND', /has no image .*team\/small:2/],
    [
      'another image',
      () => ({ auths: { [registry.address]: login() } }),
      'team/other',
      'IMAGE_NOT_FOUND',
      /has no image .*team\/other:latest/,
    ],
  ])('refuses %s', async (_, configuration, path, code, message) => {
    writeConfiguration(configuration())
    await expect(prepareImage(fixture.engine, userManaged(`${registry.address}/${path}`), fixture.options())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(/baseDockerImage/) as string,
    })
  })

  it('names the key to change for an image whose registry is not to be reached', async () => {
    await expect(
      prepareImage(fixture.engine, userManaged('no-such-registry.invalid/team/image:1'), fixture.options()),
    ).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: expect.stringContaining('baseDockerImage') as string,
    })
  })

  it('says that an image is made for another platform', async () => {
    const name = await imported([{ path: 'bin/sh', content: 'a program of another processor', executable: true }])
    await expect(prepareImage(fixture.engine, userManaged(name), fixture.options())).rejects.toMatchObject({
      code: 'IMAGE_PLATFORM',
      hint: expect.stringContaining('--platform') as string,
    })
  })

  it('goes on after its client was killed in the middle', async () => {
    const local = await imported([{ path: 'data', content: randomBytes(3_000_000) }])
    await registry.take(fixture.server, local, 'team/data:1')
    await forget(local)
    await using proxy = await startFaultyProxy(registry.port)
    const name = `127.0.0.1:${proxy.port}/team/data:1`
    writeConfiguration({ auths: { [`127.0.0.1:${proxy.port}`]: login() } })
    // The engine waits some seconds before it tries again.
    proxy.cutAfter(200_000)
    const client = spawn(
      process.execPath,
      [join(import.meta.dirname, 'pull-until-killed.ts'), fixture.server.socket, name, fixture.directory],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
    while (proxy.bytes.toClient < 200_000) await sleep(20)
    client.kill('SIGKILL')
    expect(await fixture.engine.docker.listImages({ filters: JSON.stringify({ reference: [name] }) })).toEqual([])
    // It has come as a whole, and is what it is: an image without anything to run.
    await expect(prepareImage(fixture.engine, userManaged(name), fixture.options())).rejects.toMatchObject({ code: 'IMAGE_WITHOUT_SHELL' })
    expect(await fixture.engine.docker.listImages({ filters: JSON.stringify({ reference: [name] }) })).toHaveLength(1)
    await forget(name)
  })
})

/** An image of these files alone. */
async function imported(files: readonly TarFile[]): Promise<string> {
  const repo = `imported-${randomBytes(4).toString('hex')}`
  const answer = (await fixture.engine.docker.importImage(tarOf(files), { repo, tag: '1' })) as Readable
  await answer.resume().toArray()
  return `${repo}:1`
}

describe('the name of an image', () => {
  it.each([
    ['python', 'python:latest', 'docker.io'],
    ['python:3.12-slim', 'python:3.12-slim', 'docker.io'],
    ['microsoft/mmlspark:plus-0.9.9', 'microsoft/mmlspark:plus-0.9.9', 'docker.io'],
    ['registry.example:5000/team/image', 'registry.example:5000/team/image:latest', 'registry.example:5000'],
    ['localhost/image:1', 'localhost/image:1', 'localhost'],
    [`image@sha256:${'a'.repeat(64)}`, `image@sha256:${'a'.repeat(64)}`, 'docker.io'],
  ])('%s is %s at %s', (text, name, at) => {
    expect(parseImageReference(text)).toMatchObject({ name, registry: at })
  })

  it.each([
    ['microsoft/mmlspark::plus-0.7.91', 'microsoft/mmlspark:plus-0.7.91'],
    ['microsoft/mmlspark:', 'microsoft/mmlspark'],
    ['Microsoft/MMLSpark:Plus-0.9', 'microsoft/mmlspark:Plus-0.9'],
    [' user/name:tag ', 'user/name:tag'],
    ['https://hub.docker.com/r/user/name', 'user/name'],
  ])('%s is refused, and %s is proposed', (text, better) => {
    expect(() => parseImageReference(text)).toThrow(
      expect.objectContaining({ code: 'IMAGE_NAME_INVALID', hint: `Write baseDockerImage: ${better}` }),
    )
  })

  it.each(['::', 'user/name:tag:tag', 'a b?c'])('%s is refused', (text) => {
    expect(() => parseImageReference(text)).toThrow(expect.objectContaining({ code: 'IMAGE_NAME_INVALID' }))
  })
})
