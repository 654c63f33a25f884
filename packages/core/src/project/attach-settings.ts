import { ErrandError } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { TargetDefinition } from '../target.ts'
import { computeKeys } from './compute-keys.ts'
import { nearNames } from './near-name.ts'
import { cloudTypes, targetTypes } from './target-types.ts'

/** Something that `computetarget attach` takes for one type. */
export interface AttachSetting {
  /** Key of the `.compute` file, name of the secret, or name under which `attach` of the implementation gets it. */
  readonly name: string
  /** Long option, without dashes. */
  readonly flag: string
  readonly char?: string
  readonly aliases: readonly string[]
  readonly summary: string
  readonly kind: 'text' | 'number' | 'boolean'
  /** `key` is written, `secret` kept in the secret store, `action` given to the type's own `attach`. */
  readonly role: 'key' | 'secret' | 'action'
  readonly required: boolean
  /** Keys that are written when it is given. */
  readonly writes: Readonly<Record<string, JsonValue>>
}

/** A type of target as `computetarget attach` sees it. */
export interface AttachableType {
  readonly type: string
  /** Absent: a type of the original whose package is not installed. Its files can be written all the same. */
  readonly definition?: TargetDefinition
  readonly settings: readonly AttachSetting[]
  /** Keys that are written although nobody gave them. */
  readonly writes: Readonly<Record<string, JsonValue>>
}

/** What the original wrote for types that may not be installed. Source: `reference/config-files.md` §2.5. */
const originalWrites: Readonly<Record<string, Readonly<Record<string, JsonValue>>>> = {
  remotedocker: {
    baseDockerImage: 'microsoft/mmlspark:plus-0.9.9',
    nativeSharedDirectory: '~/.azureml/share/',
    sharedVolumes: true,
    userManagedEnvironment: false,
  },
  remote: { pythonLocation: 'python', userManagedEnvironment: true },
  cluster: { userManagedEnvironment: false, yarnDeployMode: 'cluster' },
}

const originalRequired: ReadonlySet<string> = new Set(['address', 'username'])

const projectKey = { privateKey: 'project' }

/** What the original could do beyond the files. */
const originalActions: Readonly<Record<string, SettingSource>> = {
  useAzuremlSshKey: { char: 'k', boolean: true, help: 'Log in with a key of this project.', writes: projectKey },
  privateKeyFile: { help: 'Log in with this key once, to let the machine know the key of this project.', writes: projectKey },
  privateKeyPassphrase: { help: 'Its passphrase.' },
  acceptHostKey: { help: 'Accept this fingerprint when the machine is met for the first time.' },
}

/** Letters of the original, for whichever type has such a setting. */
const originalChars: Readonly<Record<string, string>> = { address: 'a', username: 'u', password: 'w' }

const originalSummaries: Readonly<Record<string, string>> = {
  address: 'The machine: HOST, HOST:PORT, [IPv6]:PORT, or a name of your SSH configuration.',
  username: 'User to log in as.',
}

/**
 * The type that a word of the command line means: any installed type by its name or an alias of the original. Errors: `TYPE_CLOUD`,
 * `TARGET_TYPE_UNKNOWN`.
 */
export function attachType(word: string, installed: readonly string[]): string {
  const wanted = word.toLowerCase()
  const known = targetTypes.find(({ type, aliases }) => type === wanted || aliases.includes(wanted))
  const type = known?.type ?? installed.find((candidate) => candidate.toLowerCase() === wanted)
  if (type !== undefined) return type
  if (cloudTypes.includes(wanted))
    throw new ErrandError('TYPE_CLOUD', `${word} is a cloud service, not a Workbench target.`, { hint: typesHint(installed) })
  const near = nearNames(word, [...new Set([...targetTypes.map((candidate) => candidate.type), ...installed])])
  throw new ErrandError('TARGET_TYPE_UNKNOWN', `There is no target type "${word}".`, {
    hint: near.length > 0 ? `Did you mean ${near.join(' or ')}?` : typesHint(installed),
  })
}

function typesHint(installed: readonly string[]): string {
  return `The types are ${[...new Set([...targetTypes.map(({ type }) => type), ...installed])].join(', ')}.`
}

/** What can be given for a type: from its schema and its `attach`, or from the original's keys when it is not installed. */
export function attachableType(type: string, definition: TargetDefinition | undefined): AttachableType {
  if (definition === undefined) return { type, settings: originalSettings(type), writes: originalWrites[type] ?? {} }
  const extra = definition.attach?.flags ?? {}
  const properties = schemaProperties(definition)
  const required = requiredKeys(definition)
  const secrets = Object.entries(definition.secrets ?? {})
  const keys = Object.entries(properties).map(([name, property]) =>
    setting(name, 'key', { ...property, required: required.includes(name), ...extra[name] }),
  )
  const kept = secrets.map(([name, { description }]) => setting(name, 'secret', { description, ...extra[name] }))
  const actions = Object.entries(extra)
    .filter(([name]) => !Object.hasOwn(properties, name) && !secrets.some(([secret]) => secret === name))
    .map(([name, flag]) => setting(name, 'action', flag))
  return { type, definition, settings: [...keys, ...kept, ...actions], writes: definition.attach?.writes ?? {} }
}

function originalSettings(type: string): readonly AttachSetting[] {
  const keys = Object.entries(computeKeys)
    .filter(([, { types }]) => types.includes(type))
    .map(([name, { kind }]) =>
      setting(name, kind === 'secret' ? 'secret' : 'key', {
        type: kind === 'boolean' ? 'boolean' : 'string',
        description: originalSummaries[name] ?? `Written as ${name} into the .compute file.`,
        required: Object.hasOwn(originalWrites, type) && originalRequired.has(name),
      }),
    )
  const actions = Object.entries(originalActions).map(([name, source]) => setting(name, 'action', source))
  return Object.hasOwn(originalWrites, type) ? [...keys, ...actions] : keys
}

interface SettingSource {
  readonly type?: unknown
  readonly description?: unknown
  readonly required?: boolean
  readonly char?: string
  readonly aliases?: readonly string[]
  readonly help?: string
  readonly boolean?: boolean
  readonly writes?: Readonly<Record<string, JsonValue>>
}

function setting(name: string, role: AttachSetting['role'], source: SettingSource): AttachSetting {
  const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const char = source.char ?? originalChars[name]
  const isBoolean = source.boolean === true || source.type === 'boolean'
  const isNumber = source.type === 'number' || source.type === 'integer'
  return {
    name,
    flag,
    ...(char === undefined ? {} : { char }),
    // The key as it stands in the file is understood as well.
    aliases: [...new Set([...(flag === name ? [] : [name]), ...(source.aliases ?? [])])],
    summary: source.help ?? (typeof source.description === 'string' ? source.description : `Written as ${name} into the .compute file.`),
    kind: isBoolean ? 'boolean' : isNumber ? 'number' : 'text',
    role,
    required: source.required === true,
    writes: source.writes ?? {},
  }
}

type PrintedSchema = Readonly<Record<string, unknown>>

function printedSchema(definition: TargetDefinition): PrintedSchema {
  return definition.config['~standard'].jsonSchema.input({ target: 'draft-2020-12' })
}

function schemaProperties(definition: TargetDefinition): Readonly<Record<string, { type?: unknown; description?: unknown }>> {
  const { properties } = printedSchema(definition)
  if (typeof properties !== 'object' || properties === null) return {}
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => typeof value === 'object' && value !== null))
}

function requiredKeys(definition: TargetDefinition): readonly string[] {
  const { required } = printedSchema(definition)
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []
}
