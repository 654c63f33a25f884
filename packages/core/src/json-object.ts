import type { JsonValue } from './json.ts'

export type JsonObject = { readonly [key: string]: JsonValue }

/** Whether a value has keys: it is neither a list nor null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
