import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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

it('runs commands that extend the Command of an oclif of their own, and ends as they say', async () => {
  using project = temporaryProject()
  const folder = plugin(project, { name: 'errand-orbit', command: 'nothing' })
  mkdirSync(join(folder, 'node_modules/@oclif'), { recursive: true })
  symlinkSync(realpathSync(join(cliDirectory, 'node_modules/@oclif/core')), join(folder, 'node_modules/@oclif/core'), 'junction')
  writeFileSync(
    join(folder, 'commands/orbit.js'),
    `import { Args, Command, Flags } from '@oclif/core'
export default class Orbit extends Command {
  static summary = 'Goes round.'
  static args = { what: Args.string({ required: true }) }
  static flags = { times: Flags.integer({ char: 't', default: 1 }), map: Flags.file({ exists: true }), code: Flags.integer(), fails: Flags.boolean() }
  async run() {
    const { args, flags } = await this.parse(Orbit)
    if (flags.fails) this.error('It fell down', { exit: 7, code: 'FELL', suggestions: ['Go faster.'] })
    this.log(args.what + ' ' + flags.times)
    if (flags.code !== undefined) this.exit(flags.code)
  }
}
`,
  )
  await project.errand('plugins', 'link', folder)
  const ends = async (...words: readonly string[]) => {
    const { exitCode, stdout, stderr } = await project.errand('orbit', ...words)
    return [exitCode, stdout, stderr]
  }
  expect(await ends('moon', '-t', '3')).toEqual([0, 'moon 3\n', ''])
  expect(await ends('moon', '--code', '0')).toEqual([0, 'moon 1\n', ''])
  expect(await ends('moon', '--code', '4')).toEqual([4, 'moon 1\n', ''])
  expect(await ends('moon', '--fails')).toEqual([7, '', 'ERROR: It fell down\nGo faster.\n'])
  expect(await ends()).toEqual([1, '', expect.stringContaining('ERROR: The argument WHAT is missing.')])
  expect(await ends('moon', '-t', 'x')).toEqual([1, '', expect.stringContaining("ERROR: The option --times can't be used")])
  expect(await ends('moon', '--map', 'nowhere')).toEqual([
    1,
    '',
    expect.stringMatching(/^ERROR: The option --map can't be used: No file found/),
  ])
  expect(await ends('moon', '-t')).toEqual([1, '', expect.stringContaining('expects a value')])
  expect(await ends('moon', '--nope')).toEqual([1, '', expect.stringContaining('ERROR: There is no option --nope.')])
  expect(await ends('--help')).toEqual([0, expect.stringContaining('$ errand orbit WHAT'), ''])
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

it('installs from a repository of git, also a branch of it', async () => {
  using project = temporaryProject()
  const folder = plugin(project, { name: 'errand-target-moon', type: 'moon' })
  const git = (...words: readonly string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=ann', '-c', 'user.email=ann@example.com', ...words], { stdio: 'ignore' })
  git('init', '--initial-branch=main')
  git('add', '.')
  git('commit', '-m', 'first')
  git('branch', 'old')
  plugin(project, { name: 'errand-target-moon', version: '1.1.0', type: 'moon' })
  git('commit', '-a', '-m', 'second')
  const address = `git+file://${folder}`
  const installed = await project.errand('plugins', 'install', address)
  expect([installed.exitCode, installed.stdout]).toEqual([0, 'errand-target-moon 1.1.0 installed; types of targets: moon.\n'])
  const older = await project.errand('plugins', 'install', `${address}#old`)
  expect([older.exitCode, older.stdout]).toEqual([0, 'errand-target-moon 1.0.0 installed; types of targets: moon.\n'])
  rmSync(folder, { recursive: true })
  expect(await rows(project, 'targets')).toContainEqual(expect.objectContaining({ type: 'moon', version: '1.0.0', origin: 'installed' }))
  // What is no release has no newer one.
  expect((await project.errand('plugins', 'update')).stdout).toBe('There is nothing to update.\n')
  const gone = await project.errand('plugins', 'install', address)
  expect([gone.exitCode, gone.stderr]).toEqual([1, expect.stringMatching(/^ERROR: npm install .*git\+file:/)])
  expect(await rows(project, 'plugins')).toMatchObject([{ package: 'errand-target-moon', version: '1.0.0' }])
})

it('names what has broken since, what is too new and what two packages claim, and everything else works', async () => {
  using project = temporaryProject()
  for (const type of ['moon', 'mars']) await project.errand('plugins', 'link', plugin(project, { name: `errand-target-${type}`, type }))
  const newer = plugin(project, { name: 'errand-target-venus', type: 'venus' })
  await project.errand('plugins', 'link', newer)
  plugin(project, { name: 'errand-target-venus', type: 'venus', contract: 2 })
  rmSync(join(project.parent, 'plugins/errand-target-mars/target.js'))
  const double = plugin(project, { name: 'errand-target-also-moon', type: 'moon' })
  const listed = await project.errandWith({ environment: { ERRAND_TARGETS: double } }, 'targets')
  expect(listed.exitCode).toBe(0)
  const found: { type: string }[] = JSON.parse(listed.stdout)
  const types = found.map(({ type }) => type)
  expect(types).toContain('local')
  expect(types.filter((type) => ['moon', 'mars', 'venus'].includes(type))).toEqual([])
  for (const words of [
    /package errand-target-mars is left out: .*target\.js, which is not there/,
    /package errand-target-venus is left out: it is written for contract 2/,
    /package errand-target-moon is left out: the type "moon" is claimed by several packages: errand-target-moon, errand-target-also-moon/,
  ])
    expect(listed.stderr).toMatch(words)
  project.write('hello.py', 'print("still here")\n')
  expect((await project.errandWith({ environment: { ERRAND_TARGETS: double } }, 'submit', '-c', 'local', 'hello.py')).stdout).toContain(
    'still here',
  )
})

it('shows the commands of a plugin in help as well', async () => {
  using project = temporaryProject()
  await project.errand('plugins', 'link', plugin(project, { name: 'errand-lander', command: 'land' }))
  expect((await project.errand('help')).stdout).toMatch(/^ +land\b/m)
  expect((await project.errand('land', '--help')).stdout).toContain('errand land')
})
