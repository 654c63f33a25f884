/** What Livy is asked to run. Livy refuses fields that it does not know. */
export interface BatchRequest {
  /** A path that the cluster can read. Without a scheme it is one of its default file system. */
  readonly file: string
  /** From 0.6 on unique among the batches that Livy remembers; not of digits alone. */
  readonly name?: string
  readonly className?: string
  readonly args?: readonly string[]
  readonly pyFiles?: readonly string[]
  readonly jars?: readonly string[]
  readonly files?: readonly string[]
  /** On YARN, `path#alias` is unpacked as the folder `alias`. */
  readonly archives?: readonly string[]
  readonly proxyUser?: string
  readonly queue?: string
  readonly driverMemory?: string
  readonly driverCores?: number
  readonly executorMemory?: string
  readonly executorCores?: number
  readonly numExecutors?: number
  readonly conf?: Readonly<Record<string, string>>
}

/** Those that Livy 0.5 to 0.9 has words for; a later one is passed on as it is. */
export type BatchState =
  | 'not_started'
  | 'starting'
  | 'recovering'
  | 'idle'
  | 'running'
  | 'busy'
  | 'shutting_down'
  | 'error'
  | 'dead'
  | 'killed'
  | 'success'
  | (string & Record<never, never>)

/** A batch as Livy tells of it. What an older version does not know is absent. */
export interface Batch {
  readonly id: number
  readonly state: BatchState
  /** Of YARN, once it is known. */
  readonly appId?: string | null
  readonly appInfo?: Readonly<Record<string, string | null>> | null
  /** The last lines of spark-submit. */
  readonly log?: readonly string[]
  /** From 0.6 on. */
  readonly name?: string | null
  readonly owner?: string | null
  readonly proxyUser?: string | null
}

const ended: ReadonlySet<string> = new Set(['success', 'error', 'dead', 'killed'])

/** Whether Livy considers the batch over. */
export const isEnded = ({ state }: Pick<Batch, 'state'>): boolean => ended.has(state)

/** Looks like a batch that Livy registered and then refused to start: it stays so for ever and keeps its name. */
export const looksLikeGhost = ({ state, appId, log }: Batch): boolean =>
  state === 'starting' && (appId ?? null) === null && log !== undefined && log.length === 0

/** One page of all batches that Livy remembers; `total` counts all of them. */
export interface BatchList {
  readonly from: number
  readonly total: number
  readonly sessions: readonly Batch[]
}

/** Lines of spark-submit that Livy remembers: 200 for each of its streams. `from` counts within what it remembers now. */
export interface BatchLog {
  readonly id: number
  readonly from: number
  readonly total: number
  readonly log: readonly string[]
}

/** What Livy says of itself: but for `version` it is about its build. */
export interface LivyVersion {
  readonly version: string
  readonly branch?: string
  readonly revision?: string
  readonly date?: string
  readonly url?: string
  readonly user?: string
}
