import { mkdirSync, writeFileSync } from 'node:fs'
import { createWriteStream } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import {
  type Artifact,
  type History,
  type Metric,
  microsecondsOf,
  readArtifact,
  type RunRecord,
  type RunState,
  snapshotDigest,
  type Tag,
} from '../history/index.ts'
import { errorCode, errorMessage } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import { exportMark } from '../snapshot/left-out.ts'
import { copyArtifact, type ExportOptions } from './export-archive.ts'
import { ifReadable } from './export-lines.ts'
import { fillNewFolder } from './new-folder.ts'

/** Numbers of MLflow's `RunStatus`: RUNNING 1, SCHEDULED 2, FINISHED 3, FAILED 4, KILLED 5. */
const statusNumbers: Readonly<Record<RunState, number>> = {
  created: 2,
  preparing: 2,
  starting: 2,
  queued: 2,
  interrupted: 2,
  running: 1,
  cancelling: 1,
  finalizing: 1,
  completed: 3,
  failed: 4,
  lost: 4,
  cancelled: 5,
}

/** `SourceType.LOCAL` of MLflow. */
const localSource = 4
/** MLflow refuses longer ones. */
const longest = { parameter: 6000, tag: 8000, name: 250 }

/**
 * Writes runs as a folder that MLflow reads (its file store: `meta.yaml` and one file for each metric, parameter and tag; the same in MLflow 1
 * to 3): the project as experiment, numbers as metrics, arguments as parameters, git facts, note and tags as tags, files and log as artifacts.
 * Metrics that are no numbers are in the artifact `errand/other_metrics.json`. Answers the runs that are there.
 */
export function exportMlflow(history: History, name: string, options: ExportOptions): Promise<readonly string[]> {
  return fillNewFolder(options.directory, async (directory) => {
    // A number of MLflow's own form, and always the same for the same history.
    const experiment = String(BigInt(`0x${history.projectId.slice(0, 14)}`) + 1n)
    const final = resolve(options.directory, experiment)
    const runs = options.ids.flatMap((id) => ifReadable(id, options.onDamaged, () => history.get(id)) ?? [])
    const created = runs.map(({ createdAt }) => Date.parse(createdAt))
    writeFileSync(join(directory, exportMark), '')
    writeText(join(directory, experiment, 'meta.yaml'), {
      artifact_location: pathToFileURL(final).href,
      creation_time: Math.min(...created, Date.now()),
      experiment_id: experiment,
      last_update_time: Math.max(...created, 0),
      lifecycle_stage: 'active',
      name,
    })
    const written: string[] = []
    for (const [done, run] of runs.entries()) {
      options.signal.throwIfAborted()
      options.report({ message: 'writing runs', done, total: runs.length })
      const { id } = run
      const details = ifReadable(id, options.onDamaged, () => detailsOf(history, id))
      if (details === undefined) continue
      await writeRun(history, run, details, { folder: join(directory, experiment, id), final: join(final, id), experiment }, options)
      written.push(id)
    }
    return written
  })
}

interface Place {
  readonly folder: string
  /** Where the folder will be when it is complete. */
  readonly final: string
  readonly experiment: string
}

interface Details {
  readonly metrics: readonly Metric[]
  readonly tags: readonly Tag[]
  readonly artifacts: readonly Artifact[]
}

const detailsOf = (history: History, id: string): Details => ({
  metrics: history.metrics(id),
  tags: history.tags(id),
  artifacts: history.artifacts(id),
})

async function writeRun(history: History, run: RunRecord, details: Details, place: Place, options: ExportOptions): Promise<void> {
  const { folder, final, experiment } = place
  const artifacts = join(folder, 'artifacts')
  for (const part of ['metrics', 'params', 'tags', 'artifacts']) mkdirSync(join(folder, part), { recursive: true })
  writeText(join(folder, 'meta.yaml'), {
    artifact_uri: pathToFileURL(join(final, 'artifacts')).href,
    end_time: run.endedAt === undefined ? null : milliseconds(run.endedAt),
    entry_point_name: '',
    experiment_id: experiment,
    lifecycle_stage: 'active',
    run_id: run.id,
    run_name: run.id,
    source_name: run.script ?? '',
    source_type: localSource,
    source_version: '',
    start_time: milliseconds(run.startedAt ?? run.createdAt),
    status: statusNumbers[run.state],
    tags: [],
    user_id: run.user,
  })
  writeValues(join(folder, 'params'), parametersOf(run), longest.parameter)
  writeValues(join(folder, 'tags'), tagsOf(details, run), longest.tag)
  const others = writeMetrics(join(folder, 'metrics'), details.metrics)
  if (others.length > 0) writeText(join(artifacts, 'errand/other_metrics.json'), others)
  for (const { path } of details.artifacts) {
    copyArtifact(join(history.outputsDirectory(run.id), path), join(artifacts, path), `${path} of ${run.id}`, options.onMissing)
  }
  if (run.log.size === 0) return
  mkdirSync(join(artifacts, 'errand'), { recursive: true })
  try {
    await pipeline(Readable.from(readArtifact(history, run, 'driver_log')), createWriteStream(join(artifacts, 'errand/driver_log.txt')))
  } catch (error) {
    if (options.onDamaged === undefined || errorCode(error) !== 'HISTORY_LOG_DAMAGED') throw error
    options.onDamaged(`The log of ${run.id} is not whole: ${errorMessage(error)}`)
  }
}

/** JSON is YAML. */
function writeText(path: string, value: JsonValue | Readonly<Record<string, unknown>> | readonly unknown[]): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`)
}

function milliseconds(iso: string): number {
  return Math.floor(microsecondsOf(iso) / 1000)
}

/** `--name value` and `--name=value` by their names, and all arguments together. */
function parametersOf({ arguments: words, runConfiguration, target, script }: RunRecord): [string, string][] {
  const named = words.flatMap((word, index): [string, string][] => {
    const [, name, value] = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/su.exec(word) ?? []
    if (name === undefined) return []
    const next = words[index + 1]
    if (value !== undefined) return [[name, value]]
    return [[name, next === undefined || /^--?[A-Za-z]/u.test(next) ? 'true' : next]]
  })
  const all = words.map((word) => (/^[\w@%+=:,./-]+$/u.test(word) ? word : JSON.stringify(word))).join(' ')
  const facts: [string, string][] = [
    ['run_configuration', runConfiguration],
    ['target', target.name],
    ...(script === undefined ? [] : ([['script', script]] satisfies [string, string][])),
  ]
  return [...named, ...(words.length === 0 ? [] : ([['arguments', all]] satisfies [string, string][])), ...facts]
}

function tagsOf({ tags }: Details, run: RunRecord): [string, string][] {
  const labels = tags.map(({ name, value = '' }): [string, string] => [name, value])
  const given = new Map(labels)
  const commit = given.get('CommitId')
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['mlflow.runName', run.id],
    ['mlflow.source.name', run.script],
    ['mlflow.source.type', 'LOCAL'],
    ['mlflow.user', run.user],
    ['mlflow.note.content', run.note],
    ['mlflow.source.git.commit', commit],
    ['mlflow.source.git.branch', given.get('Branch')],
    ['mlflow.parentRunId', run.parent],
    ['errand.snapshot', snapshotDigest(run)],
    ['errand.reason', run.reason],
    ['errand.rerun_of', run.rerunOf],
  ]
  return [...facts.flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])), ...labels]
}

function writeValues(folder: string, values: readonly (readonly [string, string])[], limit: number): void {
  const used = new Set<string>()
  for (const [name, value] of values) {
    const path = join(folder, fileName(name, used))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, value.slice(0, limit))
  }
}

/** Answers the metrics that are no numbers. */
function writeMetrics(folder: string, metrics: readonly Metric[]): Metric[] {
  const lines = new Map<string, string[]>()
  const others: Metric[] = []
  for (const metric of metrics) {
    const values = metric.kind === 'list' && Array.isArray(metric.value) ? metric.value : [metric.value]
    const numbers = values.map(numberText)
    if (metric.kind !== 'value' && metric.kind !== 'list') others.push(metric)
    else if (numbers.some((number) => number === undefined)) others.push(metric)
    else {
      const known = lines.get(metric.name) ?? []
      lines.set(metric.name, known)
      for (const number of numbers) known.push(`${milliseconds(metric.at)} ${number} ${Math.trunc(metric.step ?? known.length)}\n`)
    }
  }
  const used = new Set<string>()
  for (const [name, text] of lines) {
    const path = join(folder, fileName(name, used))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text.join(''))
  }
  return others
}

/** As Python's `float` reads it. */
function numberText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(Number(value))
  if (typeof value !== 'object' || value === null || !('$number' in value)) return undefined
  return { NaN: 'nan', Infinity: 'inf', '-Infinity': '-inf' }[String(value.$number)]
}

/** MLflow takes letters, digits, `_ - . :` and blanks, and no dots at the front; what becomes the same as another name gets a number. */
function fileName(name: string, used: Set<string>): string {
  const clean = name.replaceAll(/[^\w.\- :]/gu, '_').slice(0, longest.name) || '_'
  const safe = clean.replace(/^\.+/u, (dots) => '_'.repeat(dots.length))
  let free = safe
  for (let count = 2; used.has(free.toLowerCase()); count += 1) free = `${safe.slice(0, longest.name - 5)}_${count}`
  used.add(free.toLowerCase())
  return free
}
