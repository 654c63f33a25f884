import type { LogStream } from '../log-record.ts'
import type { RunEvent } from '../target.ts'
import type {
  Artifact,
  ImportedRun,
  Labels,
  Metric,
  NewRun,
  RunKind,
  RunPatch,
  RunRecord,
  RunState,
  RunSummary,
  Tag,
} from './run-record.ts'

export interface RunFilter {
  readonly states?: readonly RunState[]
  readonly kind?: RunKind
  readonly ids?: readonly string[]
  /** Names of targets. */
  readonly targets?: readonly string[]
  /** Paths of scripts as they are recorded; one without a folder also means that file in any folder. */
  readonly scripts?: readonly string[]
  /** Id of a sweep: its runs. */
  readonly parent?: string
  /** ISO 8601 UTC: runs made at that time or later. */
  readonly since?: string
  /** Tags that a run has, with the value where one is given. */
  readonly tags?: readonly { readonly name: string; readonly value?: string }[]
  /** The newest so many. */
  readonly limit?: number
}

/** A record that can't be read. `id` is missing where not even that can be. */
export interface DamagedRun {
  readonly number: number
  readonly id?: string
  readonly reason: string
}

/**
 * `stored`: what was new of the batch is in the history (`stored` events). `elsewhere`: another follower is ahead of the whole batch, or
 * this one began behind what is stored; nothing was kept of it. `rewound`: the local log had lost bytes (a machine that lost power), so
 * that its copy starts again: follow the run from the beginning. `cursor` is the last one stored, now.
 */
export interface AppendResult {
  readonly outcome: 'stored' | 'elsewhere' | 'rewound'
  readonly stored: number
  readonly cursor?: string
}

export interface StoredLogRecord {
  readonly stream: LogStream
  /** Microseconds since 1970 UTC. */
  readonly time: number
  readonly data: Uint8Array
  /** Offset in the local log behind this record: `from` of a later read. */
  readonly end: number
}

export interface ReadLogOptions {
  /** An `end` of an earlier read; absent: the first record. */
  readonly from?: number
  /**
   * `log.size` of a record; absent: as the log is now. Who reads up to the size of a record and then attaches with the cursor of the same
   * record sees everything once, also while another process stores.
   */
  readonly to?: number
  readonly streams?: readonly LogStream[]
}

/**
 * The runs of one project: an SQLite index that many processes write at once, and one folder a run. Every call is one transaction and is
 * done when it returns. Errors: `HISTORY_BUSY`, `HISTORY_CORRUPT`, `HISTORY_TOO_NEW`, `HISTORY_NOT_WRITABLE`, `HISTORY_DISK_FULL`.
 */
export interface History extends Disposable {
  /** `.errand` in the project. */
  readonly directory: string
  /** Random, made once with the history. */
  readonly projectId: string
  /** Gives the run its id, `<project>_<epoch milliseconds>`, and the next number. */
  create(run: NewRun): RunRecord
  get(id: string): RunRecord | undefined
  /**
   * By id, by the beginning of one, or `last`, `last~1`, … (the newest, the one before). Errors: `RUN_NOT_FOUND`, `RUN_AMBIGUOUS`,
   * `RUN_OF_OTHER_PROJECT`.
   */
  resolve(name: string, filter?: { readonly kind?: RunKind }): RunRecord
  /** The id that `resolve` would find, also of a record that can't be read. */
  resolveId(name: string): string
  /**
   * Newest first. A record that can't be read is told to `onDamaged` and left out; without that it is the error `HISTORY_CORRUPT`, so that
   * nobody takes a part for the whole by accident.
   */
  list(filter?: RunFilter, onDamaged?: (run: DamagedRun) => void): RunSummary[]
  /** Whether another history may have the run too, because this one was copied or is a copy: whoever ends it must leave it at its place. */
  isShared(run: Pick<RunRecord, 'createdAt'>): boolean
  /** The same in pages: who takes of each run only what is needed holds a small part of a long history in memory. */
  pages(filter?: RunFilter, onDamaged?: (run: DamagedRun) => void): Generator<readonly RunSummary[]>
  /** The same as the rows of `history list`, each the text of a JSON object: for who prints them or parses them at once. */
  lines(filter?: RunFilter, onDamaged?: (run: DamagedRun) => void, now?: Date): Generator<readonly string[]>
  /**
   * Changes a record, if `condition` holds for it as it is inside the transaction; answers what is then there. A final state stays:
   * `RUN_ENDED`. The commit that makes a run final has reached the disk, with its log, when this returns.
   */
  update(id: string, patch: RunPatch, condition?: (run: RunRecord) => boolean): RunRecord
  /**
   * Stores a batch of events that follow the cursor `after` (undefined: the beginning). Several followers may store the same run: what
   * is there already is not stored again.
   */
  appendEvents(id: string, events: readonly RunEvent[], after: string | undefined): AppendResult
  /** In log order. */
  metrics(id: string): Metric[]
  tags(id: string): Tag[]
  /** Sets tags and adds properties, which stay as they were first written; `null` takes a tag away. */
  setLabels(id: string, labels: { readonly tags?: Labels; readonly properties?: Readonly<Record<string, string>> }): void
  artifacts(id: string): Artifact[]
  /** Replaces the list, after a collect. */
  setArtifacts(id: string, artifacts: readonly Artifact[]): void
  /** Takes the record, its log and its files away for good. */
  delete(id: string): void
  /** The local copy of the log as it is at the first step of the iteration, in blocks of about a megabyte. */
  readLog(id: string, options?: ReadLogOptions): Generator<StoredLogRecord>
  /**
   * Puts a whole run of another history into this one; `folder` becomes its folder. It keeps its id, and its number where that is free.
   * Error: `RUN_EXISTS`.
   */
  import(run: ImportedRun, folder: string): RunRecord
  /** While it works no other process creates, changes or deletes a run: these wait, half a minute at most. */
  exclusively<Result>(work: () => Result): Result
  runDirectory(id: string): string
  logPath(id: string): string
  /** Where `collect` brings files, each under its path in the run's folder: `<this>/outputs/model.pkl`. */
  outputsDirectory(id: string): string
}
