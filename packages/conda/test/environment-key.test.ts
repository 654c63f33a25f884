import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { SparkDependencies } from '@errand/core'
import { loadCondaDependencies } from '@errand/core/project'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EnvironmentInputs, type KeySource, contentOf, environmentInputs, environmentKey, explainKey } from '../src/index.ts'

const file = `# environment of the project
name: project_environment
channels:
  - conda-forge
  - defaults
dependencies:
  - python=3.6
  - numpy=1.18
  - scikit-learn >=0.20
  - pip:
      - --extra-index-url https://user:token@packages.example.org/simple
      - requests==2.20.0
      - Some_Package>=1.0
      - ./wheels/own-1.0-py3-none-any.whl
`

const spark: SparkDependencies = {
  configuration: { 'spark.app.name': 'x' },
  repositories: ['https://repo.example.org/maven'],
  packages: [
    { group: 'com.example', artifact: 'first_2.11', version: '1.0' },
    { group: 'com.example', artifact: 'second_2.11', version: '2.0' },
  ],
}

interface World {
  readonly text: string
  readonly wheel: string
  readonly settings: Omit<KeySource, 'content' | 'spark'>
  readonly spark: SparkDependencies
}

const world: World = {
  text: file,
  wheel: 'content of the wheel',
  settings: { platform: 'linux-64', base: `sha256:${'1'.repeat(64)}`, provider: { name: 'micromamba', version: '2.8.1' } },
  spark,
}

const edit = (from: string | RegExp, to: string) => (before: World) => {
  const text = before.text.replace(from, to)
  if (text === before.text) throw new Error(`the edit of ${String(from)} changes nothing`)
  return { ...before, text }
}
const set = (change: Partial<World['settings']>) => (before: World) => ({ ...before, settings: { ...before.settings, ...change } })
const sparkWith = (change: Partial<SparkDependencies>) => (before: World) => ({ ...before, spark: { ...before.spark, ...change } })

const keeps: readonly (readonly [string, (before: World) => World])[] = [
  ['a comment is added', edit('name: project', '# another comment\nname: project')],
  ['a comment is changed', edit('# environment of', '# all of')],
  ['a comment stands behind a package', edit('numpy=1.18', 'numpy=1.18 #arrays')],
  ['the line ends are those of Windows', (before) => ({ ...before, text: before.text.replaceAll('\n', '\r\n') })],
  ['the file begins with a byte order mark', (before) => ({ ...before, text: `\uFEFF${before.text}` })],
  ['the name is another', edit('project_environment', 'mine')],
  ['a prefix is given', edit('name: project_environment', 'name: project_environment\nprefix: /home/me/env')],
  ['the conda specs stand in another order', edit('  - python=3.6\n  - numpy=1.18', '  - numpy=1.18\n  - python=3.6')],
  ['the pip packages stand in another order', edit(/( +- requests==2.20.0\n)( +- Some_Package>=1.0\n)/, '$2$1')],
  ['a spec is written with other blanks', edit('scikit-learn >=0.20', 'scikit-learn>= 0.20')],
  ['a conda package is written in capitals', edit('numpy=1.18', 'NumPy=1.18')],
  ['a pip package is written in another spelling', edit('Some_Package>=1.0', 'some-package >= 1.0')],
  ['a package is named twice', edit('  - numpy=1.18\n', '  - numpy=1.18\n  - numpy=1.18\n')],
  ['the list is indented otherwise', edit(/^ {6}- /gm, '    - ')],
  ['pip is asked for, which the pip section brings anyway', edit('  - numpy', '  - pip\n  - numpy')],
  ['the token of an index is renewed', edit('user:token@', 'user:other@')],
  ['an option is written with an equals sign', edit('--extra-index-url https', '--extra-index-url=https')],
  ['variables are given, which are set when a script starts', edit('dependencies:', 'variables:\n  A: "1"\ndependencies:')],
  ['the Spark configuration changes', sparkWith({ configuration: { 'spark.executor.memory': '4g' } })],
  ['the Spark packages stand in another order', sparkWith({ packages: spark.packages.toReversed() })],
]

const rebuilds: readonly (readonly [string, (before: World) => World, readonly string[]])[] = [
  ['the Python version changes', edit('python=3.6', 'python=3.7'), ['conda: python: python=3.6 → python=3.7']],
  ['a conda version changes', edit('numpy=1.18', 'numpy=1.19'), ['conda: numpy: numpy=1.18 → numpy=1.19']],
  ['one = becomes two', edit('numpy=1.18', 'numpy==1.18'), ['conda: numpy: numpy=1.18 → numpy==1.18']],
  ['a conda package is added', edit('  - numpy', '  - pandas\n  - numpy'), ['conda: pandas: nothing → pandas']],
  ['a conda package is removed', edit('  - numpy=1.18\n', ''), ['conda: numpy: numpy=1.18 → (none)']],
  [
    'a package moves from conda to pip',
    edit(/ {2}- numpy=1.18\n([^]*)- requests/, '$1- numpy==1.18\n      - requests'),
    ['conda: numpy: numpy=1.18 → (none)', 'pip: numpy: nothing → numpy==1.18'],
  ],
  ['a pip version changes', edit('requests==2.20.0', 'requests==2.21.0'), ['pip: requests: requests==2.20.0 → requests==2.21.0']],
  ['a pip package loses its version', edit('requests==2.20.0', 'requests'), ['pip: requests: requests==2.20.0 → requests']],
  [
    'an extra is asked for',
    edit('requests==2.20.0', 'requests[socks]==2.20.0'),
    ['pip: requests: requests==2.20.0 → requests[socks]==2.20.0'],
  ],
  [
    'the channels stand in another order',
    edit('  - conda-forge\n  - defaults', '  - defaults\n  - conda-forge'),
    ['channels: conda-forge, defaults → defaults, conda-forge'],
  ],
  ['a channel is removed', edit('  - defaults\n', ''), ['channels: conda-forge, defaults → conda-forge']],
  [
    'a package comes from a channel of its own',
    edit('numpy=1.18', 'bioconda::numpy=1.18'),
    ['conda: numpy: numpy=1.18 → bioconda::numpy=1.18'],
  ],
  [
    'the index is another',
    edit('packages.example.org', 'other.example.org'),
    ['options of pip: --extra-index-url https://packages.example.org/simple → --extra-index-url https://other.example.org/simple'],
  ],
  [
    'an option is added',
    edit('      - requests', '      - --pre\n      - requests'),
    [
      'options of pip: --extra-index-url https://packages.example.org/simple → --extra-index-url https://packages.example.org/simple, --pre',
    ],
  ],
  [
    'the wheel of the project has other content',
    (before) => ({ ...before, wheel: 'other content' }),
    [`file: wheels/own-1.0-py3-none-any.whl: ${sha256('content of the wheel')} → ${sha256('other content')}`],
  ],
  ['the platform is another', set({ platform: 'linux-aarch64' }), ['platform: linux-64 → linux-aarch64']],
  ['the base image is another', set({ base: `sha256:${'2'.repeat(64)}` }), [`base: sha256:${'1'.repeat(64)} → sha256:${'2'.repeat(64)}`]],
  ['the provider is another', set({ provider: { name: 'rattler', version: '0.28.0' } }), ['provider: micromamba 2.8.1 → rattler 0.28.0']],
  [
    'the provider has a new version',
    set({ provider: { name: 'micromamba', version: '2.9.0' } }),
    ['provider: micromamba 2.8.1 → micromamba 2.9.0'],
  ],
  [
    'a Spark package has another version',
    sparkWith({ packages: [{ group: 'com.example', artifact: 'first_2.11', version: '1.1' }, ...spark.packages.slice(1)] }),
    ['Spark package: com.example:first_2.11: com.example:first_2.11:1.0 → com.example:first_2.11:1.1'],
  ],
  ['a Spark repository goes', sparkWith({ repositories: [] }), ['Spark repositories: https://repo.example.org/maven → (none)']],
  [
    'exactly these packages are wanted',
    set({ lock: { provider: 'micromamba 2.8.1', packages: [{ name: 'six', version: '1.0' }] } }),
    [`locked packages: nothing → ${sha256('six 1.0  ')}`],
  ],
]

/** As the page shows them. */
function shown(reasons: readonly string[]): string {
  return reasons.map((reason) => `\`${reason.replaceAll(/sha256:[0-9a-f]{6,}/g, 'sha256:…').replaceAll('|', '\\|')}\``).join('; ')
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-conda-key-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function inputsOf({ text, wheel, settings, spark: packages }: World): Promise<EnvironmentInputs> {
  const directory = mkdtempSync(join(folder, 'project-'))
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
  write('aml_config/conda_dependencies.yml', text)
  write('wheels/own-1.0-py3-none-any.whl', wheel)
  const project = { directory, name: 'project', configurationDirectory: 'aml_config' }
  const read = await loadCondaDependencies(project, 'aml_config/conda_dependencies.yml')
  return environmentInputs({ content: contentOf({ kind: 'conda', ...read.file }), spark: packages, ...settings })
}

describe('the key of an environment', () => {
  it.each(keeps)('stays when %s', async (_, change) => {
    const [before, after] = [await inputsOf(world), await inputsOf(change(world))]
    expect(explainKey(before, after)).toEqual([])
    expect(environmentKey(after)).toBe(environmentKey(before))
  })

  it.each(rebuilds.map(([what, change, reasons]) => [what, shown(reasons), change, reasons] as const))(
    'changes when %s: %s',
    async (_, __, change, reasons) => {
      const [before, after] = [await inputsOf(world), await inputsOf(change(world))]
      const explained = explainKey(before, after).map((item) => `${item.input}: ${item.before ?? 'nothing'} → ${item.after}`)
      expect(explained).toEqual(reasons)
      expect(environmentKey(after)).not.toBe(environmentKey(before))
    },
  )

  it('has no channels where uv makes the environment', async () => {
    const provider = { name: 'uv', version: '0.13.9', python: '3.11' }
    const ofUv = (change: (from: World) => World) => inputsOf({ ...change(world), settings: { ...world.settings, provider } })
    const same = await ofUv((from) => from)
    expect(await ofUv(edit('  - defaults\n', ''))).toEqual(same)
    // Nor are they told as gone where only the provider is another.
    expect(explainKey(await inputsOf(world), same).map(({ input }) => input)).toEqual(['provider', 'python of the place'])
  })

  it('is told edit by edit in docs/environments.md', () => {
    const rows = [
      ...rebuilds.map(([what, , reasons]) => `| ${what} | yes | ${shown(reasons)} |`),
      ...keeps.map(([what]) => `| ${what} | no | |`),
    ]
    const page = readFileSync(join(import.meta.dirname, '../../../docs/environments.md'), 'utf8')
    expect(page.split('\n').filter((line) => /^\|[^|]*\| (yes|no) \|/.test(line))).toEqual(rows)
  })

  it('holds no credentials', async () => {
    expect(JSON.stringify(await inputsOf(world))).not.toContain('token')
  })

  it('holds no token of a channel, renewed or hidden, and knows the channel all the same', async () => {
    const withToken = (token: string) =>
      edit(
        '  - conda-forge',
        `  - https://conda.example.org/t/${token}/team`,
      )({ ...world, text: world.text.replace('numpy', `https://conda.example.org/t/${token}/team::numpy`) })
    const [first, renewed, hidden] = await Promise.all(['one-token', 'another-token', '***'].map((token) => inputsOf(withToken(token))))
    expect(JSON.stringify(first)).not.toContain('one-token')
    expect(first?.channels).toContain('https://conda.example.org/team')
    expect([renewed, hidden]).toEqual([first, first])
  })

  it('holds nothing of a signed address but the address, and of other queries all but the credential', async () => {
    const withQuery = (query: string) =>
      edit(
        'requests==2.20.0',
        `requests @ https://example.org/requests.whl?${query}`,
      )({
        ...world,
        text: world.text.replace('user:token@packages.example.org/simple', `packages.example.org/simple?${query}`),
      })
    const inputsWith = async (...queries: readonly string[]) =>
      (await Promise.all(queries.map((query) => inputsOf(withQuery(query))))).map(({ pip, pipOptions }) =>
        JSON.stringify([pip, pipOptions]),
      )
    const [first, ...same] = await inputsWith('se=2026&sig=c4nary', 'se=2027&sig=d4nary', '***', '${SIGNATURE}')
    expect(new Set([first, ...same])).toEqual(new Set([first]))
    expect(first).toContain('https://example.org/requests.whl"')
    const [build, renewed, other] = await inputsWith('job=build&token=c4nary', 'job=build&token=d4nary', 'job=other&token=c4nary')
    expect([renewed, build]).toEqual([build, expect.stringContaining('requests.whl?job=build"')])
    expect(other).not.toBe(build)
  })

  it('is the same for inputs that were stored as JSON and read again', async () => {
    const inputs = await inputsOf(world)
    expect(environmentKey(JSON.parse(JSON.stringify(inputs)) as EnvironmentInputs)).toBe(environmentKey(inputs))
  })
})
