import type { JsonValue } from '../json.ts'
import type { MetricValue, Prepared, RunReference, RunStatus } from '../target.ts'

/**
 * Where a run is, as the history knows it. `finalizing`: its place says that it has ended, its outputs are not here yet.
 * `interrupted`: the client died before the run was started; it can go on.
 */
export type RunState =
  | 'created'
  | 'preparing'
  | 'starting'
  | 'queued'
  | 'running'
  | 'cancelling'
  | 'finalizing'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'lost'
  | 'interrupted'

/** `prepare` leaves a record too: it has a log and no script. `sweep`: the parent of runs that were started together; it runs nothing itself. */
export type RunKind = 'run' | 'prepare' | 'sweep'

/** States that no update leaves. */
export const finalStates: ReadonlySet<RunState> = new Set<RunState>(['completed', 'failed', 'cancelled', 'lost'])

/** The process that drives a run. `started` tells it from a later process with the same pid. */
export interface ClientProcess {
  readonly host: string
  readonly pid: number
  readonly started: string
}

/** All that is known of a run but its metrics, tags, artifacts and log. Times are ISO 8601 UTC. */
export interface RunRecord {
  readonly id: string
  /** Grows by one for each record of the project, from 1. */
  readonly number: number
  readonly kind: RunKind
  /** Of the project. */
  readonly name: string
  readonly script?: string
  readonly arguments: readonly string[]
  readonly runConfiguration: string
  /** As validated when the run was made, without secrets: `logs` and `cancel` use this and not the file of today. */
  readonly target: { readonly name: string; readonly type: string; readonly config: JsonValue }
  readonly state: RunState
  /** As the place last said. */
  readonly status?: RunStatus
  /** When it said so. */
  readonly statusAt?: string
  readonly createdAt: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** The run's request with its snapshot reduced to the digest. */
  readonly request?: JsonValue
  readonly prepared?: Prepared
  readonly reference?: RunReference
  readonly client?: ClientProcess
  /** The outputs are here. */
  readonly collected: boolean
  /** Nothing is left at the place. */
  readonly removed: boolean
  /** `cursor`: of the last stored event. `size`: bytes of the local log that count. */
  readonly log: { readonly cursor?: string; readonly size: number }
  readonly user: string
  /** Sentences for the user, in the order they were added. */
  readonly notes: readonly string[]
  /** Why it failed, was lost or interrupted. */
  readonly reason?: string
  /** Id of the sweep that it belongs to. */
  readonly parent?: string
  /** Id of the run whose snapshot, configuration and environment it took over. */
  readonly rerunOf?: string
  /** What the user wrote about it. */
  readonly note?: string
}

/** What `create` needs; the history adds id, number, time and state. */
export interface NewRun
  extends
    Pick<RunRecord, 'kind' | 'name' | 'script' | 'arguments' | 'runConfiguration' | 'target' | 'user'>,
    Pick<RunRecord, 'request' | 'client' | 'parent' | 'rerunOf'>,
    Partial<Pick<RunRecord, 'notes'>> {
  /** Known before the run starts. */
  readonly properties?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
}

/** A run of an export, with everything that belongs to it but its log and its files. */
export interface ImportedRun extends Omit<RunRecord, 'client'> {
  readonly metrics: readonly Metric[]
  readonly tags: readonly Tag[]
  readonly artifacts: readonly Artifact[]
}

/** Fields that are not named stay. `null` takes a value away. */
export interface RunPatch {
  readonly state?: RunState
  /** Brings its `startedAt` and `endedAt` with it. */
  readonly status?: RunStatus
  /** Now, when a status comes without it. */
  readonly statusAt?: string
  readonly startedAt?: string
  readonly endedAt?: string
  readonly request?: JsonValue
  readonly prepared?: Prepared
  readonly reference?: RunReference
  readonly client?: ClientProcess | null
  readonly collected?: boolean
  readonly removed?: boolean
  readonly reason?: string | null
  readonly note?: string | null
  /** Added behind those that are there; a sentence that is there is not repeated. */
  readonly addNotes?: readonly string[]
}

/** One line of a list: no connection is opened and no large column is read for it. */
export interface RunSummary {
  readonly id: string
  readonly number: number
  readonly kind: RunKind
  readonly name: string
  readonly script?: string
  readonly runConfiguration: string
  readonly target: { readonly name: string; readonly type: string }
  readonly state: RunState
  readonly statusAt?: string
  readonly createdAt: string
  readonly startedAt?: string
  readonly endedAt?: string
  readonly arguments: readonly string[]
  /** Id of the sweep that it belongs to. */
  readonly parent?: string
  readonly note?: string
  readonly tags: Labels
  /** Among them the git facts: `CommitId`, `Branch`, `Dirty`. */
  readonly properties: Labels
  /** What its place last said it does; only of a run that has not ended. */
  readonly detail?: string
  readonly metrics: MetricsText
}

/** Tags or properties by name. */
export type Labels = Readonly<Record<string, string | null>>

/**
 * Metrics by name as a compatible record shows them: the texts of two JSON objects. `clashing` are those whose names are keys of the
 * record. Text, because a list of many runs is mostly printed again and not looked into.
 */
export interface MetricsText {
  readonly inline: string
  readonly clashing?: string
}

/** One logged value. `NaN` and the infinities are `{ $number: … }`. */
export interface Metric {
  readonly name: string
  readonly kind: 'value' | 'list' | 'row' | 'table' | 'image'
  readonly value: MetricValue
  readonly step?: number
  readonly at: string
}

/** Tags change, properties are written once. */
export interface Tag {
  readonly type: 'tag' | 'property'
  readonly name: string
  readonly value?: string
}

/** A file of the run by its path in the run's folder, forward slashes. Without `size` it was announced and is not here yet. */
export interface Artifact {
  readonly path: string
  /** Bytes. */
  readonly size?: number
}
