import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDockerEngine } from '../packages/testkit/dist/servers/index.js'
import type { DockerBench } from './docker.ts'
import { type Command, type Figure, measure, median, row } from './measure.ts'

const packages = ['numpy', 'pandas', 'scikit-learn']
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3)
const firstImport = 'import numpy, pandas, sklearn'

/**
 * An image with numpy, pandas and scikit-learn, from nothing to the end of the first import in a container: our prepare against a plain
 * `docker build` that compiles what pip installs; then our prepare after one more package was added to the file. Ours compiles no tests of
 * packages. Needs root, the `docker` program, and PyPI.
 */
export async function dockerBuild({ errand, scratch, environment }: DockerBench): Promise<void> {
  await using engine = await startDockerEngine()
  const image = await engine.image('python')
  const docker = `docker --host unix://${engine.socket}`
  const directory = join(scratch, 'docker-build')
  mkdirSync(join(directory, 'aml_config'), { recursive: true })
  writeFileSync(join(directory, 'aml_config/docker.compute'), `type: docker\nbaseDockerImage: ${image}\nengine: ${engine.socket}\n`)
  writeFileSync(join(directory, 'aml_config/docker.runconfig'), 'Target: docker\nFramework: Python\n')
  const listed = (names: readonly string[]) =>
    writeFileSync(
      join(directory, 'aml_config/conda_dependencies.yml'),
      `dependencies:\n  - python\n  - pip:\n${names.map((name) => `    - ${name}\n`).join('')}`,
    )
  const plain = join(scratch, 'docker-plain')
  mkdirSync(plain)
  writeFileSync(
    join(plain, 'Dockerfile'),
    `FROM ${image}\nRUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir ${packages.join(' ')} && /opt/venv/bin/python -m compileall -q /opt/venv\n`,
  )
  const shell = (name: string, script: string, cwd = directory): Command => ({
    name,
    command: ['sh', '-ec', script],
    cwd,
    env: { ...environment, ERRAND_HOME: join(scratch, 'docker-build-home') },
  })
  const built = `$(${docker} images -q --filter label=errand.kind=environment | head -n 1)`
  const prepare = `${errand} prepare -c docker && ${docker} run --rm ${built} /opt/errand/environment/bin/python -c '${firstImport}'`
  const build = `${docker} build --quiet --no-cache -t plain . && ${docker} run --rm plain /opt/venv/bin/python -c '${firstImport}'`
  const ours = `${docker} images -q --filter label=errand.kind | sort -u | xargs -r ${docker} rmi --force`
  const forget = shell('forgetting', `${docker} rmi --force plain || true; ${ours} || true; ${docker} builder prune --all --force`)
  const figures: Record<'plain' | 'cold' | 'added', Figure[]> = { plain: [], cold: [], added: [] }
  for (let round = 0; round < rounds; round++) {
    await measure(forget)
    rmSync(join(directory, '.errand'), { recursive: true, force: true })
    figures.plain.push(await measure(shell('docker build', build, plain)))
    listed(packages)
    figures.cold.push(await measure(shell('prepare, cold', prepare)))
    listed([...packages, 'six'])
    figures.added.push(await measure(shell('prepare, one package more', prepare)))
  }
  const middle = (list: readonly Figure[]): Figure => ({ seconds: median(list.map(({ seconds }) => seconds)), megabytes: 0 })
  const what = 'image of numpy, pandas, scikit-learn and first import'
  row(`${what}, cold / \`docker build\` with pip and compileall`, middle(figures.cold), middle(figures.plain), '<= 0.50')
  row('the same after one more package was added to the file / `docker build`', middle(figures.added), middle(figures.plain), '<= 0.20')
}
