import type { TargetDefinition } from '../target.ts'
import { computeKeys } from './compute-keys.ts'
import { computeSummaries, runConfigurationSummaries } from './key-summaries.ts'
import { runConfigurationKeys } from './run-configuration-keys.ts'
import { targetTypes } from './target-types.ts'
import type { KeyKind } from './values.ts'

/** A JSON Schema of the 2020-12 draft. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** The configuration files that have a schema, with what an editor finds them by. */
export const schemaFiles = {
  runconfig: '*.runconfig',
  compute: '*.compute',
  conda_dependencies: '*conda_dependencies*.yml',
  spark_dependencies: '*spark_dependencies*.yml',
} as const

export type SchemaFile = keyof typeof schemaFiles

const draft = 'https://json-schema.org/draft/2020-12/schema'
const scalar = { type: ['string', 'number', 'boolean', 'null'] }

/** What the loader takes for each kind. A key with the value null counts as absent. */
const kinds: Readonly<Record<KeyKind, JsonSchema>> = {
  text: { type: ['string', 'number', 'null'] },
  path: { type: ['string', 'null'] },
  secret: { type: ['string', 'number', 'null'] },
  // Also in quotes, as old files have it.
  boolean: { type: ['boolean', 'string', 'null'], pattern: '^\\s*([Tt]rue|TRUE|[Ff]alse|FALSE)\\s*$' },
  seconds: { type: ['number', 'string', 'null'] },
  list: { type: ['array', 'null'], items: scalar },
  map: { type: ['object', 'null'] },
  any: {},
}

/** The schemas of all files. `definitions` are those of the installed types: their settings become keys of `.compute` files. */
export function configurationSchemas(definitions: readonly TargetDefinition[]): Readonly<Record<SchemaFile, JsonSchema>> {
  return { runconfig: runConfigurationSchema(), compute: computeSchema(definitions), conda_dependencies: conda, spark_dependencies: spark }
}

function runConfigurationSchema(): JsonSchema {
  const properties: Record<string, JsonSchema> = {}
  for (const [name, { kind, aliases = [] }] of Object.entries(runConfigurationKeys)) {
    properties[name] = { ...kinds[kind], ...described(runConfigurationSummaries[name]) }
    for (const alias of aliases) properties[alias] = { ...kinds[kind], description: `Old name of ${name}.` }
  }
  // In any case; an editor offers the examples.
  properties['Framework'] = {
    ...properties['Framework'],
    examples: ['Python', 'PySpark'],
    pattern: '^[Pp][Yy]([Tt][Hh][Oo][Nn]|[Ss][Pp][Aa][Rr][Kk])$',
  }
  // Data-source maps and the like hold whatever they hold; names and values of variables are scalars.
  properties['EnvironmentVariables'] = { ...properties['EnvironmentVariables'], additionalProperties: scalar }
  return {
    $schema: draft,
    title: 'Run configuration of errand',
    type: 'object',
    // The successor's form is told by its key `environment` and has keys of its own.
    if: { required: ['environment'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: {},
    else: { properties, additionalProperties: false },
  }
}

function computeSchema(definitions: readonly TargetDefinition[]): JsonSchema {
  const properties: Record<string, JsonSchema> = {}
  for (const [name, { kind, types }] of Object.entries(computeKeys)) {
    if (types.length > 0) properties[name] = { ...kinds[kind], ...described(computeSummaries[name]) }
  }
  // Of the first months, when the type was not written.
  for (const name of ['cluster', 'native']) properties[name] = { ...kinds.boolean, description: 'Of the first months; write type instead.' }
  for (const { name, property } of definitions.flatMap(settingsOf)) properties[name] ??= nullable(property)
  const known = targetTypes.flatMap(({ type, aliases, summary }) =>
    [type, ...aliases].map((word) => ({ const: word, description: summary })),
  )
  const others = definitions.filter(({ type }) => !known.some((one) => one.const === type))
  const types = [...known, ...others.map(({ type, summary }) => ({ const: type, description: summary }))]
  return {
    $schema: draft,
    title: 'Compute target of errand',
    type: 'object',
    properties: { type: { description: computeSummaries['type'], anyOf: types }, ...properties },
    additionalProperties: false,
    allOf: ['remotedocker', 'remote'].map((type) => ({
      if: { properties: { type: { const: type } }, required: ['type'] },
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
      then: { required: ['address', 'username'] },
    })),
  }
}

function settingsOf(definition: TargetDefinition): { readonly name: string; readonly property: JsonSchema }[] {
  const { properties } = printedSchema(definition)
  if (typeof properties !== 'object' || properties === null) return []
  return Object.entries(properties).map(([name, property]) => ({ name, property: property as JsonSchema }))
}

/** A type whose schema can't be printed adds no keys: the others still do. */
function printedSchema(definition: TargetDefinition): JsonSchema {
  try {
    return definition.config['~standard'].jsonSchema.input({ target: 'draft-2020-12' })
  } catch {
    return {}
  }
}

/** null is as good as absent in every file. */
function nullable(property: JsonSchema): JsonSchema {
  const { description, ...rest } = property
  return { ...(description === undefined ? {} : { description }), anyOf: [rest, { type: 'null' }] }
}

function described(description: string | undefined): JsonSchema {
  return description === undefined ? {} : { description }
}

const conda: JsonSchema = {
  $schema: draft,
  title: 'Conda dependencies',
  type: ['object', 'null'],
  properties: {
    name: { type: ['string', 'null'], description: 'Not used: an environment goes by its content.' },
    channels: { type: ['array', 'null'], items: { type: 'string' }, description: 'Where packages come from, first one first.' },
    dependencies: {
      type: ['array', 'null'],
      description: 'Packages of conda, and under pip those of pip.',
      items: {
        anyOf: [
          { type: 'string' },
          { type: 'object', properties: { pip: { type: ['array', 'null'], items: { type: 'string' } } }, additionalProperties: false },
        ],
      },
    },
    variables: { type: ['object', 'null'] },
    prefix: { type: ['string', 'null'] },
  },
}

const spark: JsonSchema = {
  $schema: draft,
  title: 'Spark dependencies',
  type: ['object', 'null'],
  properties: {
    configuration: {
      type: ['object', 'null'],
      description: 'Each line becomes --conf key=value, in the order of the file.',
      additionalProperties: scalar,
    },
    repositories: { type: ['array', 'null'], items: { type: 'string' }, description: 'Maven repositories.' },
    packages: {
      type: ['array', 'null'],
      description: 'Maven packages.',
      items: {
        type: 'object',
        properties: {
          group: { type: 'string' },
          artifact: { type: 'string' },
          version: { type: ['string', 'number'], description: 'In quotes, so that 1.10 stays 1.10.' },
        },
        required: ['group', 'artifact', 'version'],
      },
    },
    precachePackages: { type: ['boolean', 'null'], description: 'Read, and not used.' },
    version: { description: 'Read, and not used.' },
  },
  additionalProperties: false,
}
