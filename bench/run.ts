import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { randomFillSync } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { clusterUnchanged } from './cluster-unchanged.ts'
import { cluster } from './cluster.ts'
import { environments } from './environments.ts'
import { dockerRuns } from './docker.ts'
import { dockerBuild } from './docker-build.ts'
import { fillHistory, history } from './history.ts'
import { type Command, inTurn, row } from './measure.ts'
import { remoteDocker } from './remotedocker.ts'
import { ssh } from './ssh.ts'

const repository = resolve(import.meta.dirname, '..')
const errand = join(repository, 'errand')
const scratch = mkdtempSync(join(tmpdir(), 'errand-bench-'))
const environment: NodeJS.ProcessEnv = { ...process.env, ERRAND_HOME: join(scratch, 'home'), ERRAND_KEYCHAIN: 'off' }
delete environment['PYTHONUNBUFFERED']

const node: Command = { name: 'node -e 0', command: [process.execPath, '-e', '0'] }
const python: Command = { name: 'python3 -c pass', command: ['python3', '-c', 'pass'] }

function makeProject(name: string, script: string): string {
  const directory = join(scratch, name)
  mkdirSync(join(directory, 'aml_config'), { recursive: true })
  writeFileSync(join(directory, 'aml_config/local.runconfig'), 'Target: local\nFramework: Python\nArgumentVector: [$file]\n')
  writeFileSync(join(directory, 'aml_config/local.compute'), 'type: local\npythonLocation: python3\n')
  writeFileSync(join(directory, 'train.py'), script)
  return directory
}

const submit = (directory: string): Command => ({
  name: 'submit',
  command: [errand, 'experiment', 'submit', '-c', 'local', 'train.py'],
  cwd: directory,
  env: environment,
})

async function startUp(): Promise<void> {
  const directory = makeProject('start-up', 'pass\n')
  fillHistory(directory, 10_000, 2)
  const version: Command = { name: 'errand --version', command: [errand, '--version'], cwd: directory, env: environment }
  const list: Command = { name: 'errand history list', command: [errand, 'history', 'list'], cwd: directory, env: environment }
  const runs: Command = {
    name: 'completion of a run',
    command: [process.execPath, join(repository, 'apps/cli/bin/errand.js'), '--complete', 'bash', 'show', ''],
    cwd: directory,
    env: environment,
  }
  const options: Command = { ...runs, name: 'completion of an option', command: [...runs.command.slice(0, -1), '--'] }
  const schema: Command = { ...version, name: 'errand schema', command: [errand, 'schema', 'runconfig'] }
  const [nothing, first, second, third, fourth, fifth] = await inTurn([node, version, list, runs, options, schema], 15)
  if (!nothing || !first || !second || !third || !fourth || !fifth) return
  row('`errand --version` / `node -e 0`', first, nothing, '<= 40 ms over')
  row('`errand history list`, 10,000 runs / `node -e 0`', second, nothing, '<= 180 ms over')
  row('completion of a run id, 10,000 runs / `node -e 0`', third, nothing, '<= 250 ms in all')
  row('completion of an option / `node -e 0`', fourth, nothing, '<= 250 ms in all')
  row('`errand schema runconfig` / `node -e 0`', fifth, nothing, '')
}

async function trivialSubmit(): Promise<void> {
  const fresh = makeProject('fresh', 'pass\n')
  const old = makeProject('old', 'pass\n')
  fillHistory(old, 1000, 2)
  const [nothing, first, second] = await inTurn([python, submit(fresh), submit(old)], 15)
  if (!nothing || !first || !second) return
  row('trivial submit, first runs / `python3 -c pass`', first, nothing, '<= 300 ms over')
  row('trivial submit, after 1,000 runs / `python3 -c pass`', second, nothing, 'as the first')
}

async function unchanged(): Promise<void> {
  const directory = makeProject('unchanged', 'pass\n')
  const block = Buffer.alloc(25_000)
  for (let index = 0; index < 20_000; index++) {
    const folder = join(directory, 'data', String(index % 200))
    if (index < 200) mkdirSync(folder, { recursive: true })
    randomFillSync(block)
    writeFileSync(join(folder, `file-${index}.bin`), block)
  }
  const [nothing, again] = await inTurn([python, submit(directory)], 5)
  if (nothing && again) row('second submit, 20,000 files / 500 MB / `python3 -c pass`', again, nothing, '<= 1000 ms over')
}

async function million(): Promise<void> {
  const script = 'for i in range(1000000):\n    print("line %08d of a million lines of fifty bytes.." % i)\n'
  const directory = makeProject('million', script)
  const alone: Command = {
    name: 'script to a file',
    command: ['python3', 'train.py'],
    cwd: directory,
    outputFile: join(scratch, 'alone.txt'),
  }
  const unbuffered: Command = { ...alone, name: 'unbuffered', command: ['python3', '-u', 'train.py'] }
  const through: Command = { ...submit(directory), outputFile: join(scratch, 'through.txt') }
  const [file, fileUnbuffered, shown] = await inTurn([alone, unbuffered, through], 3)
  if (!file || !fileUnbuffered || !shown) return
  row('a million lines, shown and stored / script writing to a file', shown, file, '<= 1.5 times, < 120 MB')
  row('a million lines, shown and stored / script writing to a file unbuffered', shown, fileUnbuffered, '')
}

const parts: Readonly<Record<string, () => Promise<void>>> = {
  'start-up': startUp,
  submit: trivialSubmit,
  unchanged,
  million,
  history: () => history(errand, environment, makeProject('history', 'print(1)\n')),
  environments: () => environments(scratch, `${process.execPath} ${join(repository, 'apps/cli/bin/errand.js')}`, environment),
  ssh: () => ssh(errand, scratch),
  docker: () => dockerRuns({ errand, scratch, environment }, 'trivial'),
  'docker-unchanged': () => dockerRuns({ errand, scratch, environment }, 'unchanged'),
  remotedocker: () => remoteDocker(errand, scratch),
  'docker-build': () => dockerBuild({ errand, scratch, environment }),
  cluster: () => cluster(scratch, errand, environment),
  'cluster-unchanged': () => clusterUnchanged(scratch, errand, environment),
}
const chosen = process.argv.slice(2)
console.log('| what | figure | limit | over | ratio | client memory | aim |\n|---|---|---|---|---|---|---|')
try {
  for (const [name, part] of Object.entries(parts)) if (chosen.length === 0 || chosen.includes(name)) await part()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
