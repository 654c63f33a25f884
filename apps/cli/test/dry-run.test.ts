import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { listing } from './listing.ts'
import { type TemporaryProject, cliDirectory, temporaryProject } from './project.ts'

const files = {
  'aml_config/local.compute': 'type: local\n',
  'aml_config/local.runconfig':
    'Target: local\nFramework: Python\nArgumentVector: [$file]\nEnvironmentVariables:\n  MODE: fast\nSecretEnvironmentVariables: [TOKEN]\nTimeLimit: 3600\n',
  'train.py': 'print("trained")\n',
  'data/big.csv': 'x'.repeat(5000),
  'notes.txt': 'not needed',
  '.amlignore': 'notes.txt\n',
}

it('shows the whole plan of a submit and touches nothing, here or there', async () => {
  using project = temporaryProject(files)
  const before = listing(project.parent)
  const text = await project.errand('submit', '-c', 'local', '--dry-run', 'train.py', '0.5', 'two words')
  expect(text).toMatchObject({ exitCode: 0, stderr: '' })
  expect(text.stdout).toMatch(/^Would run\n {2}script +train\.py 0\.5 'two words'$/m)
  expect(text.stdout).toMatch(/^ {2}variables +MODE=fast, TOKEN \(secret\)$/m)
  expect(text.stdout).toMatch(/^ {2}left out +1 file, by \.amlignore$/m)
  expect(text.stdout).toMatch(/^ {4} +5\.00 kB {2}data\/big\.csv$/m)
  expect(text.stdout).toContain(`copy the project to ${join(project.parent, 'home')}/runs/RUN_ID/work`)
  expect(text.stdout).toMatch(/python\S* train\.py 0\.5 'two words'\n\nNothing was done\.\n$/)
  const json = await project.errand('submit', '-c', 'local', '--dry-run', '-o', 'json', 'train.py')
  const plan = JSON.parse(json.stdout)
  expect(plan).toMatchObject({
    script: 'train.py',
    target: { name: 'local', type: 'local' },
    environment: { kind: 'user-managed', ready: true, build: false },
    limit: 3600,
    upload: { files: 5 },
  })
  expect(plan.project.leftOut).toEqual([{ by: '.amlignore', files: 1, folders: 0 }])
  expect(plan.project.entries).toContainEqual({ path: 'data/big.csv', size: 5000, send: true })
  expect(plan.project.entries.map(({ path }: { path: string }) => path)).not.toContain('notes.txt')
  const prepare = await project.errand('prepare', '-c', 'local', '--dry-run')
  expect(prepare.stdout).toMatch(/^Would prepare\n/)
  expect(listing(project.parent)).toEqual(before)
})

it('knows the digest of the snapshot, and what of it is there already', async () => {
  using project = temporaryProject(files)
  project.write('aml_config/local.runconfig', 'Target: local\nFramework: Python\nArgumentVector: [$file]\n')
  const plan = async () => JSON.parse((await project.errand('submit', '-c', 'local', '--dry-run', '-o', 'json', 'train.py')).stdout)
  const first = await plan()
  await project.errand('submit', '-c', 'local', 'train.py')
  const record = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout)
  expect(first.project.digest).toBe(record.run_definition.snapshot.digest)
  const before = listing(project.parent)
  expect((await plan()).upload).toEqual({ files: 0, bytes: 0 })
  expect(listing(project.parent)).toEqual(before)
  project.write('train.py', 'print("trained better")\n')
  const changed = await plan()
  expect(changed.upload).toEqual({ files: 1, bytes: 24 })
  expect(changed.project.entries.filter(({ send }: { send: boolean }) => send)).toEqual([{ path: 'train.py', size: 24, send: true }])
})

it('plans for a user who may write neither the project nor where runs are kept', async () => {
  using project = temporaryProject(files)
  const uid = process.getuid?.() === 0 ? 65_534 : undefined
  if (uid !== undefined) {
    chmodSync(project.parent, 0o755)
    chownSync(project.directory, uid, uid)
  }
  for (const path of ['aml_config', 'data', '']) chmodSync(join(project.directory, path), 0o555)
  const home = join(project.parent, 'home')
  mkdirSync(home, { mode: 0o555 })
  const environment = { PATH: `/usr/bin:/bin`, HOME: home, XDG_CACHE_HOME: join(home, 'cache') }
  const finished = await project.errandWith(
    { environment, ...(uid === undefined ? {} : { uid }) },
    'submit',
    '-c',
    'local',
    '--dry-run',
    'train.py',
  )
  chmodSync(project.directory, 0o755)
  expect(finished).toMatchObject({ exitCode: 0, stderr: '' })
  expect(finished.stdout).toContain('Would run')
})

it('refuses what a submit would refuse, with the same words', async () => {
  using project = temporaryProject(files)
  const words = ['submit', '-c', 'local', 'missing.py']
  const [planned, submitted] = [await project.errand('submit', '-c', 'local', '--dry-run', 'missing.py'), await project.errand(...words)]
  expect(planned).toEqual(submitted)
})

/** A type whose environment is never ready. */
function addUnprepared(project: TemporaryProject): NodeJS.ProcessEnv {
  const directory = join(project.parent, 'unprepared')
  mkdirSync(directory)
  const metadata = { name: 'unprepared', version: '1.0.0', type: 'module', errand: { targets: { unprepared: './target.js' } } }
  writeFileSync(join(directory, 'package.json'), JSON.stringify(metadata))
  const local = join(cliDirectory, 'node_modules/@errand/target-local/dist/target.js')
  const changed = [{ input: 'package numpy', before: '1.26', after: '2.0' }]
  const plan = { environment: { key: 'errand_2', ready: false, changed }, steps: ['make the environment errand_2'] }
  writeFileSync(
    join(directory, 'target.js'),
    `import local from ${JSON.stringify(local)}
const load = async () => ({ createTarget: () => ({ plan: async () => (${JSON.stringify(plan)}), async [Symbol.asyncDispose]() {} }) })
export default { ...local, type: 'unprepared', load }
`,
  )
  project.write('aml_config/box.compute', 'type: unprepared\n')
  project.write('aml_config/box.runconfig', 'Target: box\nFramework: Python\nArgumentVector: [$file]\n')
  return { ERRAND_TARGETS: directory }
}

it('says why an environment would be made again, and that a submit without it would not start', async () => {
  using project = temporaryProject(files)
  const environment = addUnprepared(project)
  const stopped = await project.errandWith({ environment }, 'submit', '-c', 'box', '--dry-run', 'train.py')
  expect(stopped.exitCode).toBe(1)
  expect(stopped.stdout).toMatch(/state +not prepared\n {2}because +package numpy: 1\.26 → 2\.0\n/)
  expect(stopped.stdout).toMatch(/^Would not start: .*not prepared.*\nerrand experiment prepare -c box/m)
  const prepares = await project.errandWith({ environment }, 'submit', '-c', 'box', '--prepare', '--dry-run', 'train.py')
  expect(prepares.exitCode).toBe(0)
  expect(prepares.stdout).toMatch(/state +would be made\n/)
  const json = await project.errandWith(
    { environment },
    'prepare',
    '-c',
    'box',
    '--dry-run',
    '-o',
    'json',
    '--query',
    'environment.changed[0].input',
  )
  expect(json.stdout).toBe('"package numpy"\n')
  expect(readFileSync(join(project.directory, 'aml_config/box.compute'), 'utf8')).toBe('type: unprepared\n')
})

it('plans an environment that is made from a file, and makes nothing of it', async () => {
  using project = temporaryProject({
    ...files,
    'aml_config/local.compute': 'type: local\nuserManagedEnvironment: false\n',
    'aml_config/conda_dependencies.yml': 'dependencies:\n  - pip:\n    - six\n',
  })
  const before = listing(project.parent)
  const prepare = await project.errand('prepare', '-c', 'local', '--explain', '-o', 'json')
  expect(prepare.stderr).toBe('')
  expect(JSON.parse(prepare.stdout)).toMatchObject({
    environment: { kind: 'conda', file: 'aml_config/conda_dependencies.yml', ready: false, build: true },
  })
  expect(listing(project.parent)).toEqual(before)
})
