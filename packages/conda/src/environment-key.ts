import { createHash } from 'node:crypto'
import { type EnvironmentLock, type SparkDependencies, dropCredentials } from '@errand/core'
import { type EnvironmentContent, isAddress, requirementName, specName } from './content.ts'

/** All that decides what an environment is made of, in canonical form and without credentials: kept beside it as JSON. */
export interface EnvironmentInputs {
  /** In their order, which is their priority. */
  readonly channels: readonly string[]
  readonly conda: readonly string[]
  readonly pip: readonly string[]
  /** In their order. */
  readonly pipOptions: readonly string[]
  /** `sha256:…` by path in the project. */
  readonly localFiles: Readonly<Record<string, string>>
  /** As conda names it: `linux-64`. */
  readonly platform: string
  /** The digest of the base image, or the machine. */
  readonly base: string
  /** Name and version. */
  readonly provider: string
  /** Of a provider that uses a Python of the place: `3.11`. */
  readonly python?: string
  readonly spark: readonly string[]
  readonly sparkRepositories: readonly string[]
  /** Digest of the packages that it must have. */
  readonly lock?: string
}

export interface KeySource {
  readonly content: EnvironmentContent
  readonly platform: string
  readonly base: string
  readonly provider: { readonly name: string; readonly version: string; readonly python?: string }
  readonly spark?: SparkDependencies
  readonly lock?: EnvironmentLock
}

/** Brings all that decides an environment into the form that the key is made of. Comments, order and blanks are gone before. */
export function environmentInputs({ content, platform, base, provider, spark, lock }: KeySource): EnvironmentInputs {
  return {
    channels: takesChannels(provider.name) ? content.channels.map((channel) => dropCredentials(channel).replace(/\/+$/, '')) : [],
    conda: unique(content.conda.map(canonicalSpec)),
    pip: unique(content.pip.map(canonicalRequirement)),
    pipOptions: content.pipOptions.map(({ name, value }) => (value === undefined ? name : `${name} ${dropCredentials(value)}`)),
    localFiles: Object.fromEntries(content.localFiles.map(({ path, digest }) => [path, digest])),
    platform,
    base,
    provider: `${provider.name} ${provider.version}`,
    ...(provider.python === undefined ? {} : { python: provider.python }),
    spark: unique((spark?.packages ?? []).map(({ group, artifact, version }) => `${group}:${artifact}:${version}`)),
    sparkRepositories: (spark?.repositories ?? []).map(dropCredentials),
    ...(lock === undefined ? {} : { lock: lockDigest(lock) }),
  }
}

/** The name of an environment: 24 hexadecimal digits. */
export function environmentKey(inputs: EnvironmentInputs): string {
  const { channels, conda, pip, pipOptions, platform, base, provider, python = '', spark, sparkRepositories, lock = '' } = inputs
  const files = Object.entries(inputs.localFiles).toSorted(byFirst)
  const fields = [channels, conda, pip, pipOptions, files, platform, base, provider, python, spark, sparkRepositories, lock]
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 24)
}

export interface InputChange {
  /** `pip: numpy`, `channels`, `base`. */
  readonly input: string
  readonly before?: string
  /** `(none)` when it is gone. */
  readonly after: string
}

const titles = {
  channels: 'channels',
  pipOptions: 'options of pip',
  platform: 'platform',
  base: 'base',
  provider: 'provider',
  python: 'python of the place',
  sparkRepositories: 'Spark repositories',
  lock: 'locked packages',
} as const

/** Names each input that differs, with both values. Empty when the keys are equal. */
export function explainKey(before: EnvironmentInputs, after: EnvironmentInputs): readonly InputChange[] {
  // Nobody has changed the channels where one provider takes packages from them and the other does not.
  const keys = (Object.keys(titles) as (keyof typeof titles)[]).filter(
    (key) => key !== 'channels' || takesChannels(before.provider) === takesChannels(after.provider),
  )
  return [
    ...keys.flatMap((key) => changeOf(titles[key], shown(before[key]), shown(after[key]))),
    ...itemChanges('conda', byName(before.conda, specName), byName(after.conda, specName)),
    ...itemChanges('pip', byName(before.pip, requirementName), byName(after.pip, requirementName)),
    ...itemChanges('Spark package', byName(before.spark, artifactName), byName(after.spark, artifactName)),
    ...itemChanges('file', new Map(Object.entries(before.localFiles)), new Map(Object.entries(after.localFiles))),
  ]
}

/** uv takes nothing from them. */
const takesChannels = (provider: string): boolean => provider.split(' ')[0] !== 'uv'

function changeOf(input: string, before: string | undefined, after: string | undefined): InputChange[] {
  if (before === after) return []
  return [{ input, ...(before === undefined ? {} : { before }), after: after ?? '(none)' }]
}

function shown(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value === 'string' || value === undefined) return value
  return value.length === 0 ? undefined : value.join(', ')
}

function itemChanges(kind: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): InputChange[] {
  const names = unique([...before.keys(), ...after.keys()])
  return names.flatMap((name) => changeOf(`${kind}: ${name}`, before.get(name), after.get(name)))
}

/** Several items of one name stand together. */
function byName(items: readonly string[], name: (item: string) => string): Map<string, string> {
  return new Map(Object.entries(Object.groupBy(items, name)).map(([key, group = []]) => [key, group.join(', ')]))
}

const artifactName = (coordinates: string): string => coordinates.split(':').slice(0, 2).join(':')
const unique = (items: readonly string[]): string[] => [...new Set(items)].toSorted()
const byFirst = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1)

/** `NumPy >= 1.0` is `numpy>=1.0`: names in lower case, no blanks around operators. */
function canonicalSpec(spec: string): string {
  const text = dropCredentials(spec.trim())
  if (text.includes('://')) return text
  const tight = text.replaceAll(/\s*([<>=!~,|]+)\s*/g, '$1').replaceAll(/\s+/g, ' ')
  return tight.replace(/^((?:[^\s:]+::)?)([\w.-]+)/, (_, channel: string, name: string) => channel + name.toLowerCase())
}

/** `Scikit_Learn >= 1.0` is `scikit-learn>=1.0`; addresses and paths stay. */
function canonicalRequirement(requirement: string): string {
  const text = dropCredentials(requirement.trim().replaceAll(/\s+/g, ' '))
  if (isAddress(text)) return text
  const [specifier = '', ...marker] = text.split(';')
  const tight = specifier.replaceAll(/\s*([<>=!~,]+|[[\]])\s*/g, '$1').trim()
  const named = tight.replace(/^[A-Za-z0-9][\w.-]*/, requirementName)
  return [named, ...marker.map((part) => part.trim())].join('; ')
}

/** Digest of the packages of a lock, whatever their order. */
export function lockDigest({ packages }: EnvironmentLock): string {
  const lines = unique(packages.map(({ name, version, build = '', hash = '' }) => `${name} ${version} ${build} ${hash}`))
  return `sha256:${createHash('sha256').update(lines.join('\n')).digest('hex')}`
}
