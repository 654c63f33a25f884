import { type ImportedRun, type Metric, type RunKind, runStates, type Tag } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { isObject, type JsonObject } from '../json-object.ts'

type Check = (value: JsonValue | undefined) => boolean

const kinds: readonly RunKind[] = ['run', 'prepare', 'sweep']
const metricKinds: readonly Metric['kind'][] = ['value', 'list', 'row', 'table', 'image']
const tagTypes: readonly Tag['type'][] = ['tag', 'property']
/** Every later run has a higher number than any before it, and SQLite has a last one: a huge number would end the history. */
const highestNumber = 1e9

const isText: Check = (value) => typeof value === 'string'
const isListOfTexts: Check = (value) => Array.isArray(value) && value.every(isText)
const isOneOf =
  (words: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && words.includes(value)
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const isListOf =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    Array.isArray(value) &&
    value.every((item: JsonValue) => isObject(item) && Object.entries(fields).every(([key, check]) => check(item[key])))

/** Names become folders and file names. */
export function isRunId(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/u.test(value)
}

/** ISO 8601 UTC, since 1970. */
export function isTime(value: JsonValue | undefined): value is string {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|\+00:00)$/u.test(value)) return false
  return Date.parse(value) >= 0
}

/** What has to hold, in the order in which it is said. `orAbsent`: a run may lack it. */
const checks: readonly (readonly [key: keyof ImportedRun, check: Check, problem: string])[] = [
  ...(['name', 'runConfiguration', 'user'] as const).map((key) => [key, isText, `has no ${key}`] as const),
  [
    'number',
    (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= highestNumber,
    `has no number from 1 to ${highestNumber}`,
  ],
  ['kind', isOneOf(kinds), 'is of no known kind'],
  ['state', isOneOf(runStates), 'is in no known state'],
  [
    'target',
    (value) => isObject(value) && isText(value['name']) && isText(value['type']) && value['config'] !== undefined,
    'has no target',
  ],
  // A list is ordered by this text: with milliseconds, always.
  ['createdAt', (value) => isTime(value) && /:\d\d\.\d{3}Z$/u.test(value), 'has no time of creation'],
  ...(['statusAt', 'startedAt', 'endedAt'] as const).map((key) => [key, orAbsent(isTime), `has a ${key} that is no time`] as const),
  ...(['script', 'reason', 'parent', 'rerunOf', 'note'] as const).map(
    (key) => [key, orAbsent(isText), `has a ${key} that is no text`] as const,
  ),
  ...(['status', 'prepared'] as const).map((key) => [key, orAbsent(isObject), `has a ${key} that is no object`] as const),
  ['log', orAbsent((value) => isObject(value) && orAbsent(isText)(value['cursor'])), 'has a log that is none'],
  ['arguments', isListOfTexts, 'has arguments that are no list of texts'],
  ['notes', isListOfTexts, 'has notes that are no list of texts'],
  [
    'metrics',
    isListOf({ name: isText, kind: isOneOf(metricKinds), at: isTime, step: orAbsent((value) => typeof value === 'number') }),
    'has metrics that are none: each has a name, a kind, a time, and a number if it has a step',
  ],
  [
    'tags',
    isListOf({ type: isOneOf(tagTypes), name: isText, value: orAbsent(isText) }),
    'has tags that are none: each has the type tag or property, a name, and a text if it has a value',
  ],
  [
    'artifacts',
    isListOf({ size: orAbsent((value) => Number.isSafeInteger(value) && Number(value) >= 0) }),
    'has artifacts that are none: each has a path, and a number of bytes if it is there',
  ],
]

/** Why a `run` line is no use, as a sentence without its point. */
export function runProblem(run: JsonObject): string | undefined {
  const { id, artifacts } = run
  if (!isRunId(id)) return `${JSON.stringify(id)} is no run id`
  const problems = checks.flatMap(([key, check, problem]) => (check(run[key]) ? [] : [problem]))
  if (problems.length > 0) return `the run ${id} ${problems.join('; it ')}`
  const paths = (artifacts as readonly JsonObject[]).map(({ path }) => path)
  const outside = paths.find((path) => typeof path !== 'string' || !isInside(path))
  return outside === undefined ? undefined : `the artifact ${JSON.stringify(outside)} of the run ${id} would be outside of it`
}

function isInside(path: string): boolean {
  return !path.startsWith('/') && !/^[A-Za-z]:|\\/u.test(path) && path.split('/').every((part) => !['', '.', '..'].includes(part))
}
