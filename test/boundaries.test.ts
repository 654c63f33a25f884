import { existsSync, globSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Room {
  readonly ours: readonly string[]
  readonly others: readonly string[]
  /** What only the build uses, or puts into the package: its users do not install it. */
  readonly built?: readonly string[]
  /** What the packages that it writes will need: peers that nobody has to have, so that it follows their versions. */
  readonly writes?: readonly string[]
}

/** Who may import whom. A room is a folder with a package.json; what it may import of ours and of others is this table and nothing else. */
const table: Readonly<Record<string, Room>> = {
  'packages/core': {
    ours: [],
    others: ['diff', 'ignore', '@napi-rs/keyring', '@standard-schema/spec', 'smol-toml'],
    built: ['yaml'],
  },
  'packages/agent': { ours: ['@errand/core'], others: [] },
  'packages/ssh': { ours: ['@errand/core'], others: ['ssh2', 'ssh-config'] },
  'packages/conda': { ours: ['@errand/core'], others: [] },
  'packages/livy': { ours: [], others: ['undici'] },
  'packages/process-engine': { ours: ['@errand/core', '@errand/agent', '@errand/conda'], others: [] },
  'packages/docker-engine': { ours: ['@errand/core', '@errand/agent', '@errand/conda'], others: ['dockerode', 'valibot'] },
  'packages/testkit': { ours: ['@errand/core'], others: [] },
  'packages/create-target': { ours: [], others: [], writes: ['@errand/core', '@errand/process-engine', '@errand/testkit'] },
  'plugins/local': { ours: ['@errand/core', '@errand/process-engine'], others: ['valibot', '@valibot/to-json-schema'] },
  'plugins/docker': { ours: ['@errand/core', '@errand/docker-engine'], others: ['valibot', '@valibot/to-json-schema'] },
  'plugins/remotedocker': {
    ours: ['@errand/core', '@errand/docker-engine', '@errand/ssh'],
    others: ['valibot', '@valibot/to-json-schema'],
  },
  'plugins/remote-user-managed': {
    ours: ['@errand/core', '@errand/process-engine', '@errand/ssh'],
    others: ['valibot', '@valibot/to-json-schema'],
  },
  'plugins/hdinsight-livy': {
    ours: ['@errand/core', '@errand/agent', '@errand/conda', '@errand/livy', '@errand/ssh'],
    others: ['valibot', '@valibot/to-json-schema'],
  },
  'apps/cli': {
    ours: ['@errand/core', '@errand/target-local'],
    others: ['@jmespath-community/jmespath', 'yazl'],
    built: ['@oclif/core'],
  },
}

/** In tests a room may also use these. */
const testing = ['vitest', '@errand/testkit', '@xterm/headless', 'valibot', '@valibot/to-json-schema', 'ajv', 'yaml']

const root = resolve(import.meta.dirname, '..')
const rooms = globSync(['packages/*/package.json', 'plugins/*/package.json', 'apps/*/package.json'], { cwd: root }).map(dirname)

interface Manifest {
  readonly name: string
  readonly license?: string
  readonly type?: string
  readonly engines?: { readonly node?: string }
  readonly files?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly errand?: { readonly targets?: Readonly<Record<string, string>> }
  readonly oclif?: object
}

const manifestOf = (room: string): Manifest => JSON.parse(readFileSync(join(root, room, 'package.json'), 'utf8')) as Manifest

interface Import {
  readonly file: string
  readonly specifier: string
}

function importsOf(room: string, folder: string): Import[] {
  return globSync(`${room}/${folder}/**/*.{ts,js}`, { cwd: root }).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const statements = text.matchAll(
      /^\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm,
    )
    return [...statements].map((match) => ({ file, specifier: match[1] ?? match[2] ?? match[3] ?? '' }))
  })
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

function strangers(room: string, folder: string, allowed: readonly string[]): string[] {
  return importsOf(room, folder)
    .filter(({ specifier }) => !specifier.startsWith('.') && !isBuiltin(specifier) && !allowed.includes(packageOf(specifier)))
    .map(({ file, specifier }) => `${file} imports ${specifier}`)
}

function escapes(room: string): string[] {
  return [...importsOf(room, 'src'), ...importsOf(room, 'test')]
    .filter(
      ({ file, specifier }) =>
        specifier.startsWith('.') && relative(join(root, room), resolve(root, dirname(file), specifier)).startsWith('..'),
    )
    .map(({ file, specifier }) => `${file} imports ${specifier}`)
}

describe('every room', () => {
  it('is in the table', () => {
    expect(rooms.toSorted()).toEqual(Object.keys(table).toSorted())
  })

  for (const [room, { ours, others, built = [], writes = [] }] of Object.entries(table)) {
    it(`${room} imports only what the table allows`, () => {
      expect(importsOf(room, 'src').length).toBeGreaterThan(0)
      expect(strangers(room, 'src', [...ours, ...others, ...built])).toEqual([])
      expect(strangers(room, 'test', [manifestOf(room).name, ...ours, ...others, ...built, ...testing])).toEqual([])
      expect(escapes(room)).toEqual([])
    })

    it(`${room} declares what it imports and no more`, () => {
      const manifest = manifestOf(room)
      const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).filter((name) => !writes.includes(name))
      expect(declared.filter((name) => ![...ours, ...others].includes(name))).toEqual([])
      const imported = new Set(importsOf(room, 'src').map(({ specifier }) => packageOf(specifier)))
      expect(declared.filter((name) => !imported.has(name) && !optional.has(name))).toEqual([])
      const undeclared = [...imported].filter((name) => !name.startsWith('.') && !isBuiltin(name) && !declared.includes(name))
      expect(undeclared.toSorted()).toEqual(built.toSorted())
      expect(Object.keys(manifest.devDependencies ?? {})).toEqual(expect.arrayContaining([...built]))
    })

    it(`${room} has the fields and files of a published package`, () => {
      const manifest = manifestOf(room)
      expect(manifest).toMatchObject({ license: 'Apache-2.0', type: 'module', engines: { node: '>=24' } })
      expect(manifest.name).toMatch(/^@errand\//)
      expect(manifest.files).toContain('dist')
      expect(existsSync(join(root, room, 'README.md'))).toBe(true)
    })
  }

  for (const room of rooms.filter(
    (name) =>
      name.startsWith('plugins/') ||
      name === 'packages/agent' ||
      name === 'packages/conda' ||
      name === 'packages/ssh' ||
      name === 'packages/process-engine' ||
      name === 'packages/docker-engine',
  )) {
    it(`${room} has core as a peer, so that the user's copy is the one it meets`, () => {
      const manifest = manifestOf(room)
      expect(Object.keys(manifest.peerDependencies ?? {})).toContain('@errand/core')
      expect(Object.keys(manifest.dependencies ?? {})).not.toContain('@errand/core')
    })
  }

  for (const room of rooms.filter((name) => name.startsWith('plugins/'))) {
    it(`${room} is a small plugin that registers by data`, () => {
      const manifest = manifestOf(room)
      expect(Object.values(manifest.errand?.targets ?? {}).length).toBeGreaterThan(0)
      expect(manifest.oclif).toEqual({})
      const sources = globSync('src/*.ts', { cwd: join(root, room) })
      expect(sources).toEqual(expect.arrayContaining(['src/target.ts', 'src/implementation.ts']))
      for (const source of sources) expect(readFileSync(join(root, room, source), 'utf8').split('\n').length, source).toBeLessThan(150)
      expect(importsOf(room, 'src').filter(({ specifier }) => specifier.startsWith('@errand/target-'))).toEqual([])
    })
  }
})

/** The CLI finds its one built-in plugin by its package, not by an import. */
const optional = new Set(['@errand/target-local'])
