import { isDeepStrictEqual } from 'node:util'
import { type History, microsecondsOf, plainNumbers, recordFor, type RunRecord } from '../history/index.ts'
import type { JsonValue } from '../json.ts'
import { isObject, type JsonObject } from '../json-object.ts'
import type { EnvironmentLock } from '../request.ts'
import { checkFiles, codeDifference, type CodeOptions } from './code-difference.ts'
import type { ComparedRun, MetricDifference, PackageDifference, RunDifferences } from './comparison.ts'
import { changedKeys } from './json-difference.ts'

export interface CompareOptions {
  /** With a unified diff of each file that differs. */
  readonly diff?: boolean
  /** Look at these files of the runs alone. */
  readonly files?: readonly string[]
}

/**
 * The runs in the order in which they are named, each from the second on with what it has that the first has not. Error:
 * `COMPARE_FILE_UNKNOWN`, when none of them has a file that is asked for.
 */
export async function compareRuns(history: History, runs: readonly RunRecord[], options: CompareOptions = {}): Promise<ComparedRun[]> {
  const now = new Date()
  const compared = runs.map((run): ComparedRun => ({ run, record: recordFor(history, run, now), metrics: lastMetrics(history, run) }))
  const [first, ...others] = compared
  if (first === undefined) return []
  if (options.files !== undefined) await checkFiles(history.directory, runs, options.files)
  const result = [first]
  for (const other of others) result.push({ ...other, differences: await differencesOf(history, first, other, options, now) })
  return result
}

async function differencesOf(
  history: History,
  before: ComparedRun,
  after: ComparedRun,
  options: CompareOptions,
  now: Date,
): Promise<RunDifferences> {
  const requests = [objectOf(before.run.request), objectOf(after.run.request)] as const
  return {
    against: before.run.id,
    code: await codeDifference(history.directory, before.run, after.run, {
      ...(options.files === undefined ? {} : { files: options.files }),
      ...(options.diff === true ? { diff: await differ(history.directory) } : {}),
    }),
    configuration: changedKeys(configurationOf(before.run), configurationOf(after.run)),
    environment: {
      specification: changedKeys(environmentOf(before.run), environmentOf(after.run)),
      packages: packageDifference(before.run.prepared?.lock, after.run.prepared?.lock),
    },
    arguments: isDeepStrictEqual(before.run.arguments, after.run.arguments)
      ? null
      : { before: before.run.arguments, after: after.run.arguments },
    variables: variableDifference(requests[0], requests[1]),
    metrics: metricDifferences(before.metrics, after.metrics),
    duration: { before: secondsOf(before.run, now), after: secondsOf(after.run, now) },
  }
}

/** The diff library is loaded by those who want to see diffs. */
async function differ(state: string): Promise<NonNullable<CodeOptions['diff']>> {
  const { unifiedDiff } = await import('./unified-diff.ts')
  return async (before, after) => unifiedDiff(state, before, after)
}

/** What is compared elsewhere, or differs always. */
const otherKeys = new Set([
  'runId',
  'runNumber',
  'snapshot',
  'environment',
  'spark',
  'variables',
  'secretVariables',
  'arguments',
  'project',
  'projectId',
  'tracked',
  'prepareEnvironment',
  'unusedEnvironmentFile',
])

function configurationOf(run: RunRecord): JsonObject {
  const rest = Object.entries(objectOf(run.request)).filter(([key]) => !otherKeys.has(key))
  return {
    runConfiguration: run.runConfiguration,
    target: { name: run.target.name, type: run.target.type, ...objectOf(run.target.config) },
    ...Object.fromEntries(rest),
  }
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {}
}

/** The meaning of the dependency files and not their text: comments and order change nothing. */
function environmentOf(run: RunRecord): JsonObject {
  const { environment, spark } = objectOf(run.request)
  const { text: _text, localFiles, lock: _lock, expects: _expects, ...rest } = objectOf(environment ?? null)
  const local = Array.isArray(localFiles) ? localFiles.map((file: JsonValue) => objectOf(file)) : []
  const files = Object.fromEntries(local.map((file) => [JSON.stringify(file['path'] ?? ''), file['digest'] ?? null]))
  return { ...rest, ...(local.length === 0 ? {} : { localFiles: files }), ...(spark === undefined ? {} : { spark }) }
}

function packageDifference(before: EnvironmentLock | undefined, after: EnvironmentLock | undefined): PackageDifference | null {
  if (before === undefined || after === undefined) return null
  const old = new Map(before.packages.map(({ name, version }) => [name, version]))
  const now = new Map(after.packages.map(({ name, version }) => [name, version]))
  const listed = ([name, version]: readonly [string, string]) => ({ name, version })
  return {
    added: [...now].filter(([name]) => !old.has(name)).map(listed),
    removed: [...old].filter(([name]) => !now.has(name)).map(listed),
    changed: [...now].flatMap(([name, version]) => {
      const was = old.get(name)
      return was === undefined || was === version ? [] : [{ name, before: was, after: version }]
    }),
  }
}

function variableDifference(before: JsonObject, after: JsonObject): RunDifferences['variables'] {
  const [old, now] = [variablesOf(before), variablesOf(after)]
  return {
    added: [...now.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !now.has(name)),
    changed: [...now.keys()].filter((name) => old.has(name) && old.get(name) !== now.get(name)),
  }
}

/** A secret variable has no value here: it never differs from itself. */
function variablesOf(request: JsonObject): Map<string, JsonValue> {
  const { variables = null, secretVariables } = request
  const secrets = Array.isArray(secretVariables) ? secretVariables.map((name): [string, JsonValue] => [String(name), null]) : []
  return new Map([...Object.entries(objectOf(variables)), ...secrets])
}

function lastMetrics(history: History, run: RunRecord): Record<string, JsonValue> {
  return Object.fromEntries(history.metrics(run.id).map(({ name, value }) => [name, plainNumbers(lastOf(value))]))
}

function lastOf(value: JsonValue): JsonValue {
  return Array.isArray(value) ? (value.at(-1) ?? null) : value
}

function metricDifferences(before: ComparedRun['metrics'], after: ComparedRun['metrics']): Record<string, MetricDifference> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return Object.fromEntries(
    names.map((name) => {
      const [left, right] = [own(before, name), own(after, name)]
      const difference = typeof left === 'number' && typeof right === 'number' ? right - left : null
      return [name, { before: left, after: right, difference }]
    }),
  )
}

function own(values: ComparedRun['metrics'], name: string): JsonValue {
  return Object.hasOwn(values, name) ? (values[name] ?? null) : null
}

function secondsOf({ startedAt, endedAt }: RunRecord, now: Date): number | null {
  if (startedAt === undefined) return null
  const end = endedAt === undefined ? now.getTime() * 1000 : microsecondsOf(endedAt)
  return (end - microsecondsOf(startedAt)) / 1_000_000
}
