import { execFile, spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'

const source = join(import.meta.dirname, '..', 'python')
const files = globSync('**/*.py', { cwd: source }).toSorted()
const oldest = [3, 5] as const
const minute = 60_000

interface Interpreter {
  readonly path: string
  readonly version: string
}

/** Of every minor version that the agent has to run on the first Python of this machine, that of the PATH first. */
function findInterpreters(): readonly Interpreter[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const candidates = [
    ...folders.flatMap((folder) => globSync('python3{,.[0-9],.[0-9][0-9]}', { cwd: folder }).map((name) => join(folder, name))),
    ...globSync(join(homedir(), '.pyenv/versions/*/bin/python')),
    ...globSync('/usr/bin/python3{,.[0-9],.[0-9][0-9]}'),
  ]
  const found = new Map<number, Interpreter>()
  for (const path of candidates) {
    const ask = 'import sys; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3])'
    const [executable, version] = spawnSync(path, ['-S', '-c', ask], { encoding: 'utf8', timeout: minute }).stdout?.split('\n') ?? []
    if (executable === undefined || version === undefined || !existsSync(executable) || !isRecentEnough(version)) continue
    const minor = minorOf(version)
    if (!found.has(minor)) found.set(minor, { path: realpathSync(executable), version })
  }
  return [...found.values()]
}

function isRecentEnough(version: string): boolean {
  return version.startsWith(`${oldest[0]}.`) && minorOf(version) >= oldest[1]
}

function minorOf(version: string): number {
  return Number(version.split('.')[1])
}

/** All of them in `./check --all`; else the first, the oldest and the newest, where a difference shows first. */
function chooseInterpreters(): readonly Interpreter[] {
  if (process.env['ERRAND_CHECK'] === 'all') return interpreters
  const byAge = interpreters.toSorted((one, other) => minorOf(one.version) - minorOf(other.version))
  return [...new Set([...interpreters.slice(0, 1), ...byAge.slice(0, 1), ...byAge.slice(-1)])]
}

interface Outcome {
  readonly failed: boolean
  readonly output: string
}

function run(command: string, parameters: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const options = { cwd: source, env: { ...process.env, ...environment }, timeout: 28 * minute, maxBuffer: 1e8 }
  return new Promise((resolve) => {
    execFile(command, parameters, options, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: `${stdout}${stderr}${error?.message ?? ''}` }),
    )
  })
}

const interpreters = findInterpreters()

describe('the agent', () => {
  it('has a Python to be tested with', () => {
    expect(interpreters).not.toHaveLength(0)
  })

  // What takes long or much space is run with the first interpreter only.
  // Most of the time is waiting for processes to end: the interpreters wait side by side.
  it.concurrent.each(chooseInterpreters())(
    'passes its own tests on Python $version ($path)',
    { timeout: 29 * minute },
    async ({ path }) => {
      const slow = path === interpreters[0]?.path ? '1' : ''
      const { failed, output } = await run(path, ['-m', 'unittest', 'discover', '-s', 'test'], { ERRAND_SLOW_TESTS: slow })
      expect(failed ? output : '').toBe('')
    },
  )

  it('is written in the grammar of Python 3.5', async () => {
    const parser = interpreters.find(({ version }) => minorOf(version) >= 8)
    expect(parser, 'a Python of 3.8 or newer is needed to read the files with the grammar of 3.5').toBeDefined()
    const check = 'import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name, encoding="utf-8").read(), name, feature_version=(3, 5))'
    const { failed, output } = await run(parser?.path ?? 'python3', ['-c', check, ...files])
    expect(failed ? output : '').toBe('')
  })

  const vermin = process.env['ERRAND_VERMIN'] ?? 'vermin'
  const hasVermin = spawnSync(vermin, ['--version']).status === 0
  it.skipIf(!hasVermin && process.env['CI'] === undefined)(
    'uses nothing that Python 3.5 lacks, says vermin (skipped without vermin: set ERRAND_VERMIN to its path)',
    async () => {
      const { failed, output } = await run(vermin, [
        '--no-tips',
        '--violations',
        '--eval-annotations',
        '--backport',
        'typing',
        '-t=3.5-',
        ...files,
      ])
      expect(failed ? output : '').toBe('')
    },
  )

  it('names a Python that is too old', () => {
    const entry = readFileSync(join(source, 'errand_agent_main.py'), 'utf8')
    const old = globSync(join(homedir(), '.pyenv/versions/2.*/bin/python'))[0]
    expect(entry).toContain('ERRAND_AGENT_PYTHON_TOO_OLD')
    if (old === undefined) return
    const result = spawnSync(old, ['errand_agent_main.py', 'serve'], { cwd: source, encoding: 'utf8' })
    expect([result.status, result.stderr]).toEqual([3, 'ERRAND_AGENT_PYTHON_TOO_OLD 2.7.18\n'])
  })
})
