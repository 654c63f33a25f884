import { ErrandError } from '../errors.ts'
import { didYouMean } from '../project/near-name.ts'

/** One argument of the script and the values that it takes. */
export interface Parameter {
  readonly name: string
  readonly values: readonly string[]
}

/** One run of a sweep: a value for each parameter, in the order of the parameters. */
export type Point = Readonly<Record<string, string>>

/**
 * Reads `alpha=0.1,0.5,1`. A comma inside a value is written `\,`. A name that is given again gets more values; a value that is given again
 * counts once. Errors: `PARAMETER_INVALID`.
 */
export function readParameters(words: readonly string[]): readonly Parameter[] {
  const found = new Map<string, Set<string>>()
  for (const word of words) {
    const equals = word.indexOf('=')
    const name = word.slice(0, equals).replace(/^--/, '')
    const values = word
      .slice(equals + 1)
      .split(/(?<!\\),/)
      .map((value) => value.replaceAll(String.raw`\,`, ','))
    if (equals === -1 || !/^[A-Za-z_][\w.-]*$/.test(name) || values.includes(''))
      throw new ErrandError('PARAMETER_INVALID', `${word} is no parameter with values.`, { hint: 'Write it as --each alpha=0.1,0.5,1' })
    const known = found.get(name) ?? new Set()
    for (const value of values) known.add(value)
    found.set(name, known)
  }
  return [...found].map(([name, values]) => ({ name, values: [...values] }))
}

/**
 * Every combination, the last parameter changing fastest. With `random` so many of them, each at most once, in no order. Error:
 * `SWEEP_TOO_LARGE`.
 */
export function sweepPoints(parameters: readonly Parameter[], random?: number): readonly Point[] {
  const size = parameters.reduce((product, { values }) => product * values.length, 1)
  checkSize(size, random)
  if (random === undefined || random >= size) {
    const all = Array.from({ length: size }, (_, index) => pointAt(parameters, index))
    return random === undefined ? all : shuffled(all)
  }
  const chosen = new Set<number>()
  while (chosen.size < random) chosen.add(Math.floor(Math.random() * size))
  return [...chosen].map((index) => pointAt(parameters, index))
}

const mostPoints = 10_000

function checkSize(size: number, random = size): void {
  if (Math.min(size, random) <= mostPoints) return
  const asked = random < size ? `--random ${random} asks for ${random} of them; ` : ''
  throw new ErrandError('SWEEP_TOO_LARGE', `These values make ${size} combinations; ${asked}a sweep has ${mostPoints} runs at most.`, {
    hint: `Take at most ${mostPoints} of them with --random N, or give fewer values.`,
  })
}

function pointAt(parameters: readonly Parameter[], index: number): Point {
  const point: [string, string][] = []
  let rest = index
  for (const { name, values } of parameters.toReversed()) {
    point.unshift([name, values[rest % values.length] ?? ''])
    rest = Math.floor(rest / values.length)
  }
  return Object.fromEntries(point)
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ item }) => item)
}

/** `{{name}}`, which stands for `{name}` itself, or `{name}`. What is no name (`{}`, `{0}`, JSON) is text like any other. */
const braces = /\{\{([A-Za-z_][\w.-]*)\}\}|\{([A-Za-z_][\w.-]*)\}/g

/**
 * A name in braces that no parameter has would reach the script as it stands, in every run. Error: `UNKNOWN_PARAMETER`.
 */
export function checkArguments(template: readonly string[], parameters: readonly Parameter[]): void {
  const names = parameters.map(({ name }) => name)
  const used = template.flatMap((argument) => [...argument.matchAll(braces)].flatMap(([, , name]) => name ?? []))
  const unknown = used.find((name) => !names.includes(name))
  if (unknown === undefined) return
  const near = didYouMean(unknown, names)
  throw new ErrandError('UNKNOWN_PARAMETER', `The arguments have {${unknown}}, and no --each gives it values.`, {
    hint: `${near === undefined ? '' : `${near}\n`}Give it values: --each ${unknown}=A,B. If the script is to get it as it stands, write {{${unknown}}}.`,
  })
}

/**
 * The arguments of one run. Where an argument holds `{alpha}` the value is put in; a parameter that no argument names comes behind them, as
 * `--alpha 0.1`. `{{alpha}}` becomes `{alpha}`. Braces around anything else stay.
 */
export function pointArguments(template: readonly string[], point: Point): readonly string[] {
  const used = new Set<string>()
  const filled = template.map((argument) =>
    argument.replaceAll(braces, (whole, literal: string | undefined, name: string | undefined) => {
      if (name === undefined) return `{${literal}}`
      if (!Object.hasOwn(point, name)) return whole
      used.add(name)
      return point[name] ?? ''
    }),
  )
  return [
    ...filled,
    ...Object.entries(point)
      .filter(([name]) => !used.has(name))
      .flatMap(([name, value]) => [`--${name}`, value]),
  ]
}

/** `alpha=0.1 depth=2` */
export function pointText(point: Point): string {
  return Object.entries(point)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
