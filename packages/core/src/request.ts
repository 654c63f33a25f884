import type { JsonValue } from './json.ts'

/** What an environment is made from: enough for `prepare`, which knows of no script. */
export interface EnvironmentRequest {
  readonly project: string
  /** Made once for each project's history: two projects of one name on one machine never take each other's runs or folders. */
  readonly projectId: string
  readonly framework: 'python' | 'pyspark'
  readonly environment: Environment
  readonly spark?: SparkDependencies
}

/** What to run, complete and serialisable: history stores it, `--dry-run` prints it, `rerun` sends it elsewhere. */
export interface RunRequest extends EnvironmentRequest {
  /** Chosen by core, never by a target: a target names its resource with it, so a second submit finds the first. */
  readonly runId: string
  /** Counts the runs of the project's history; what `Run.number` answers in a script. */
  readonly runNumber?: number
  /** Path inside the snapshot, forward slashes. */
  readonly script: string
  /** Passed as an argument vector, never through a shell. */
  readonly arguments: readonly string[]
  /** `ExpandArguments: true` in the run configuration: `$NAME` of a variable set on the target is replaced there. */
  readonly expandArguments?: boolean
  readonly variables: Readonly<Record<string, string>>
  /** Names of variables whose values are secrets: asked for with `context.secretVariable`, never stored. */
  readonly secretVariables: readonly string[]
  readonly snapshot: Snapshot
  /** Globs under the working folder to bring back. Default `outputs/**` and `logs/**`; files of the snapshot that did not change are never among them. */
  readonly outputs: readonly string[]
  /** Seconds. Absent: no limit. */
  readonly timeLimit?: number
  /** Per-run settings of the target's type (queue, memory, GPUs), validated by its `runOptions` schema. */
  readonly options?: JsonValue
}

export type Environment =
  /** The user's own interpreter, used as it is. Absent `python`: the target's own setting. */
  | {
      readonly kind: 'user-managed'
      readonly python?: string
      /** Names of the Python packages that a dependency file lists, which is not used here: what the interpreter lacks of them is said. */
      readonly expects?: { readonly file: string; readonly packages: readonly string[] }
    }
  /** `conda_dependencies.yml`. */
  | ({ readonly kind: 'conda' } & EnvironmentFile)
  /** `requirements.txt`, or `pyproject.toml` with its lock. */
  | ({ readonly kind: 'requirements' } & EnvironmentFile)

/** The file that describes an environment, and what it means. */
export interface EnvironmentFile {
  readonly file: string
  readonly text: string
  /** The meaning without comments, order and line ends: what the key is made of. */
  readonly canonical: JsonValue
  /** Wheels and the like on this machine that the file names; sent by digest, part of the key. */
  readonly localFiles: readonly SnapshotFile[]
  /** Set by `rerun` and `--locked`: exactly these packages or an error. */
  readonly lock?: EnvironmentLock
}

/** What an environment holds once it is made: enough to make the same one again. */
export interface EnvironmentLock {
  readonly provider: string
  readonly packages: readonly {
    readonly name: string
    readonly version: string
    readonly build?: string
    readonly url?: string
    readonly hash?: string
  }[]
}

/** `spark_dependencies.yml`. */
export interface SparkDependencies {
  readonly configuration: Readonly<Record<string, string>>
  readonly repositories: readonly string[]
  readonly packages: readonly { readonly group: string; readonly artifact: string; readonly version: string }[]
}

/** The project at the moment of the submit, addressed by content. Digests are `sha256:<hex>`. */
export interface Snapshot {
  readonly digest: string
  readonly entries: readonly (
    | SnapshotFile
    | { readonly kind: 'directory'; readonly path: string }
    | { readonly kind: 'link'; readonly path: string; readonly to: string }
  )[]
}

/** A file of a snapshot: its content is found by digest. */
export interface SnapshotFile {
  readonly kind: 'file'
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly executable: boolean
  readonly digest: string
}

/** A file of the project while a snapshot is being taken: stored already, or a long one of which more is still to be read. */
export type ReadFile = SnapshotFile | LongFile

/** Whoever has no use for a content without its digest may leave it alone. */
export interface LongFile extends Pick<SnapshotFile, 'path' | 'size' | 'executable'> {
  readonly kind: 'long'
  /** Known once all of it has been read and is stored. Undefined: it changed meanwhile, and what was read is of no use. */
  readonly digest: Promise<string | undefined>
  /** What has been read, and then the rest as it is read. Ends early, without an error, where `digest` will be undefined. */
  content(): AsyncIterable<Buffer>
}
