import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { standInTargets, temporaryProject } from './project.ts'

it('makes a project that needs nothing more to be listed, and touches no file that is there', async () => {
  using project = temporaryProject({ '.amlignore': 'mine\n' })
  const first = await project.errand('init')
  expect(first).toMatchObject({ exitCode: 0, stderr: '' })
  expect(first.stdout).toContain('created aml_config/local.runconfig')
  expect(project.read('.amlignore')).toBe('mine\n')
  const second = await project.errand('init', '-o', 'json')
  expect(JSON.parse(second.stdout)).toMatchObject({ created: [] })
  expect(JSON.parse((await project.errand('runconfiguration', 'list')).stdout)).toEqual(['docker', 'local'])
})

it('says that a .gitignore which is there goes on to count', async () => {
  using project = temporaryProject({ '.gitignore': 'data/\n.env\n' })
  const { exitCode, stdout } = await project.errand('init')
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining('kept    .gitignore, which says what is not copied')])
  expect(project.has('.amlignore')).toBe(false)
})

it('makes a project in a folder that it makes', async () => {
  using project = temporaryProject({})
  expect(await project.errand('init', 'deep/churn')).toMatchObject({ exitCode: 0 })
  expect(project.has('deep/churn/aml_config/local.compute')).toBe(true)
})

it('lists names as a JSON array for programs and a table for people', async () => {
  using project = temporaryProject()
  project.write('aml_config/gpu.compute', 'type: remotedocker\naddress: 192.168.1.11\nusername: sshuser\n')
  for (const words of [
    ['computetarget', 'list', '-o', 'json'],
    ['computetarget', 'list'],
    ['computecontext', 'list'],
  ]) {
    const { stdout, stderr } = await project.errand(...words)
    expect(JSON.parse(stdout)).toEqual(['gpu', 'local'])
    expect(stderr).toBe('')
  }
  const table = await project.errand('computetarget', 'list', '-o', 'table')
  expect(table.stdout).toMatch(/^Name {3}Type +Address\n-+ +-+ +-+\ngpu +remotedocker +192\.168\.1\.11\nlocal +local\n$/)
  const lines = await project.errand('computetarget', 'list', '-o', 'tsv')
  expect(lines.stdout).toBe('gpu\nlocal\n')
})

it('lists what it can when one file is broken, and names the file on stderr', async () => {
  using project = temporaryProject()
  project.write('aml_config/broken.compute', 'type: docker\ntype: docker\n')
  const { exitCode, stdout, stderr } = await project.errand('computetarget', 'list', '-o', 'json')
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toContain('local')
  expect(stderr).toMatch(/^WARNING: aml_config\/broken\.compute:2/)
})

it('creates and deletes run configurations as the original client did', async () => {
  using project = temporaryProject()
  expect(await project.errand('runconfiguration', 'create', '-n', 'X', '-t', 'local')).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse((await project.errand('runconfiguration', 'list', '-o', 'json')).stdout)).toEqual(['X', 'local'])
  const again = await project.errand('runconfiguration', 'create', '-n', 'X', '-t', 'local')
  expect(again).toMatchObject({ exitCode: 1, stdout: '' })
  expect(again.stderr).toMatch(/^ERROR: .*aml_config\/X\.runconfig/)
  expect(await project.errand('runconfigurations', 'create', '-n', 'X', '-t', 'local', '--overwrite')).toMatchObject({ exitCode: 0 })
  const deleted = await project.errand('runconfiguration', 'delete', '-n', 'X', '-o', 'json')
  expect(JSON.parse(deleted.stdout)).toEqual({ name: 'X', file: 'aml_config/X.runconfig' })
  expect(project.has('aml_config/X.runconfig')).toBe(false)
  expect(await project.errand('runconfiguration', 'delete', '-n', 'X')).toMatchObject({ exitCode: 1, stdout: '' })
})

it('warns of a run configuration whose target is not there', async () => {
  using project = temporaryProject()
  const { exitCode, stderr } = await project.errand('runconfiguration', 'create', '-n', 'far', '-t', 'faraway')
  expect(exitCode).toBe(0)
  expect(stderr).toMatch(/^WARNING: .*faraway/)
})

it('lists the installed types, and names packages that cannot be used without stopping', async () => {
  using project = temporaryProject()
  const folder = standInTargets(join(project.parent, 'plugins'), ['box'])
  mkdirSync(join(folder, 'broken'))
  writeFileSync(join(folder, 'broken/package.json'), '{"name": "half-built", "errand": {"targets": {"moon": "./dist/target.js"}}}')
  const { exitCode, stdout, stderr } = await project.errandWith({ environment: { ERRAND_TARGETS: folder } }, 'targets')
  expect(exitCode).toBe(0)
  const types: { type: string; origin: string }[] = JSON.parse(stdout)
  expect(types.map(({ type, origin }) => [type, origin])).toEqual(
    expect.arrayContaining([
      ['box', 'linked'],
      ['local', 'built-in'],
      ['remote', 'built-in'],
    ]),
  )
  expect(stderr).toMatch(/^WARNING: the package half-built is left out: .*dist\/target\.js/)
})

it('finds types that were installed into its data folder', async () => {
  using project = temporaryProject()
  standInTargets(join(project.parent, 'data/errand/node_modules'), ['moon'])
  writeFileSync(join(project.parent, 'data/errand/package.json'), JSON.stringify({ dependencies: { moon: '1' }, oclif: { plugins: [] } }))
  const { stdout } = await project.errand('targets')
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ type: 'moon', origin: 'installed' }))
})
