import { execFile } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Finished, repository, startProcess } from './errand.ts'
import { dockerProblem, sharedDockerEngine } from '../packages/testkit/src/servers/index.ts'
import { bringAccount } from '../packages/testkit/src/servers/test-account.ts'
import { type Registry, startRegistry } from './servers/registry.ts'

/** The packages as users get them: packed, looked at, published to a registry of this machine, installed into empty folders. */

const execute = promisify(execFile)
const part = process.env['ERRAND_REGISTRY']
const rooms = globSync(['packages/*/package.json', 'plugins/*/package.json', 'apps/*/package.json'], { cwd: repository }).map(dirname)
const scratch = mkdtempSync(join(tmpdir(), 'errand-published-'))
const tarballs = join(scratch, 'tarballs')
const program = (name: string) => join(repository, 'node_modules/.bin', name)

let registry: Registry | undefined
beforeAll(async () => {
  for (const room of rooms) await execute('pnpm', ['pack', '--pack-destination', tarballs], { cwd: join(repository, room) })
})
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
})

const packed = () => globSync('*.tgz', { cwd: tarballs }).toSorted()

describe('every packed package', () => {
  it('is there', () => {
    expect(packed()).toHaveLength(rooms.length)
  })

  it('has the files, the exports and the types that its package.json names', async () => {
    const problems: string[] = []
    for (const name of packed()) {
      const file = join(tarballs, name)
      const look = async (command: string, words: readonly string[]) => {
        const { stdout, stderr, exitCode } = await startProcess(program(command), [...words, file], scratch, process.env).finished
        if (exitCode !== 0) problems.push(`${name}: ${stdout}${stderr}`)
      }
      await look('publint', ['--strict'])
      // The command line exports nothing.
      if (!name.startsWith('errand-cli-')) await look('attw', ['--profile', 'esm-only', '--quiet'])
    }
    expect(problems).toEqual([])
  })

  it('brings its licence and its readme, and no test, no source map to nowhere, no path of this machine', async () => {
    for (const name of packed()) {
      const { stdout } = await execute('tar', ['-tzf', join(tarballs, name)])
      const files = stdout.split('\n')
      expect([name, files]).toEqual([name, expect.arrayContaining(['package/LICENSE', 'package/README.md'])])
      expect([
        name,
        files.filter((file) => /\.test\.|\/test\/|__pycache__|\.tsbuildinfo$/.test(file) && !file.startsWith('package/template/')),
      ]).toEqual([name, []])
      const { stdout: text } = await execute('tar', ['-xzOf', join(tarballs, name)], { maxBuffer: 1e9 })
      expect([name, text.includes(repository)]).toEqual([name, false])
    }
  })
})

/** A machine of somebody's own: an npm that installs globally into a folder, and nothing of errand's. */
interface Machine {
  readonly folder: string
  readonly project: string
  run(command: string, ...words: readonly string[]): Promise<Finished>
}

function makeMachine(name: string, environment: NodeJS.ProcessEnv): Machine {
  const folder = join(scratch, name)
  const project = join(folder, 'iris')
  const left = /\/(\.errand|results|__pycache__)$/
  cpSync(join(repository, 'examples/iris'), project, { recursive: true, filter: (source) => !left.test(source) })
  const own = {
    HOME: join(folder, 'home'),
    npm_config_prefix: join(folder, 'npm'),
    PATH: [join(folder, 'npm/bin'), join(project, 'node_modules/.bin'), dirname(process.execPath), environment['PATH']].join(delimiter),
    ERRAND_KEYCHAIN: 'off',
    ERRAND_TARGETS: '',
    ERRAND_DATA_DIR: join(folder, 'plugins'),
    NO_COLOR: '1',
  }
  mkdirSync(own.HOME)
  return { folder, project, run: (command, ...words) => startProcess(command, words, project, { ...environment, ...own }).finished }
}

const megabytes = async (folder: string) => Number((await execute('du', ['-sk', folder])).stdout.split('\t')[0]) / 1000
const seconds = async (work: Promise<unknown>) => {
  const began = performance.now()
  await work
  return ((performance.now() - began) / 1000).toFixed(2)
}
const sdks = ['ssh2', 'dockerode', 'undici']
const present = (folder: string) => sdks.filter((name) => globSync(`**/node_modules/${name}/package.json`, { cwd: folder }).length > 0)

const noEngine = dockerProblem()

describe.skipIf(part === undefined || noEngine !== undefined)(
  `published to a registry${noEngine === undefined ? '' : ` (skipped: ${noEngine})`}`,
  () => {
    beforeAll(async () => {
      registry = await startRegistry(part ?? '', join(scratch, 'registry'))
      for (const name of packed()) {
        await execute('npm', ['publish', '--access', 'public', '--ignore-scripts', join(tarballs, name)], { env: registry.environment })
      }
    })

    const ok = async (finished: Promise<Finished>): Promise<Finished> => {
      const result = await finished
      expect([result.exitCode, result.exitCode === 0 ? '' : result.stdout + result.stderr]).toEqual([0, ''])
      return result
    }

    it('runs a script after npm i -g, says what to install for another target, and has it after that', async () => {
      const machine = makeMachine('npm', registry?.environment ?? {})
      const first = await seconds(ok(machine.run('npm', 'install', '--global', '@errand/cli')))
      const small = await megabytes(join(machine.folder, 'npm'))
      expect(present(machine.folder)).toEqual([])
      expect((await ok(machine.run('errand', 'submit', '-c', 'local', 'train.py'))).stdout).toContain('Accuracy')
      const types: { type: string; origin: string }[] = JSON.parse((await ok(machine.run('errand', 'targets'))).stdout)
      expect(types.filter(({ origin }) => origin === 'built-in').map(({ type }) => type)).toEqual(['local'])

      await using engine = await sharedDockerEngine()
      const image = await engine.image('python')
      writeFileSync(
        join(machine.project, 'aml_config/docker.compute'),
        `type: docker\nuserManagedEnvironment: true\nbaseDockerImage: ${image}\nengine: unix://${engine.socket}\n`,
      )
      const before = await machine.run('errand', 'submit', '-c', 'docker', 'train.py')
      expect([before.exitCode, before.stderr]).toEqual([
        1,
        'ERROR: The target type "docker" is not installed.\nerrand plugins install @errand/target-docker\n',
      ])
      const words = before.stderr.trim().split('\n').at(-1)?.split(' ').slice(1) ?? []
      const more = await seconds(ok(machine.run('errand', ...words)))
      expect((await ok(machine.run('errand', 'submit', '-c', 'docker', 'train.py'))).stdout).toContain('Accuracy')
      expect(present(machine.folder)).toContain('dockerode')
      const large = small + (await megabytes(join(machine.folder, 'plugins')))
      const start = await seconds(ok(machine.run('errand', '--version')))
      process.stdout.write(
        `installed: ${small.toFixed(1)} MB in ${first} s with local alone, ${large.toFixed(1)} MB with docker too, ${more} s more; start: ${start} s\n`,
      )
      expect((await ok(machine.run('errand', 'plugins', 'update', 'docker'))).stdout).toMatch(
        /^@errand\/target-docker [\d.]+ is the newest\.\n$/,
      )
      await ok(machine.run('errand', 'plugins', 'uninstall', 'docker'))
      expect(present(machine.folder)).toEqual([])
    })

    it('runs from a project that has it as a dependency, with pnpm', async () => {
      const machine = makeMachine('pnpm', registry?.environment ?? {})
      writeFileSync(join(machine.project, 'package.json'), '{"private": true}')
      await ok(machine.run('pnpm', 'add', '@errand/cli'))
      expect((await ok(machine.run('errand', 'submit', '-c', 'local', 'train.py'))).stdout).toContain('Accuracy')
    })

    it('is enough to write, prove, install and use a target of a stranger, following docs/writing-a-target.md alone', async (test) => {
      if (process.getuid?.() !== 0) test.skip('becoming another user needs root')
      const { user } = bringAccount({})
      const machine = makeMachine('author', registry?.environment ?? {})
      await ok(machine.run('npm', 'install', '--global', '@errand/cli'))
      const page = readFileSync(join(repository, 'docs/writing-a-target.md'), 'utf8')
      const blocks = [...page.matchAll(/^```sh skip\n(.*?)^```$/gms)].map(([, text = '']) => text.replaceAll(/\bann\b/g, user).split('\n'))
      expect(blocks.map((lines) => lines.length - 1)).toEqual([4, 4, 3])
      const [begin = [], prove = [], use = []] = blocks
      const plugin = join(machine.folder, 'errand-target-as-user')
      const said: string[] = []
      const follow = async (folder: string, lines: readonly string[]) => {
        for (const line of lines.filter((text) => text !== '' && !text.startsWith('cd ')))
          said.push((await ok(machine.run('sh', '-c', `cd '${folder}' && ${line}`))).stdout)
      }
      await follow(machine.folder, begin.slice(0, 1))
      await follow(plugin, begin.slice(2))
      expect(said.at(-1)).toMatch(/Tests +\d\d passed/)
      for (const file of ['src/target.ts', 'src/implementation.ts', 'test/target.test.ts'])
        cpSync(join(repository, 'examples/target-as-user', file), join(plugin, file))
      await follow(plugin, prove)
      expect(said.at(-4)).toMatch(/Tests +\d\d passed/)
      expect(said.at(-1)).toContain('"as-user"')
      await follow(machine.project, use)
      expect(said.at(-2)).toMatch(/^ok .*\n(ok .*\n)+$/)
      expect(said.at(-1)).toContain('Accuracy')
      const types: { type: string; package: string; origin: string }[] = JSON.parse((await ok(machine.run('errand', 'targets'))).stdout)
      expect(types).toContainEqual(expect.objectContaining({ type: 'as-user', package: 'errand-target-as-user', origin: 'linked' }))
    }, 1_500_000)

    it('is what the versions in this repository say', async () => {
      for (const room of rooms) {
        const { name, version } = JSON.parse(readFileSync(join(repository, room, 'package.json'), 'utf8'))
        const { stdout } = await execute('npm', ['view', name, 'version'], { env: registry?.environment })
        expect([name, stdout.trim()]).toEqual([name, version])
        expect(existsSync(join(tarballs, `${basename(name).replace(/^/, 'errand-')}-${version}.tgz`))).toBe(true)
      }
    })
  },
)
