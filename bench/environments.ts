import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, type Figure, inTurn, measure, median, row } from './measure.ts'

const packages = ['numpy', 'pandas', 'scikit-learn']
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3)
const firstImport = 'import numpy, pandas, sklearn'

/**
 * An environment of numpy, pandas and scikit-learn, from nothing to the end of the first import: our prepare, tools included, against pip in a
 * virtual environment; then with a warm cache; then a prepare of what is there.
 */
export async function environments(scratch: string, errand: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const folder = join(scratch, 'environments')
  const directory = join(folder, 'project')
  mkdirSync(join(directory, 'aml_config'), { recursive: true })
  const series = execFileSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' }).trim()
  const pip = packages.map((name) => `    - ${name}\n`).join('')
  writeFileSync(join(directory, 'aml_config/conda_dependencies.yml'), `dependencies:\n  - python=${series}\n  - pip:\n${pip}`)
  writeFileSync(join(directory, 'aml_config/local.compute'), 'type: local\nuserManagedEnvironment: false\n')
  writeFileSync(join(directory, 'aml_config/local.runconfig'), 'Target: local\nFramework: Python\n')
  const home = join(folder, 'home')
  const env = { ...environment, ERRAND_HOME: home, UV_CACHE_DIR: join(folder, 'uv-cache'), PIP_CACHE_DIR: join(folder, 'pip-cache') }
  const shell = (name: string, script: string): Command => ({ name, command: ['sh', '-ec', script], cwd: directory, env })
  const prepare = `${errand} prepare -c local && ${home}/environments/*/environment/bin/python -c '${firstImport}'`
  const install = `python3 -m venv ${folder}/venv && ${folder}/venv/bin/pip install --quiet ${packages.join(' ')} && ${folder}/venv/bin/python -c '${firstImport}'`
  const remove = (...names: readonly string[]) => names.forEach((name) => rmSync(join(folder, name), { recursive: true, force: true }))
  const figures: Record<'cold' | 'warm' | 'pip', Figure[]> = { cold: [], warm: [], pip: [] }
  for (let round = 0; round < rounds; round++) {
    remove('venv', 'pip-cache')
    figures.pip.push(await measure(shell('pip', install)))
    remove('home', 'uv-cache', 'pip-cache')
    figures.cold.push(await measure(shell('prepare, cold', prepare)))
    remove('home/environments')
    figures.warm.push(await measure(shell('prepare, warm', prepare)))
  }
  const middle = (list: readonly Figure[]): Figure => ({ seconds: median(list.map(({ seconds }) => seconds)), megabytes: 0 })
  row(
    'environment of numpy, pandas, scikit-learn and first import, cold / pip in a venv',
    middle(figures.cold),
    middle(figures.pip),
    '<= 0.50',
  )
  row('the same with a warm package cache / pip in a venv', middle(figures.warm), middle(figures.pip), '<= 0.20')
  const again: Command = { name: 'prepare', command: [...errand.split(' '), 'prepare', '-c', 'local'], cwd: directory, env }
  const nothing: Command = { name: 'node -e 0', command: [process.execPath, '-e', '0'] }
  const [limit, unchanged] = await inTurn([nothing, again], 9)
  if (limit !== undefined && unchanged !== undefined) row('unchanged prepare / `node -e 0`', unchanged, limit, '<= 300 ms')
}
