import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openSecrets } from '../src/secrets.ts'

const root = mkdtempSync(join(tmpdir(), 'errand-secrets-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder: string
let project: { directory: string; id: string; name: string }
let environment: Record<string, string>
beforeEach(() => {
  folder = mkdtempSync(join(root, 'test-'))
  project = { directory: join(folder, 'project'), id: 'p1', name: 'iris' }
  mkdirSync(project.directory)
  environment = { ERRAND_CONFIG: join(folder, 'config'), ERRAND_KEYCHAIN: 'off' }
})
const open = (more: Record<string, string> = {}) => openSecrets(project, { environment: { ...environment, ...more } })
const file = () => join(folder, 'config', 'secrets.json')

describe('the environment', () => {
  it('gives a secret for one target before one for all, and both before what is kept', async () => {
    await open().set('pass-word', 'kept', 'gpu.1')
    expect(await open().get('pass-word', 'gpu.1')).toEqual({ value: 'kept', source: 'file' })
    const all = { ERRAND_SECRET_PASS_WORD: 'for all' }
    expect(await open(all).get('pass-word', 'gpu.1')).toEqual({ value: 'for all', source: 'environment' })
    const one = { ...all, ERRAND_SECRET_GPU_1_PASS_WORD: 'for one' }
    expect(await open(one).get('pass-word', 'gpu.1')).toEqual({ value: 'for one', source: 'environment' })
    expect(await open(one).get('pass-word', 'other')).toEqual({ value: 'for all', source: 'environment' })
  })

  it('gives the variable of the very name to a secret variable of a run, and to nothing else', async () => {
    const secrets = open({ API_TOKEN: 'plain' })
    expect(await secrets.getVariable('API_TOKEN')).toEqual({ value: 'plain', source: 'environment' })
    expect(await secrets.get('API_TOKEN')).toBeUndefined()
    expect(await open({ API_TOKEN: 'plain', ERRAND_SECRET_API_TOKEN: 'ours' }).getVariable('API_TOKEN')).toMatchObject({ value: 'ours' })
  })

  it('gives nothing with a variable that is set to nothing', async () => {
    expect(await open({ ERRAND_SECRET_X: '' }).get('x')).toBeUndefined()
  })
})

describe('the file of last resort', () => {
  it('keeps, lists without values, and deletes', async () => {
    const value = 'line one\nline "two" ü\u{1F600}'
    expect(await open().set('password', value, 'gpu')).toBe('file')
    expect(await open().set('token', 'for all targets')).toBe('file')
    expect(await open().set('password', 'in place of it', 'spark')).toBe('file')
    expect(await open().get('password', 'gpu')).toEqual({ value, source: 'file' })
    expect(await open().get('password')).toBeUndefined()
    expect(await open().get('token', 'gpu')).toEqual({ value: 'for all targets', source: 'file' })
    const listed = await open().list()
    expect(listed).toEqual([
      { name: 'password', target: 'gpu', source: 'file' },
      { name: 'password', target: 'spark', source: 'file' },
      { name: 'token', source: 'file' },
    ])
    expect(await open().delete('password', 'gpu')).toBe(true)
    expect(await open().delete('password', 'gpu')).toBe(false)
    expect(await open().get('password', 'gpu')).toBeUndefined()
    expect(await open().get('password', 'spark')).toMatchObject({ value: 'in place of it' })
  })

  it('is for its owner alone, in a folder for its owner alone, and leaves nothing beside it', async () => {
    await open().set('password', 'x')
    await open().set('password', 'y')
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'config')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(folder, 'config')).toSorted()).toEqual(['secrets.json', 'secrets.lock'])
    expect(readFileSync(join(folder, 'config', 'secrets.lock'), 'utf8')).toBe('')
  })

  it('keeps the projects apart and has no trace of a project without secrets', async () => {
    const other = openSecrets({ ...project, id: 'p2', name: 'churn' }, { environment })
    await open().set('password', 'of iris')
    await other.set('password', 'of churn')
    expect(await other.get('password')).toMatchObject({ value: 'of churn' })
    expect(await other.delete('password')).toBe(true)
    expect(readFileSync(file(), 'utf8')).not.toContain('churn')
    expect(await open().get('password')).toMatchObject({ value: 'of iris' })
  })

  it.each([0o644, 0o640, 0o602])('is refused with mode %o, saying the command that mends it and no value', async (mode) => {
    await open().set('password', 'hunter2-value')
    chmodSync(file(), mode)
    for (const call of [open().get('password'), open().set('other', 'new-value'), open().delete('password'), open().list()]) {
      const error = await call.then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code: 'SECRET_FILE_PERMISSIONS' })
      expect(error).toHaveProperty('hint', `chmod 600 '${file()}' (and change the secrets in it if others could have read them)`)
      expect(String(error)).not.toMatch(/hunter2|new-value/)
    }
    expect(readFileSync(file(), 'utf8')).not.toContain('new-value')
  })

  it('is refused in a folder where others may write', async () => {
    mkdirSync(join(folder, 'config'))
    chmodSync(join(folder, 'config'), 0o777)
    await expect(open().set('password', 'x')).rejects.toMatchObject({
      code: 'SECRET_FILE_PERMISSIONS',
      hint: `chmod 700 '${join(folder, 'config')}'`,
    })
    expect(existsSync(file())).toBe(false)
  })

  it.each([
    '',
    '{"version":1,"projects":{"p1":{"secrets":[{"name":"a","value":"hunter2-value"',
    '[]',
    '{"version":1,"projects":{"p1":{"secrets":[{"name":1}]}}}',
    '{"version":2,"projects":{}}',
  ])('is neither used nor overwritten when it holds %j', async (content) => {
    mkdirSync(join(folder, 'config'), { mode: 0o700 })
    writeFileSync(file(), content, { mode: 0o600 })
    for (const call of [open().get('a'), open().set('a', 'new'), open().list()]) {
      const error = await call.then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code: 'SECRET_FILE_INVALID' })
      expect(String(error)).toContain(file())
      expect(JSON.stringify(error) + String(error)).not.toContain('hunter2')
    }
    expect(readFileSync(file(), 'utf8')).toBe(content)
  })

  it('is never inside the project, also not through a link or when HOME is the project', async () => {
    const inside = { ERRAND_CONFIG: join(project.directory, 'deep', 'config') }
    await expect(open(inside).set('password', 'x')).rejects.toMatchObject({ code: 'SECRET_FILE_INSIDE_PROJECT' })
    spawnSync('ln', ['-s', project.directory, join(folder, 'link')])
    await expect(open({ ERRAND_CONFIG: join(folder, 'link', 'config') }).set('password', 'x')).rejects.toMatchObject({
      code: 'SECRET_FILE_INSIDE_PROJECT',
    })
    const home = openSecrets(project, { environment: { HOME: project.directory, ERRAND_KEYCHAIN: 'off' } })
    await expect(home.set('password', 'x')).rejects.toMatchObject({ code: 'SECRET_FILE_INSIDE_PROJECT' })
    expect(readdirSync(project.directory, { recursive: true }).filter((name) => String(name).endsWith('secrets.json'))).toEqual([])
  })

  it('is found by XDG_CONFIG_HOME, and by HOME where that is not an absolute path', async () => {
    const under = (more: Record<string, string>) =>
      openSecrets(project, { environment: { ERRAND_KEYCHAIN: 'off', HOME: join(folder, 'home'), ...more } }).file
    expect(under({ XDG_CONFIG_HOME: join(folder, 'xdg') })).toBe(join(folder, 'xdg', 'errand', 'secrets.json'))
    expect(under({ XDG_CONFIG_HOME: 'relative' })).toBe(join(folder, 'home', '.config', 'errand', 'secrets.json'))
    expect(under({})).toBe(join(folder, 'home', '.config', 'errand', 'secrets.json'))
  })

  it('loses nothing when several processes write at once and one is killed', async () => {
    const program = `
      import { openSecrets } from ${JSON.stringify(new URL('../src/secrets.ts', import.meta.url).href)}
      const [directory, writer] = process.argv.slice(1)
      const secrets = openSecrets({ directory, id: 'p1', name: 'iris' })
      for (let index = 0; index < 20; index += 1) await secrets.set('name-' + writer + '-' + index, 'value-' + index)
      process.stdout.write('done')
      if (writer === 'killed') for (;;) await secrets.set('again', 'x'.repeat(100000))`
    const start = (writer: string) =>
      spawn(process.execPath, ['--input-type=module-typescript', '-e', program, project.directory, writer], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
    const ended = (child: ReturnType<typeof start>) =>
      new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
    const killed = start('killed')
    const others = ['a', 'b', 'c'].map(start)
    const exits = [killed, ...others].map(ended)
    killed.stdout.once('data', () => killed.kill('SIGKILL'))
    expect(await Promise.all(exits)).toEqual(['SIGKILL', 0, 0, 0])
    await open().set('after', 'all')
    const names = (await open().list()).map(({ name }) => name).filter((name) => name !== 'again')
    const expected = ['a', 'b', 'c', 'killed'].flatMap((writer) => Array.from({ length: 20 }, (_, index) => `name-${writer}-${index}`))
    expect(names).toEqual([...expected, 'after'].toSorted())
    expect(readdirSync(join(folder, 'config')).toSorted()).toEqual(['secrets.json', 'secrets.lock'])
  }, 60_000)
})

it.each(['', 'a/b', 'a=b', 'a\nb', 'x'.repeat(201)])('refuses %j as a name', async (name) => {
  await expect(open().set(name, 'hunter2-value')).rejects.toMatchObject({ code: 'SECRET_NAME_INVALID' })
  await expect(open().get('fine', name)).rejects.toMatchObject({ code: 'SECRET_NAME_INVALID' })
})

it('refuses an empty value', async () => {
  await expect(open().set('password', '')).rejects.toMatchObject({ code: 'SECRET_EMPTY' })
})

it('falls through to the file when the keychain can not be reached', () => {
  const session = join(import.meta.dirname, 'servers', 'keychain-session.ts')
  const environmentWithoutBus = { PATH: process.env['PATH'], DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'no-bus')}` }
  const { stdout, stderr } = spawnSync(process.execPath, [session, folder], { env: environmentWithoutBus, encoding: 'utf8' })
  expect(JSON.parse(stdout || stderr)).toMatchObject({
    'moved to the keychain': 'file',
    'read back': { value: 'secönd-value\nof two lines', source: 'file' },
    'listed at the end': [],
  })
})

const canRun = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
const keyringIsThere = process.platform === 'linux' && canRun('gnome-keyring-daemon') && canRun('dbus-run-session')

it.skipIf(!keyringIsThere)('keeps secrets in a real keychain (runs where dbus-run-session and gnome-keyring-daemon are installed)', () => {
  const servers = join(import.meta.dirname, 'servers')
  const command = [join(servers, 'keyring.sh'), process.execPath, join(servers, 'keychain-session.ts'), folder]
  const { stdout, stderr } = spawnSync('sh', command, { encoding: 'utf8' })
  expect(JSON.parse(stdout || stderr)).toEqual({
    'in the file first': 'file',
    'moved to the keychain': 'keychain',
    'read back': { value: 'secönd-value\nof two lines', source: 'keychain' },
    'another project': 'nothing',
    'no longer in the file': 'nothing',
    listed: [{ name: 'password', target: 'gpu', source: 'keychain' }],
    'delete without the keychain': 'SECRET_KEYCHAIN_UNREACHABLE',
    'newer in the file': 'file',
    'the newer one counts': { value: 'third-value', source: 'file' },
    'listed once': [{ name: 'password', target: 'gpu', source: 'file' }],
    deleted: true,
    'deleted again': false,
    'nothing left': 'nothing',
    'listed at the end': [],
  })
  expect(readFileSync(join(folder, 'config', 'secret-names.json'), 'utf8')).not.toContain('value')
})
