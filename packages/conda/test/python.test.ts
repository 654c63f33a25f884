import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { imageProbe, readImageProbe } from '../src/index.ts'

const source = join(import.meta.dirname, '..', 'python')
/** The driver runs in a tool environment with a Python of its own. */
const files = globSync('*.py', { cwd: source }).filter((name) => name !== 'rattler_driver.py')

const candidates = [...globSync(join(homedir(), '.pyenv/versions/3.*/bin/python')), ...globSync('/usr/bin/python3')]
const pythons = [...new Set(candidates.map((path) => realpathSync(path)))]

describe('the Python that is sent to a place', () => {
  it.each(pythons)('answers on %s', (python) => {
    const { command, input } = imageProbe(python)
    const [program = '', ...parameters] = command
    const facts = readImageProbe(execFileSync(program, parameters, { input, encoding: 'utf8', cwd: '/', env: { PATH: '/usr/bin:/bin' } }))
    expect(facts.platform).toMatch(/^(linux|osx)-/)
    expect(facts.python.path).toBe(python)
    expect(facts.pythons.map(({ path }) => path)).toContain(python)
  })

  it('is written in the grammar of Python 3.5', () => {
    const check = 'import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name, encoding="utf-8").read(), name, feature_version=(3, 5))'
    const python = pythons.find((path) => /3\.(8|9|1\d)$/.test(path)) ?? 'python3'
    const { status, stderr } = spawnSync(python, ['-c', check, ...files], { cwd: source, encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })

  const vermin = process.env['ERRAND_VERMIN'] ?? 'vermin'
  it.skipIf(spawnSync(vermin, ['--version']).status !== 0 && process.env['CI'] === undefined)(
    'uses nothing that Python 3.5 lacks, says vermin (skipped without vermin: set ERRAND_VERMIN to its path)',
    () => {
      const { status, stdout } = spawnSync(vermin, ['--no-tips', '--violations', '-t=3.5-', ...files], { cwd: source, encoding: 'utf8' })
      expect(status === 0 ? '' : stdout).toBe('')
    },
  )
})
