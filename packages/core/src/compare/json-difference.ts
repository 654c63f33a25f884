import { isDeepStrictEqual } from 'node:util'
import type { JsonValue } from '../json.ts'
import { isObject, type JsonObject } from '../json-object.ts'
import type { ChangedKey } from './comparison.ts'

/** Keys whose values differ, with dots between the keys of objects inside objects; lists are compared as a whole. */
export function changedKeys(before: JsonValue | undefined, after: JsonValue | undefined, key = ''): ChangedKey[] {
  if (isDeepStrictEqual(before, after)) return []
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) => changedKeys(own(before, name), own(after, name), key === '' ? name : `${key}.${name}`))
  }
  return [{ key, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }]
}

function own(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}
