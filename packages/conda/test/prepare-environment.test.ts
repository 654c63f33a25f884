import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { localHost } from '@errand/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type WantedEnvironment, listEnvironments, planEnvironment, prepareEnvironment, removeEnvironment } from '../src/index.ts'
import { type CondaPlace, callOptions, condaPlace, until } from './conda-place.ts'

const channels = ['conda-forge']
const python = { channels, conda: ['python'], pip: [], pipOptions: [] }
const waiting = { ...python, conda: ['python', 'waiting'] }

let place: CondaPlace
beforeEach(() => {
  place = condaPlace()
})
afterEach(() => place[Symbol.dispose]())

const prepare = (wanted: WantedEnvironment, options = callOptions(), build = true) =>
  prepareEnvironment(localHost(), wanted, { ...options, build })

describe('preparing an environment', () => {
  it('makes it once, with a Python that runs and the list of what is in it', async () => {
    const first = await prepare(place.wanted(python))
    expect(first).toMatchObject({
      built: true,
      lock: { provider: 'conda 24.1.0', packages: [{ name: 'python', build: 'h0_0', hash: `md5:${'0'.repeat(32)}` }] },
    })
    expect(spawnSync(first.python, ['-c', 'import sys; print(sys.prefix)'], { encoding: 'utf8' }).stdout.trim()).toBe(first.prefix)
    const second = await prepare(place.wanted(python))
    expect(second).toMatchObject({ built: false, key: first.key, lock: first.lock, pythonVersion: first.pythonVersion })
    expect(place.calls()).toHaveLength(1)
  })

  it('does nothing when it may not build, and says which input changed', async () => {
    const wanted = place.wanted(python, { projectId: 'p1' })
    await expect(prepare(wanted, callOptions(), false)).rejects.toMatchObject({ code: 'ENVIRONMENT_NOT_PREPARED' })
    expect(place.calls()).toEqual([])
    await prepare(wanted)
    await expect(prepare(wanted, callOptions(), false)).resolves.toMatchObject({ built: false, changed: [] })
    const edited = place.wanted({ ...python, conda: ['python', 'numpy=1.18'] }, { projectId: 'p1' })
    await expect(prepare(edited, callOptions(), false)).rejects.toMatchObject({
      message: expect.stringContaining('conda: numpy') as string,
    })
    await expect(planEnvironment(localHost(), edited, callOptions())).resolves.toMatchObject({
      ready: false,
      changed: [{ input: 'conda: numpy', after: 'numpy=1.18' }],
      steps: [expect.stringContaining('create --yes') as string],
    })
    const options = callOptions()
    await prepare(edited, options)
    expect(options.messages).toContain(
      'The environment of aml_config/conda_dependencies.yml is made anew: conda: numpy (nothing → numpy=1.18).',
    )
  })

  it('asked twice at once, makes it once: the second waits and says for whom', async () => {
    const [one, two] = [callOptions(), callOptions()]
    const first = prepare(place.wanted(waiting), one)
    await until(() => place.calls().length === 1)
    const second = prepare(place.wanted(waiting), two)
    await until(() => two.messages.some((message) => message.startsWith('waiting for process')))
    writeFileSync(join(place.folder, 'bin', 'go'), '')
    expect([(await first).built, (await second).built]).toEqual([true, false])
    expect(place.calls()).toHaveLength(1)
  })

  it('takes over from a builder that was killed, ends what it left running, and removes its leftovers', async () => {
    const dying = spawn(process.execPath, [join(import.meta.dirname, 'prepare-and-die.ts'), JSON.stringify(place.wanted(waiting))], {
      stdio: 'ignore',
    })
    const [call = ''] = await until(() => (place.calls().length === 1 ? place.calls() : undefined))
    const orphan = Number(call.split(' ')[0])
    const folder = readdirSync(join(place.home, 'environments')).find((name) => /^[0-9a-f]{24}$/.test(name)) ?? ''
    await until(() => existsSync(join(place.folder, 'bin', 'made')))
    const holder = JSON.parse(readFileSync(join(place.home, 'environments', `${folder}.lock`), 'utf8')) as { readonly pid: number }
    writeFileSync(join(place.home, 'environments', folder, 'environment', 'leftover'), '')
    dying.kill('SIGKILL')
    process.kill(holder.pid, 'SIGKILL')
    expect(isAlive(orphan)).toBe(true)
    const again = prepare(place.wanted(waiting))
    await until(() => !isAlive(orphan))
    await until(() => place.calls().length === 2)
    writeFileSync(join(place.folder, 'bin', 'go'), '')
    const made = await again
    expect(made.built).toBe(true)
    expect(existsSync(join(made.prefix, 'leftover'))).toBe(false)
  })

  it('goes on when only its client dies: the next call finds it ready', async () => {
    const dying = spawn(process.execPath, [join(import.meta.dirname, 'prepare-and-die.ts'), JSON.stringify(place.wanted(waiting))], {
      stdio: 'ignore',
    })
    await until(() => place.calls().length === 1)
    dying.kill('SIGKILL')
    writeFileSync(join(place.folder, 'bin', 'go'), '')
    await expect(prepare(place.wanted(waiting))).resolves.toMatchObject({ built: false })
    expect(place.calls()).toHaveLength(1)
  })

  it('ends the builder and its programs when the call is aborted', async () => {
    const abort = new AbortController()
    const call = prepare(place.wanted(waiting), { ...callOptions(), signal: abort.signal })
    const failure = call.catch((error: unknown) => error)
    const [line = ''] = await until(() => (place.calls().length === 1 ? place.calls() : undefined))
    abort.abort()
    expect(await failure).toMatchObject({ message: expect.stringContaining('aborted') as string })
    await until(() => !isAlive(Number(line.split(' ')[0])))
  })

  it("that fails shows the solver's own lines, the log and a hint, keeps no half environment and no credentials", async () => {
    const failure = await prepare(place.wanted({ ...python, conda: ['python=3.5.2', 'broken'] })).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ENVIRONMENT_FAILED', hint: expect.stringContaining('Python 3.5.2 is not to be had') as string })
    const { message } = failure as Error
    expect(message).toContain('PackagesNotFoundError')
    const log = /The full log is (\S+) on/.exec(message)?.[1] ?? ''
    expect(readFileSync(log, 'utf8')).toContain('https://***@channel.example.org')
    expect(`${message}${readFileSync(log, 'utf8')}`).not.toContain('canary')
    expect(existsSync(join(log, '..', 'environment'))).toBe(false)
  })

  it('is planned without a credential and without a trace at the place', async () => {
    const channel = 'https://user:canary@channel.example.org'
    const plan = await planEnvironment(localHost(), place.wanted({ ...python, channels: [channel] }), callOptions())
    expect(plan.steps.join(' ')).toContain('--channel errand-1 ')
    expect(JSON.stringify(plan)).not.toContain('canary')
    expect(existsSync(place.home)).toBe(false)
  })

  it('asks the first Python that can answer, and names those that can not', async () => {
    await expect(prepare(place.wanted(python, { pythons: ['false', 'no-such-python', 'python3'] }))).resolves.toMatchObject({ built: true })
    await expect(prepare(place.wanted(python, { pythons: ['false'] }))).rejects.toMatchObject({
      code: 'PYTHON_NOT_FOUND',
      message: expect.stringContaining('None of false') as string,
    })
  })

  it('names a program of the configuration that does not work', async () => {
    await expect(prepare(place.wanted(python, { programs: { conda: '/nowhere/conda' } }))).rejects.toMatchObject({
      code: 'PROGRAM_NOT_FOUND',
      message: expect.stringContaining('/nowhere/conda') as string,
    })
  })

  it('is done again when the Python that it links to is gone', async () => {
    const { prefix } = await prepare(place.wanted(python))
    spawnSync('sh', ['-c', 'rm "$0"/bin/python*', prefix])
    await expect(prepare(place.wanted(python))).resolves.toMatchObject({ built: true })
  })
})

describe('a lock', () => {
  const drifting = { ...python, conda: ['python', 'drifting'] }
  const setBuild = (build: string) => writeFileSync(join(place.folder, 'bin', 'build'), build)

  it('is met by an environment that was made without it, and not by one with another build', async () => {
    setBuild('h1_0')
    const { lock, key } = await prepare(place.wanted(drifting))
    await expect(prepare(place.wanted(drifting, { lock }))).resolves.toMatchObject({ built: false, key })
    await removeEnvironment(localHost(), { home: place.home, key }, callOptions())
    setBuild('h2_0')
    await expect(prepare(place.wanted(drifting, { lock }))).rejects.toMatchObject({
      code: 'ENVIRONMENT_DRIFTED',
      message: expect.stringMatching(/drifting: locked 1\.0 h1_0.*, found 1\.0 h2_0/) as string,
    })
    setBuild('h1_0')
    const again = await prepare(place.wanted(drifting, { lock }))
    expect(again).toMatchObject({ built: true, lock })
    expect(place.calls().at(-1)).toMatch(/drifting python$/)
  })
})

describe('the environments of a place', () => {
  it('are listed with size and last use, and removed', async () => {
    const { key } = await prepare(place.wanted(python, { projectId: 'p1' }))
    await prepare(place.wanted({ ...python, conda: ['broken'] })).catch(() => undefined)
    const list = await listEnvironments(localHost(), { home: place.home }, callOptions())
    expect(list).toHaveLength(2)
    expect(list.find((item) => item.key === key)).toMatchObject({ complete: true, project: 'p1', inUse: false, provider: 'conda 24.1.0' })
    expect(list.find((item) => item.key === key)?.bytes).toBeGreaterThan(1000)
    expect(list.find((item) => item.key === key)?.lastUsed).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    for (const item of list) await removeEnvironment(localHost(), { home: place.home, key: item.key }, callOptions())
    await expect(listEnvironments(localHost(), { home: place.home }, callOptions())).resolves.toEqual([])
    expect(readdirSync(join(place.home, 'environments')).toSorted()).toEqual(['latest', 'programs.json'])
  })

  it('are in use while they are made, and while a program of theirs runs', async () => {
    const making = prepare(place.wanted(waiting))
    await until(() => place.calls().length === 1)
    const [listed] = await listEnvironments(localHost(), { home: place.home }, callOptions())
    expect(listed).toMatchObject({ complete: false, inUse: true })
    const key = listed?.key ?? ''
    await expect(removeEnvironment(localHost(), { home: place.home, key }, callOptions())).rejects.toMatchObject({
      code: 'ENVIRONMENT_IN_USE',
    })
    writeFileSync(join(place.folder, 'bin', 'go'), '')
    const { python: program } = await making
    const child = spawn(program, ['-c', 'input()'])
    await until(() => child.pid !== undefined && readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith(program))
    await expect(listEnvironments(localHost(), { home: place.home }, callOptions())).resolves.toMatchObject([
      { complete: true, inUse: true },
    ])
    child.kill()
  })

  it('keep no file that may hold credentials', async () => {
    const { prefix } = await prepare(place.wanted(python))
    const names = readdirSync(join(prefix, '..'))
    expect(names.toSorted()).toEqual(['complete.json', 'environment', 'log', 'used'])
    expect(statSync(join(prefix, '..', 'log')).mode & 0o77).toBe(0)
  })

  it('are not removed by a name that leads elsewhere', async () => {
    await expect(removeEnvironment(localHost(), { home: place.home, key: '../..' }, callOptions())).rejects.toMatchObject({
      code: 'ENVIRONMENT_UNKNOWN',
    })
  })
})

function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z') === false
  } catch {
    return false
  }
}
