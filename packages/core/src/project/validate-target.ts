import type { JsonValue } from '../json.ts'
import type { TargetDefinition } from '../target.ts'
import { diagnosticList, throwErrors, type DiagnosticList } from './diagnostic.ts'
import { computeKeys } from './compute-keys.ts'
import { fileSecret } from './compute-rules.ts'
import type { TargetFile, ValidatedTarget } from './model.ts'
import { didYouMean } from './near-name.ts'
import { looksLikeSecret } from './secret-text.ts'

interface Property {
  readonly type?: unknown
}

/**
 * Checks a target file against the schema of its type. Secrets are taken out first; unknown keys are warnings; every issue of the schema
 * becomes an error with the place in the file. Errors: `CONFIGURATION_INVALID`.
 */
export async function validateTarget(file: TargetFile, definition: TargetDefinition): Promise<ValidatedTarget> {
  const diagnostics = diagnosticList(file.file ?? `${file.name}.compute`)
  const declared = Object.keys(definition.secrets ?? {})
  const properties = schemaProperties(definition)
  const secrets: [string, string][] = []
  const settings: [string, JsonValue][] = []
  for (const [key, value] of Object.entries(file.values)) {
    const secret = declared.find((name) => name === key || name.toLowerCase() === key.toLowerCase())
    if (secret !== undefined) {
      const usable = fileSecret(value)
      if (usable !== undefined) secrets.push([secret, usable])
      continue
    }
    const name = settingName(key, file, properties, declared, diagnostics)
    if (name !== undefined) settings.push([name, tidy(value, file.textOf(key), properties?.[name])])
  }
  const config = await validate(Object.fromEntries(settings), file, definition, diagnostics)
  throwErrors(diagnostics.list)
  return { name: file.name, type: definition.type, config, secrets: Object.fromEntries(secrets), diagnostics: diagnostics.list }
}

/** Undefined when the schema can't be printed or describes no object: then every key goes to it. */
function schemaProperties(definition: TargetDefinition): Readonly<Record<string, Property>> | undefined {
  const schema = printedSchema(definition)
  if (schema === undefined) return undefined
  const found: Record<string, Property> = {}
  const collect = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return
    if ('properties' in part && typeof part.properties === 'object') Object.assign(found, part.properties)
    for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
      const branches: unknown = key in part ? Reflect.get(part, key) : undefined
      if (Array.isArray(branches)) branches.forEach(collect)
    }
  }
  collect(schema)
  return Object.keys(found).length === 0 && schema['type'] !== 'object' ? undefined : found
}

function printedSchema(definition: TargetDefinition): Readonly<Record<string, unknown>> | undefined {
  try {
    return definition.config['~standard'].jsonSchema.input({ target: 'draft-2020-12' })
  } catch {
    // The contract allows no schema that can't be printed, and the conformance suite says so; a user's run need not fail for it.
    return undefined
  }
}

/** The schema's spelling of a key; undefined, with a warning, when the type has no such key. */
function settingName(
  key: string,
  file: TargetFile,
  properties: Readonly<Record<string, Property>> | undefined,
  secrets: readonly string[],
  diagnostics: DiagnosticList,
): string | undefined {
  if (properties === undefined || Object.hasOwn(properties, key)) return key
  const at = file.position(key)
  const names = Object.keys(properties)
  const otherCase = names.find((name) => name.toLowerCase() === key.toLowerCase())
  if (otherCase !== undefined) {
    diagnostics.warning('KEY_CASE', `${key} is read as ${otherCase}`, at, `write \`${otherCase}\``)
    return otherCase
  }
  const known = computeKeys[key]
  if (known !== undefined) {
    const of = known.types.length === 0 ? '' : `; it belongs to ${known.types.join(', ')}`
    diagnostics.warning('KEY_OF_OTHER_TYPE', `${key} does not fit type ${file.type} and is ignored${of}`, at)
  } else {
    diagnostics.warning('UNKNOWN_KEY', `unknown key ${key} is ignored`, at, didYouMean(key, ['type', ...names, ...secrets]))
  }
  return undefined
}

/** YAML sees numbers and words where the schema may want text, or the reverse in quotes. */
function tidy(value: JsonValue, text: string | undefined, property: Property | undefined): JsonValue {
  if (property?.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return text ?? String(value)
  if (property?.type === 'boolean' && typeof value === 'string') {
    if (/^true$/i.test(value)) return true
    return /^false$/i.test(value) ? false : value
  }
  const numeric = property?.type === 'number' || property?.type === 'integer'
  return numeric && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
}

async function validate(
  settings: Readonly<Record<string, JsonValue>>,
  file: TargetFile,
  definition: TargetDefinition,
  diagnostics: DiagnosticList,
): Promise<JsonValue> {
  const result = await definition.config['~standard'].validate(settings)
  if (result.issues === undefined) return toJsonValue(result.value)
  for (const issue of result.issues) {
    const path = (issue.path ?? [])
      .map((step) => (typeof step === 'object' ? step.key : step))
      .map((step) => (typeof step === 'number' ? step : String(step)))
    const [key] = path
    if (key !== undefined && path.length === 1 && settings[key] === undefined) {
      diagnostics.error('KEY_MISSING', `${key} is missing: type ${file.type} needs it`, file.position('type'), `add the line \`${key}: …\``)
    } else {
      const where = path.length === 0 ? '' : `${path.join('.')}: `
      const secret = looksLikeSecret(String(key ?? ''), issue.message)
      diagnostics.error('WRONG_VALUE', `${where}${secret ? 'the value does not fit' : issue.message}`, nearestPosition(file, path))
    }
  }
  return settings
}

function nearestPosition(file: TargetFile, path: readonly (string | number)[]): ReturnType<TargetFile['position']> {
  for (let length = path.length; length > 0; length--) {
    const found = file.position(...path.slice(0, length))
    if (found !== undefined) return found
  }
  return file.position('type')
}

/** What the schema gives back is stored with the run, so it must be JSON; `undefined` members go. */
function toJsonValue(value: unknown): JsonValue {
  const parsed: JsonValue = JSON.parse(JSON.stringify(value ?? {}))
  return parsed
}
