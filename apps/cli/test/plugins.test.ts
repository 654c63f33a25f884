import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { type TemporaryProject, cliDirectory, temporaryProject } from './project.ts'

const local = join(cliDirectory, 'node_modules/@errand/target-local/dist/target.js')

interface Package {
  readonly name: string
  readonly version?: string
  readonly type?: string
  readonly contract?: number
  readonly command?: string
}

/** A plugin as its author has it on disk: a type that runs what `local` runs, and perhaps a command. */
function plugin(project: TemporaryProject, { name, version = '1.0.0', type, contract, command }: Package): string {
  const folder = join(project.parent, 'plugins', name)
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const targets = type === undefined ? {} : { targets: { [type]: './target.js' } }
  const metadata = {
    name,
    version,
    type: 'module',
    errand: { ...targets, ...(contract === undefined ? {} : { contract }) },
    ...(command === undefined ? {} : { oclif: { commands: './commands' } }),
  }
  write('package.json', JSON.stringify(metadata))
  write('target.js', `import local from ${JSON.stringify(local)}\nexport default { ...local, type: '${type}', aliases: [] }\n`)
  if (command !== undefined)
    write(
      `commands/${command}.js`,
      `export default class { static id = '${command}'; static async run() { console.log('${name} ${version}') } }\n`,
    )
  return folder
}

/** The same as a file, as `npm pack` makes it. */
function packed(project: TemporaryProject, of: Package): string {
  const folder = plugin(project, of)
  const words = ['pack', '--silent', '--pack-destination', project.parent, folder]
  return join(project.parent, execFileSync('npm', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim())
}

const rows = async (project: TemporaryProject, ...words: readonly string[]): Promise<unknown> =>
  JSON.parse((await project.errand(...words)).stdout)

it('installs a file, runs on its type of target, updates it by another file and takes it away', async () => {
  using project = temporaryProject()
  const first = packed(project, { name: 'errand-target-moon', type: 'moon', command: 'land' })
  const installed = await project.errand('plugins', 'install', first)
  expect([installed.exitCode, installed.stdout]).toEqual([0, 'errand-target-moon 1.0.0 installed; types of targets: moon.\n'])
  project.write('aml_config/moon.compute', 'type: moon\n')
  project.write('aml_config/moon.runconfig', 'Target: moon\nFramework: Python\n')
  project.write('hello.py', 'print("hello from the moon")\n')
  expect((await project.errand('submit', '-c', 'moon', 'hello.py')).stdout).toContain('hello from the moon')
  expect((await project.errand('land')).stdout).toBe('errand-target-moon 1.0.0\n')
  const second = packed(project, { name: 'errand-target-moon', version: '1.1.0', type: 'moon', command: 'land' })
  rmSync(join(project.parent, 'plugins'), { recursive: true })
  expect((await project.errand('plugins', 'install', second)).stdout).toContain('errand-target-moon 1.1.0 installed')
  expect(await rows(project, 'plugins')).toMatchObject([
    { package: 'errand-target-moon', version: '1.1.0', origin: 'installed', targets: ['moon'] },
  ])
  expect((await project.errand('plugins', 'uninstall', 'moon')).stdout).toBe('errand-target-moon uninstalled.\n')
  expect(await rows(project, 'plugins')).toEqual([])
  expect((await project.errand('submit', '-c', 'moon', 'hello.py')).stderr).toMatch(/^ERROR: .*"moon"/)
})

it('links a folder, so that a change in it counts at once', async () => {
  using project = temporaryProject()
  const folder = plugin(project, { name: 'errand-target-moon', type: 'moon', command: 'land' })
  const linked = await project.errandWith({ cwd: dirname(folder) }, 'plugins', 'link', './errand-target-moon')
  expect([linked.exitCode, linked.stdout]).toEqual([0, 'errand-target-moon 1.0.0 linked; types of targets: moon.\n'])
  writeFileSync(
    join(folder, 'commands/land.js'),
    `export default class { static id = 'land'; static async run() { console.log('changed') } }\n`,
  )
  expect(await project.errand('land')).toMatchObject({ stdout: 'changed\n', stderr: '' })
  expect(await rows(project, 'targets')).toContainEqual(expect.objectContaining({ type: 'moon', origin: 'linked', contract: 1 }))
  await project.errand('plugins', 'unlink', 'errand-target-moon')
  expect(existsSync(join(folder, 'target.js'))).toBe(true)
  expect(await rows(project, 'plugins')).toEqual([])
})

it('keeps nothing that it cannot use, and what was there before works on', async () => {
  using project = temporaryProject()
  await project.errand('plugins', 'install', packed(project, { name: 'errand-target-moon', type: 'moon' }))
  const attempts = [
    [packed(project, { name: 'errand-target-moon', version: '2.0.0', type: 'moon', contract: 9 }), /contract 9/],
    [packed(project, { name: 'errand-target-other', type: 'moon' }), /claimed by several packages.*\nUninstall the other one first/],
    [packed(project, { name: 'errand-nothing' }), /neither a type of target nor a command/],
    [plugin(project, { name: 'errand-target-local', type: 'local' }), /claimed by several packages/],
    [join(project.parent, 'nowhere'), /there is no such file or folder/],
    [project.directory, /holds no package\.json/],
  ] as const
  for (const [word, reason] of attempts) {
    const { exitCode, stderr } = await project.errand('plugins', 'install', word)
    expect([word, exitCode, stderr]).toEqual([word, 1, expect.stringMatching(reason)])
    expect(stderr).toMatch(/^ERROR: /)
    expect(await rows(project, 'plugins')).toMatchObject([{ package: 'errand-target-moon', version: '1.0.0', targets: ['moon'] }])
  }
  const unknown = await project.errand('plugins', 'uninstall', 'errand-nothing')
  expect([unknown.exitCode, unknown.stderr]).toEqual([1, expect.stringContaining('Installed: errand-target-moon.')])
})

it('lets two installers at once wait for each other', async () => {
  using project = temporaryProject()
  const files = ['moon', 'mars'].map((type) => packed(project, { name: `errand-target-${type}`, type }))
  const results = await Promise.all(files.map((file) => project.errand('plugins', 'install', file)))
  expect(results.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ])
  expect(await rows(project, 'plugins')).toMatchObject([{ targets: ['mars'] }, { targets: ['moon'] }])
  const kept = JSON.parse(readFileSync(join(project.parent, 'data/errand/package.json'), 'utf8'))
  expect(Object.keys(kept.dependencies).toSorted()).toEqual(['errand-target-mars', 'errand-target-moon'])
})
