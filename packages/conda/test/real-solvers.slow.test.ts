import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Environment, type EnvironmentLock, type JsonValue, localHost } from '@errand/core'
import { machinePythons, makeCondaChannel } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PreparedEnvironment, type WantedEnvironment, prepareEnvironment } from '../src/index.ts'
import { callOptions, condaFile } from './conda-place.ts'

/** py-rattler, uv and packages come from PyPI, conda packages from a channel that is made of the Pythons of this machine. */
const folder = mkdtempSync(join(tmpdir(), 'errand-conda-real-'))
const channel = `file://${join(folder, 'channel')}`
const home = join(folder, 'home')
const { python: modernVersion, prefixes } = makeCondaChannel(join(folder, 'channel'), machinePythons(['3.6']))
const old = prefixes[1]

beforeAll(() => {
  process.env['RATTLER_CACHE_DIR'] = join(folder, 'rattler-cache')
  process.env['UV_CACHE_DIR'] = join(folder, 'uv-cache')
  makeWheel()
})
afterAll(() => {
  delete process.env['RATTLER_CACHE_DIR']
  delete process.env['UV_CACHE_DIR']
  rmSync(folder, { recursive: true, force: true })
})

const wheelName = 'own_thing-1.0-py3-none-any.whl'

function makeWheel(): void {
  const program = `
import zipfile, sys
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("own_thing.py", "value = 42\\n")
    wheel.writestr("own_thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own-thing\\nVersion: 1.0\\n")
    wheel.writestr("own_thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("own_thing-1.0.dist-info/RECORD", "own_thing.py,,\\nown_thing-1.0.dist-info/METADATA,,\\nown_thing-1.0.dist-info/WHEEL,,\\nown_thing-1.0.dist-info/RECORD,,\\n")
`
  execFileSync('python3', ['-c', program, join(folder, wheelName)])
}

interface Sections {
  readonly conda?: readonly string[]
  readonly pip?: readonly string[]
  readonly pipOptions?: readonly string[]
}

const canonical = ({ conda = [`python=${modernVersion}`, 'greeter'], pip = [], pipOptions = [] }: Sections): JsonValue => ({
  channels: [channel],
  conda,
  pip,
  pipOptions,
})

async function prepare(environment: Environment, more: Partial<WantedEnvironment> = {}): Promise<PreparedEnvironment> {
  const options = { ...callOptions(), build: true, openObject: () => createReadStream(join(folder, wheelName)) }
  return prepareEnvironment(localHost(), { home, environment, ...more }, options)
}

const run = (prepared: PreparedEnvironment, program: string): string =>
  spawnSync(prepared.python, ['-c', program], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout.trim()

/** Another place for environments, with the same tools: bringing them takes half a minute. */
function otherHome(name: string): string {
  mkdirSync(join(folder, name))
  symlinkSync(join(home, 'tools'), join(folder, name, 'tools'))
  return join(folder, name)
}

const find = ({ packages }: EnvironmentLock, wanted: string) => packages.find(({ name }) => name.toLowerCase() === wanted)

describe('rattler', () => {
  it('solves the conda part, uv installs the pip section, and every package is recorded with address and hash', async () => {
    const made = await prepare(condaFile(canonical({ pip: ['six==1.16.0', 'MarkupSafe'] })), { provider: 'rattler' })
    expect(made.lock.provider).toMatch(/^rattler \d/)
    expect(execFileSync(join(made.prefix, 'bin', 'greeter'), { encoding: 'utf8' })).toBe(`greeter 2.0.0 on ${modernVersion}\n`)
    expect(run(made, 'import six, markupsafe; print(six.__version__)')).toBe('1.16.0')
    for (const item of made.lock.packages)
      expect(item).toMatchObject({ url: expect.any(String) as string, hash: expect.stringMatching(/^sha256:/) as string })
    expect(find(made.lock, 'markupsafe')?.url).toMatch(/^https:.*\.whl$/)

    const elsewhere = await prepare(condaFile(canonical({ pip: ['six==1.16.0', 'MarkupSafe'] }), made.lock), {
      provider: 'rattler',
      home: otherHome('second'),
    })
    expect(elsewhere.built).toBe(true)
    expect(elsewhere.lock.packages.map(({ name, version, build }) => [name, version, build])).toEqual(
      made.lock.packages.map(({ name, version, build }) => [name, version, build]),
    )
    expect(run(elsewhere, 'import six; print(six.__version__)')).toBe('1.16.0')
  })

  it('refuses a lock that the channel no longer has', async () => {
    const lock = { provider: 'rattler 0.28.0', packages: [{ name: 'greeter', version: '1.5.0', build: 'pyh0_0' }] }
    await expect(prepare(condaFile(canonical({}), lock), { provider: 'rattler' })).rejects.toMatchObject({ code: 'ENVIRONMENT_FAILED' })
  })

  it('says which Python is not to be had', async () => {
    await expect(prepare(condaFile(canonical({ conda: ['python=3.5.2', 'greeter'] })), { provider: 'rattler' })).rejects.toMatchObject({
      code: 'ENVIRONMENT_FAILED',
      hint: expect.stringContaining('Python 3.5.2 is not to be had') as string,
    })
  })

  it.skipIf(old === undefined)('makes a Python 3.6, whose pip section only pip can install (skipped without a Python 3.6)', async () => {
    const made = await prepare(condaFile(canonical({ conda: ['python=3.6', 'greeter'], pip: ['six==1.16.0'] })), { provider: 'rattler' })
    expect(made.pythonVersion).toMatch(/^3\.6\./)
    expect(run(made, 'import six, greeter; print(six.__version__, greeter.__version__)')).toBe('1.16.0 1.0.0')
    expect(find(made.lock, 'six')).toMatchObject({ version: '1.16.0' })
  })
})

describe('the pip section', () => {
  it('goes through pip when uv lacks one of its options, with the addresses that pip reports', async () => {
    const made = await prepare(condaFile(canonical({ pip: ['six==1.16.0'], pipOptions: ['--timeout', '100'] })), { provider: 'rattler' })
    expect(readFileSync(join(made.prefix, '..', 'log'), 'utf8')).toContain('-m pip install')
    expect(find(made.lock, 'six')).toMatchObject({
      url: expect.stringMatching(/six-1\.16\.0/) as string,
      hash: expect.stringMatching(/^sha256:/) as string,
    })
  })

  it.each([
    ['uv', []],
    ['pip', ['--timeout', '100']],
  ])('that fails in %s shows its own lines and a hint, and leaves nothing half made', async (_, pipOptions) => {
    const failure = await prepare(condaFile(canonical({ pip: ['six', 'errand-has-no-such-package==9'], pipOptions })), {
      provider: 'rattler',
    }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ENVIRONMENT_FAILED' })
    expect((failure as Error).message).toContain('errand-has-no-such-package')
    const log = /The full log is (\S+) on/.exec((failure as Error).message)?.[1] ?? ''
    expect(existsSync(log)).toBe(true)
    expect(existsSync(join(log, '..', 'environment'))).toBe(false)
  })

  it('installs a wheel of the project by digest, on another place from the lock too', async () => {
    const content = readFileSync(join(folder, wheelName))
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    const localFiles = [{ kind: 'file' as const, path: `wheels/${wheelName}`, size: content.length, executable: false, digest }]
    const environment = { ...condaFile(canonical({ pip: [`./wheels/${wheelName}`] })), localFiles } as Environment
    const made = await prepare(environment, { provider: 'rattler' })
    expect(run(made, 'import own_thing; print(own_thing.value)')).toBe('42')
    expect(find(made.lock, 'own-thing')).toEqual({ name: 'own-thing', version: '1.0', url: `./wheels/${wheelName}`, hash: digest })
    const again = await prepare({ ...environment, lock: made.lock } as Environment, {
      provider: 'rattler',
      home: otherHome('third'),
    })
    expect(again.lock).toEqual(made.lock)

    writeFileSync(join(folder, wheelName), 'another content')
    const wrong = prepare(environment, { provider: 'rattler', home: otherHome('fourth') })
    await expect(wrong).rejects.toMatchObject({ message: expect.stringContaining('has not the content that its digest says') as string })
    writeFileSync(join(folder, wheelName), content)
  })
})

describe('uv', () => {
  it('makes the environment when the conda part asks for a Python that the place has', async () => {
    const made = await prepare(condaFile(canonical({ conda: ['python>=3.8', 'pip'], pip: ['six==1.16.0'] })))
    expect(made.lock.provider).toMatch(/^uv /)
    expect(run(made, 'import six, pip, sys; print(six.__version__, sys.prefix != sys.base_prefix)')).toBe('1.16.0 True')
    expect(find(made.lock, 'python')).toMatchObject({ version: made.pythonVersion })
    const again = await prepare(condaFile(canonical({ conda: ['python>=3.8', 'pip'], pip: ['six==1.16.0'] }), made.lock), {
      home: otherHome('fifth'),
    })
    expect(again.lock.packages).toEqual(made.lock.packages)
  })

  it('takes pip from elsewhere when the one index of the list, which wants a login, has none', async () => {
    const login = 'me:canary-77'
    const server = createServer((request, response) => {
      if (request.headers.authorization !== `Basic ${Buffer.from(login).toString('base64')}`)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="index"' }).end()
      else if (request.url === '/simple/own-thing/')
        response.setHeader('content-type', 'text/html').end(`<a href="/${wheelName}">${wheelName}</a>`)
      else if (request.url === `/${wheelName}`) response.end(readFileSync(join(folder, wheelName)))
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const index = `http://${login}@127.0.0.1:${(server.address() as AddressInfo).port}/simple`
      const wanted = canonical({ conda: ['python>=3.8', 'pip'], pip: ['own-thing'], pipOptions: ['--index-url', index] })
      const made = await prepare(condaFile(wanted))
      expect(made.lock.provider).toMatch(/^uv /)
      expect(run(made, 'import own_thing, pip; print(own_thing.value)')).toBe('42')
      expect(find(made.lock, 'own-thing')).toMatchObject({ hash: expect.stringMatching(/^sha256:/) as string })
      const again = await prepare(condaFile(wanted, made.lock), { home: otherHome('sixth') })
      expect(again.lock.packages).toEqual(made.lock.packages)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('makes that of a requirements file', async () => {
    const environment: Environment = {
      kind: 'requirements',
      file: 'requirements.txt',
      text: '',
      localFiles: [],
      canonical: { pip: ['six==1.16.0'], pipOptions: [] },
    }
    const made = await prepare(environment)
    expect(run(made, 'import six; print(six.__version__)')).toBe('1.16.0')
  })
})
