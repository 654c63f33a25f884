import type { JsonValue } from '../json.ts'

const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[,}])/y

/**
 * One value of an object that is the text of JSON without blanks, as `JSON.stringify` writes it; undefined when it has none of that name.
 * The other values are not made: of ten thousand runs that are sorted by one metric, that would take most of the time.
 */
export function metricIn(text: string, name: string): JsonValue | undefined {
  const key = `${JSON.stringify(name)}:`
  const at = text.indexOf(key)
  if (at === -1) return undefined
  if (isOwnKey(text, at, name)) {
    number.lastIndex = at + key.length
    const found = number.exec(text)
    if (found !== null) return Number(found[0])
  }
  const whole = JSON.parse(text) as { readonly [name: string]: JsonValue }
  return Object.hasOwn(whole, name) ? whole[name] : undefined
}

/**
 * Whether a key was surely found and not a part of another string: the quote stands where a key may begin, and what follows it can't follow
 * the end of a string. With no second brace it is a key of the object itself.
 */
function isOwnKey(text: string, at: number, name: string): boolean {
  return '{,'.includes(text.charAt(at - 1)) && !/^[,:\]}]/.test(name) && text.lastIndexOf('{') === 0
}
