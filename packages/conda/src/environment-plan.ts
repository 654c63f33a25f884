import { type Environment, type EnvironmentLock, type Host, type JsonValue, type SparkDependencies, ErrandError } from '@errand/core'
import { chooseProvider, uvOf } from './choose-provider.ts'
import { type EnvironmentContent, contentOf, requirementName, specName } from './content.ts'
import { type EnvironmentInputs, environmentInputs, environmentKey } from './environment-key.ts'
import { type PipPart, pipPart } from './pip-part.ts'
import { optional } from './optional.ts'
import type { PlaceBuilder, PlaceFacts } from './place.ts'
import type { Provider, ProviderName } from './provider.ts'
import { requirementOf } from './spec-requirement.ts'
import type { Making } from './step.ts'

/** An environment that is wanted at a place. */
export interface WantedEnvironment {
  /** Folder of errand's own files there, absolute: environments are in `environments/` below it. */
  readonly home: string
  readonly environment: Environment
  readonly spark?: SparkDependencies
  /** The project's id: the next change is explained against its last environment. */
  readonly projectId?: string
  /** Interpreters that can answer, best first. Absent: `python3`, `python`. */
  readonly pythons?: readonly string[]
  /** The one to use. Absent: the best that the place has. */
  readonly provider?: ProviderName
  /** It is used at another place than this one: not one whose Python is the place's own. */
  readonly relocatable?: boolean
  /** Paths of programs at the place that are to be used: `micromamba`, `mamba`, `conda`, `uv`. */
  readonly programs?: Readonly<Partial<Record<'micromamba' | 'mamba' | 'conda' | 'uv', string>>>
}

/** How an environment is made, and what its key is made of. */
export interface EnvironmentPlan {
  readonly key: string
  readonly inputs: EnvironmentInputs
  readonly content: EnvironmentContent
  readonly provider: Provider
  readonly facts: PlaceFacts
  readonly folder: string
  readonly prefix: string
  readonly lock?: EnvironmentLock
  readonly pip: PipPart
}

export const lockOf = (environment: Environment): EnvironmentLock | undefined =>
  environment.kind === 'user-managed' ? undefined : environment.lock

/** What the place has; `remember` keeps there which versions its programs have. Error: `PROGRAM_NOT_FOUND`. */
export async function factsOf(
  place: PlaceBuilder,
  host: Host,
  { home, programs = {} }: WantedEnvironment,
  remember: boolean,
): Promise<PlaceFacts> {
  const facts = await place.answer<PlaceFacts>({ kind: 'probe', home, named: { ...programs }, remember })
  for (const [name, path] of Object.entries(programs)) {
    if (facts.programs[name] !== undefined) continue
    throw new ErrandError('PROGRAM_NOT_FOUND', `${path}, which the configuration names as ${name}, does not work on ${host.name}.`, {
      hint: `Call \`${path} --version\` there and mend the path, or delete the setting.`,
    })
  }
  return facts
}

/** Decides how it is made. Errors: those of `content.ts` and `choose-provider.ts`. */
export function planFor(wanted: WantedEnvironment, host: Host, facts: PlaceFacts, lock: EnvironmentLock | undefined): EnvironmentPlan {
  const content = contentOf(wanted.environment)
  const choice = {
    home: wanted.home,
    facts,
    content,
    ...optional('provider', wanted.provider),
    ...optional('relocatable', wanted.relocatable),
    ...optional('lock', lock),
  }
  const base = `${host.name} (${facts.hostname})`
  return { ...planWith({ wanted, content, provider: chooseProvider(choice), base, lock, facts }), facts }
}

interface Decided {
  readonly wanted: WantedEnvironment
  readonly content: EnvironmentContent
  readonly provider: Provider
  readonly base: string
  readonly lock: EnvironmentLock | undefined
  readonly facts: PlaceFacts
}

function planWith({ wanted, content, provider, base, lock, facts }: Decided): Omit<EnvironmentPlan, 'facts'> {
  const inputs = environmentInputs({
    content,
    platform: facts.platform,
    base,
    provider,
    ...optional('spark', wanted.spark),
    ...optional('lock', lock),
  })
  const key = environmentKey(inputs)
  const folder = `${wanted.home}/environments/${key}`
  const prefix = `${folder}/environment`
  const pip: PipPart = {
    ...pipContent(content, provider),
    folder,
    prefix,
    ...optional('uv', uvOf(wanted.home, facts)),
    ...optional('lock', lock),
    locate: (file) => localFilePath(wanted.home, file),
    withoutPip: provider.name === 'uv',
  }
  return { key, inputs, content, provider, folder, prefix, pip, ...optional('lock', lock) }
}

/** uv installs the conda part too: exactly, when that is pip alone. */
export function pipContent(content: EnvironmentContent, provider: Pick<Provider, 'name'>): Pick<PipPart, 'content' | 'pipItself'> {
  if (provider.name !== 'uv') return { content }
  const more = content.conda.filter((spec) => specName(spec) !== 'python').map(requirementOf)
  const apart = content.pipOptions.some(({ name }) => ['--index-url', '--no-index'].includes(name))
  const pip = apart ? more.find((item) => requirementName(item) === 'pip') : undefined
  return { content: { ...content, pip: [...content.pip, ...more.filter((item) => item !== pip)] }, ...optional('pipItself', pip) }
}

/** A wheel keeps its name, which says what it is. */
export function localFilePath(home: string, { path, digest }: { readonly path: string; readonly digest: string }): string {
  return `${home}/environments/files/${digest.replace('sha256:', '')}/${path.split('/').at(-1) ?? path}`
}

/** Steps, files and tools of the whole environment. */
export function makingOf(plan: EnvironmentPlan): Making & { readonly origins: JsonValue } {
  const { content, provider, prefix, folder, facts, lock } = plan
  const conda = provider.create({
    prefix,
    folder,
    platform: facts.platform,
    channels: content.channels,
    specs: content.conda,
    ...optional('lock', lock),
  })
  const pip = pipPart(plan.pip)
  return {
    files: { ...conda.files, ...pip.files },
    steps: [...conda.steps, ...pip.steps],
    tools: { ...conda.tools, ...pip.tools },
    origins: pip.origins === undefined ? null : json(pip.origins),
  }
}

/** What `place_environments.py` reads. */
export function requestOf(
  kind: 'look' | 'make',
  plan: EnvironmentPlan,
  wanted: WantedEnvironment,
  making: Making & { readonly origins: JsonValue },
): JsonValue {
  const { key, folder, prefix, inputs, provider, lock, content } = plan
  return json({
    kind,
    folder,
    prefix,
    inputs,
    key,
    files: making.files,
    steps: making.steps,
    tools: making.tools,
    origins: making.origins,
    provider: `${provider.name} ${provider.version}`,
    expected: lock?.packages ?? null,
    project: wanted.projectId ?? null,
    latest:
      wanted.projectId === undefined
        ? null
        : `${wanted.home}/environments/latest/${`${wanted.projectId}.${content.file}`.replaceAll(/[^\w.-]/g, '_')}.json`,
    local: content.localFiles.map((file) => ({ digest: file.digest, path: localFilePath(wanted.home, file) })),
  })
}

const json = (value: unknown): JsonValue => JSON.parse(JSON.stringify(value)) as JsonValue
