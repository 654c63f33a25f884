import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { computeKeys } from '../src/project/compute-keys.ts'
import { readCondaDependencies } from '../src/project/conda-dependencies.ts'
import { listOtherFiles, readProjectFile } from '../src/project/files.ts'
import type { Diagnostic, Project } from '../src/project/index.ts'
import {
  listRunConfigurations,
  listTargets,
  loadCondaDependencies,
  loadRunConfiguration,
  loadSparkDependencies,
  loadTarget,
  validateTarget,
} from '../src/project/index.ts'
import { readSparkDependencies } from '../src/project/spark-dependencies.ts'
import type { TargetDefinition } from '../src/target.ts'
import { outline, temporaryProject } from './project-folder.ts'

/** Real files of real projects. They lie next to the repository and are not part of it. */
const corpus = join(import.meta.dirname, '../../../../shared/corpus/aml_config_files.json')

interface CorpusFile {
  readonly id: string
  readonly name: string
  readonly text: string
}

/** How files of one kind are read: all that is noticed, and the loading that a command does. */
interface Kind {
  readonly fits: RegExp
  diagnostics(project: Project, name: string): Promise<readonly Diagnostic[]>
  load?(project: Project, name: string): Promise<unknown>
}

const base = (name: string): string => name.replace(/\.[^.]+$/, '')

const kinds: readonly Kind[] = [
  {
    fits: /\.compute$/,
    async diagnostics(project, name) {
      const listed = (await listTargets(project)).find((target) => target.file === `aml_config/${name}`)
      return listed?.diagnostics ?? []
    },
    load: async (project, name) => {
      const target = await loadTarget(project, base(name))
      const validated = await validateTarget(target, definition(target.type))
      expect(validated.diagnostics).toEqual([])
    },
  },
  {
    fits: /\.runconfig$/,
    async diagnostics(project, name) {
      const listed = (await listRunConfigurations(project)).find((configuration) => configuration.file === `aml_config/${name}`)
      return listed?.diagnostics ?? []
    },
    load: (project, name) => loadRunConfiguration(project, name),
  },
  {
    fits: /^conda_dependencies.*\.yml$/,
    diagnostics: async (project, name) =>
      (await readCondaDependencies(project, await readProjectFile(project, `aml_config/${name}`))).diagnostics,
    load: (project, name) => loadCondaDependencies(project, `aml_config/${name}`),
  },
  {
    fits: /^spark_dependencies.*\.yml$/,
    diagnostics: async (project, name) => readSparkDependencies(await readProjectFile(project, `aml_config/${name}`)).diagnostics,
    load: (project, name) => loadSparkDependencies(project, `aml_config/${name}`),
  },
  {
    fits: /^(project\.json|environment\.yml)$/,
    diagnostics: async (project) => (await listOtherFiles(project)).flatMap(({ diagnostics }) => diagnostics),
  },
]

/** A type whose schema has exactly the keys that the reference gives it. */
function definition(type: string): TargetDefinition {
  const settings = Object.entries(computeKeys).filter(([key, { types }]) => types.includes(type) && key !== 'password')
  const keys = settings.map(([key, { kind }]) => [key, v.optional(kind === 'boolean' ? v.boolean() : v.string())] as const)
  return {
    contract: 1,
    type,
    summary: 'For this test.',
    config: toStandardJsonSchema(v.object(Object.fromEntries(keys))),
    secrets: { password: { description: 'For SSH.', optional: true } },
    capabilities: { environments: [], frameworks: [], logs: 'live' },
    load: () => Promise.reject(new Error('Not for tests.')),
  }
}

/** The files that must be refused, looked through by hand: the place of the mistake and what it is. */
const broken: Readonly<Record<string, string>> = {
  '17ce84538ee2': 'error CLOUD_SERVICE 6',
  '2df5e046347b': 'error YAML_SYNTAX 11',
  '5239aedf15fc': 'error CLOUD_SERVICE 6',
  '63dd3ac5a513': 'error MERGE_MARK 19',
  '729f528f4591': 'error MERGE_MARK 1',
  '86908013ec86': 'error YAML_SYNTAX 10',
  c66a2585d69b: 'error YAML_SYNTAX 10',
  d297fa6c38e3: 'error MERGE_MARK 1',
  da6d2ff7d695: 'error IMAGE_NAME 2',
  ff21f01f9697: 'error MERGE_MARK 25',
}

async function outcome(project: Project, { name, text }: CorpusFile): Promise<readonly string[]> {
  const kind = kinds.find(({ fits }) => fits.test(name))
  if (kind === undefined) return ['not a configuration file']
  const path = join(project.directory, 'aml_config', name)
  await writeFile(path, text)
  try {
    const diagnostics = await kind.diagnostics(project, name)
    expect(JSON.stringify(diagnostics)).not.toMatch(/REDACTED|AzureMlSecret|sig=|index\.example/)
    const refused = diagnostics.some(({ severity }) => severity === 'error')
    const loaded = await kind.load?.(project, name).then(
      () => 'ok',
      () => 'refused',
    )
    expect(loaded ?? 'ok').toBe(refused ? 'refused' : 'ok')
    return [refused ? 'refused' : 'ok', ...outline(diagnostics)]
  } finally {
    await rm(path)
  }
}

const absent = existsSync(corpus) ? undefined : 'the corpus of real files (../shared/corpus) is not part of a clone'

async function readCorpus(): Promise<readonly CorpusFile[]> {
  const files: readonly CorpusFile[] = JSON.parse(await readFile(corpus, 'utf8'))
  return files.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

it('loads or refuses every real file as the table says', async ({ skip }) => {
  if (absent !== undefined) skip(absent)
  await using project = await temporaryProject()
  const rows: string[] = []
  const refused: Record<string, string> = {}
  for (const file of await readCorpus()) {
    const [result = '', ...notes] = await outcome(project, file)
    rows.push([file.id, file.name, result, notes.join(', ')].join(' | ').trimEnd())
    if (result === 'refused') refused[file.id] = notes.filter((note) => note.startsWith('error')).join(', ')
  }
  expect(refused).toEqual(broken)
  await expect(`${rows.join('\n')}\n`).toMatchFileSnapshot('project-corpus.outcomes.txt')
})

it('reads the settings of every real target as another reader does', async ({ skip }) => {
  if (absent !== undefined) skip(absent)
  await using project = await temporaryProject()
  let compared = 0
  for (const { id, name, text } of await readCorpus()) {
    if (!name.endsWith('.compute') || Object.hasOwn(broken, id)) continue
    const path = join(project.directory, 'aml_config', name)
    await writeFile(path, text)
    const { values } = await loadTarget(project, base(name))
    const { type: _type, ...expected }: Record<string, unknown> = parseYaml(text, { version: '1.1' })
    expect([id, values]).toEqual([id, expected])
    compared++
    await rm(path)
  }
  expect(compared).toBe(47)
})

it('reads the packages of every real conda file as another reader does', async ({ skip }) => {
  if (absent !== undefined) skip(absent)
  await using project = await temporaryProject()
  await mkdir(join(project.directory, 'aml_config'), { recursive: true })
  let items = 0
  for (const { id, name, text } of await readCorpus()) {
    if (!name.startsWith('conda') || Object.hasOwn(broken, id)) continue
    await writeFile(join(project.directory, 'aml_config', name), text)
    const { packages } = await loadCondaDependencies(project, `aml_config/${name}`)
    const { dependencies }: { dependencies: readonly (string | { pip: readonly string[] | null })[] } = parseYaml(text, { version: '1.1' })
    const conda = dependencies.filter((item) => typeof item === 'string')
    const pip = dependencies.flatMap((item) => (typeof item === 'string' ? [] : (item.pip ?? [])))
    const installed = conda.filter((item) => !['io', 'os', 'json', 'pickle'].includes(item))
    expect([id, packages.conda]).toEqual([id, installed])
    expect([id, packages.pip]).toEqual([id, pip.filter((item) => !item.startsWith('-'))])
    expect([id, packages.pipOptions]).toEqual([id, pip.filter((item) => item.startsWith('-')).flatMap((item) => item.split(' '))])
    items += conda.length + pip.length
  }
  expect(items).toBeGreaterThan(200)
})
