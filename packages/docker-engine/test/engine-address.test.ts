import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { engineAddresses, parseEngineAddress } from '../src/index.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'errand-home-'))
})
afterEach(() => rmSync(home, { recursive: true }))

function writeContext(name: string, address: string, certificates: Readonly<Record<string, string>> = {}): void {
  const id = createHash('sha256').update(name).digest('hex')
  mkdirSync(join(home, '.docker/contexts/meta', id), { recursive: true })
  writeFileSync(
    join(home, '.docker/contexts/meta', id, 'meta.json'),
    JSON.stringify({ Name: name, Endpoints: { docker: { Host: address } } }),
  )
  const folder = join(home, '.docker/contexts/tls', id, 'docker')
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(certificates)) writeFileSync(join(folder, file), text)
}

const paths = (variables: Record<string, string>) =>
  engineAddresses(home, variables).map(({ to }) => ('path' in to ? to.path : `${to.host}:${to.port}`))

describe.skipIf(process.platform === 'win32')('the engine of this machine', () => {
  it('is looked for at the usual sockets, also of rootless engines, Docker Desktop and Podman', () => {
    expect(paths({ XDG_RUNTIME_DIR: '/run/user/7' })).toEqual([
      '/var/run/docker.sock',
      '/run/user/7/docker.sock',
      join(home, '.docker/run/docker.sock'),
      '/run/user/7/podman/podman.sock',
      '/run/podman/podman.sock',
    ])
  })

  it('is known to be guessed only where nobody names it', () => {
    const guessed = (variables: Record<string, string>) => engineAddresses(home, variables).map((address) => address.guessed)
    expect(guessed({}).every((one) => one === true)).toBe(true)
    expect(guessed({ DOCKER_HOST: 'unix:///var/run/docker.sock' })).toEqual([undefined])
  })

  it('is what DOCKER_HOST says, before any context', () => {
    writeContext('far', 'tcp://far.example:2375')
    expect(paths({ DOCKER_HOST: 'unix:///elsewhere/docker.sock', DOCKER_CONTEXT: 'far' })).toEqual(['/elsewhere/docker.sock'])
  })

  it('is that of the chosen context, with its certificates', () => {
    writeContext('far', 'tcp://far.example:2376', { 'ca.pem': 'authority', 'cert.pem': 'certificate', 'key.pem': 'key' })
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ currentContext: 'far' }))
    const [address] = engineAddresses(home, {})
    expect(address).toMatchObject({ to: { host: 'far.example', port: 2376 }, tls: { verify: true, ca: Buffer.from('authority') } })
    expect(paths({ DOCKER_CONTEXT: 'default' })[0]).toBe('/var/run/docker.sock')
  })

  it('is refused for a context that is not there, and the known ones are named', () => {
    writeContext('far', 'tcp://far.example:2375')
    expect(() => engineAddresses(home, { DOCKER_CONTEXT: 'near' })).toThrow(
      expect.objectContaining({ code: 'ENGINE_CONTEXT_UNKNOWN', message: expect.stringContaining('"near"') as string }),
    )
    expect(() => engineAddresses(home, { DOCKER_CONTEXT: 'near' })).toThrow(/default, far/)
  })

  it("says which file of Docker's is damaged", () => {
    mkdirSync(join(home, '.docker'))
    writeFileSync(join(home, '.docker/config.json'), '{')
    expect(() => engineAddresses(home, {})).toThrow(expect.objectContaining({ code: 'ENGINE_CONFIGURATION_INVALID' }))
  })
})

describe('an address', () => {
  it.each([
    ['unix:///run/docker.sock', { path: '/run/docker.sock' }],
    ['/run/docker.sock', { path: '/run/docker.sock' }],
    ['npipe:////./pipe/docker_engine', { path: '//./pipe/docker_engine' }],
    ['tcp://127.0.0.1:2375', { host: '127.0.0.1', port: 2375 }],
    ['tcp://[::1]:99', { host: '::1', port: 99 }],
    ['tcp://far.example', { host: 'far.example', port: 2375 }],
    ['https://far.example', { host: 'far.example', port: 2376 }],
  ])('%s', (text, to) => {
    expect(parseEngineAddress(text, 'a test').to).toEqual(to)
  })

  it.each(['', 'docker', 'ftp://a', 'unix://relative'])('"%s" is refused', (text) => {
    expect(() => parseEngineAddress(text, 'a test')).toThrow(expect.objectContaining({ code: 'ENGINE_ADDRESS_INVALID' }))
  })
})
