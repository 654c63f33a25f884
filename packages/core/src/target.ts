import type { Readable } from 'node:stream'
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import type { Host, Logger } from './host.ts'
import type { JsonValue } from './json.ts'
import type { Environment, EnvironmentLock, EnvironmentRequest, ReadFile, RunRequest } from './request.ts'

/** Any schema that validates itself and prints itself as JSON Schema (valibot, zod 4, arktype). No transforms: core tidies values first. */
export type Schema<Value> = StandardSchemaV1<unknown, Value> & StandardJSONSchemaV1

/** Default export of a plugin's target module: data plus one lazy import. Reading it loads no SDK. */
export interface TargetDefinition<Config = unknown, Options = unknown> {
  /** Contract major this target was written for. */
  readonly contract: 1
  /** The word after `type:` in a `.compute` file. */
  readonly type: string
  /** Other spellings that mean the same: `docker` also answers to `localdocker`. */
  readonly aliases?: readonly string[]
  readonly summary: string
  /** The rest of the `.compute` file: core validates with it and makes the editor schema and the long flags of `attach` out of it. */
  readonly config: Schema<Config>
  /** Per-run settings (`TargetOptions:` in a run configuration). Absent: the type has none. */
  readonly runOptions?: Schema<Options>
  /**
   * Values that never live in a project file, by the name given to `context.secret`. A `.compute` key of such a name
   * (`password: …` in old files) is taken out by core before validation and answers that call.
   */
  readonly secrets?: Readonly<Record<string, { readonly description: string; readonly optional?: boolean }>>
  /** Only what core must know before it loads the implementation. */
  readonly capabilities: Capabilities | ((config: Config) => Capabilities)
  /** What a schema can't say of `computetarget attach <type>`: short flags, extra flags, values written although they are not the default. */
  readonly attach?: {
    readonly flags?: Readonly<Record<string, AttachFlag>>
    readonly writes?: Readonly<Record<string, JsonValue>>
  }
  /** `() => import('./implementation.js')` */
  load(): Promise<TargetImplementation<Config>>
}

/** By the key of the configuration that it belongs to, or under a name of its own: then the implementation's `attach` gets its value. */
export interface AttachFlag {
  readonly char?: string
  readonly aliases?: readonly string[]
  readonly help: string
  readonly boolean?: boolean
  /** Keys that are written into the `.compute` file when the flag is given. */
  readonly writes?: Readonly<Record<string, JsonValue>>
}

/** What a type of target can do, asked before its implementation is loaded. */
export interface Capabilities {
  readonly environments: readonly Environment['kind'][]
  readonly frameworks: readonly RunRequest['framework'][]
  /** `live`: as written. `polled`: in batches. */
  readonly logs: 'live' | 'polled'
}

/** What a definition loads when a target is used. */
export interface TargetImplementation<Config> {
  /** Connects to nothing yet: the first call that needs the place does. */
  createTarget(context: TargetContext<Config>): Target | Promise<Target>
  /** What `attach` does beyond writing the files (a key pair, a first login). */
  attach?(context: TargetContext<Config>, flags: Readonly<Record<string, string | boolean>>, options: CallOptions): AsyncIterable<Finding>
}

/** What core lends a target. */
export interface TargetContext<Config> {
  readonly config: Config
  readonly target: { readonly name: string; readonly type: string }
  readonly project: { readonly name: string; readonly id: string; readonly directory: string }
  /** A folder of this target's own under `.errand/`, for what is not a run. */
  readonly stateDirectory: string
  /** A folder under `.errand/` that the targets of the project share: known hosts, for example. Neither folder is there before it is used. */
  readonly sharedDirectory: string
  /** The machine the command line runs on. */
  readonly host: Host
  readonly log: Logger
  /** Reads a declared secret. Core redacts it from every log and event. */
  secret(name: string): Promise<string>
  /** The value of one of the request's `secretVariables`; redacted likewise. */
  secretVariable(name: string): Promise<string>
  /** Asks the user. Without a terminal it rejects with the hint. */
  ask(question: {
    readonly kind: 'confirm' | 'text' | 'hidden'
    readonly text: string
    readonly withoutTerminal: { readonly hint: string }
  }): Promise<string>
  /** The bytes of one file of a snapshot or environment, by digest. */
  openObject(digest: string): Readable
  /** Folder of those files on the machine the command line runs on, `<aa>/<64 hex>`: a target on that machine links instead of copying. */
  readonly objectsDirectory: string
}

/** What every call of a target gets. */
export interface CallOptions {
  /** Aborts the call, not the run. */
  readonly signal: AbortSignal
  /** Long work says how far it is; core draws it or writes it as JSON. */
  report(progress: Progress): void
}

/** How far a call is. */
export interface Progress {
  readonly message: string
  readonly done?: number
  readonly total?: number
  readonly unit?: 'bytes' | 'files' | 'steps'
  /** Why something long begins: it is told as a sentence that stays, also where no progress is shown. */
  readonly stays?: true
}

/** One configured place to run. Holds connections, never run state: every fact about a run is in its reference. Calls may overlap. */
export interface Target extends AsyncDisposable {
  /** Looks at every hop, changing nothing: one finding for each thing looked at, each failure with its way out. */
  check(options: CallOptions): AsyncIterable<Finding>
  /** What `prepare` and, for a run, `submit` would do, and which input of the environment changed. Changes nothing. */
  plan(request: EnvironmentRequest | RunRequest, options: CallOptions): Promise<Plan>
  /** Makes the environment ready. Same request, same result. With `build: false` a missing one is the error `ENVIRONMENT_NOT_PREPARED`. */
  prepare(request: EnvironmentRequest, options: CallOptions & { readonly build: boolean }): Promise<Prepared>
  /**
   * A head start for large projects, which a target may do without: takes files of a run that is about to be submitted, while others are still
   * being read. What has arrived, `submit` need not send. Resolves when all of it is on its way; where it fails, `submit` sends everything.
   */
  receive?(run: Pick<RunRequest, 'runId' | 'project' | 'projectId'>, files: AsyncIterable<ReadFile>, options: CallOptions): Promise<void>
  /** Sends what is missing and starts the run, once: a second call with the same `runId` returns the first run's reference. */
  submit(request: RunRequest, prepared: Prepared, options: CallOptions): Promise<RunReference>
  /**
   * The run of that id, if the place knows it. Starts nothing: repair after a crash uses this and only this. `prepared`: what the run was
   * prepared with, where that is recorded; a place may need it to look.
   */
  find(runId: string, options: CallOptions & { readonly prepared?: Prepared }): Promise<RunReference | undefined>
  /** The only way to a handle, a second or a week after `submit`, from this process or another. */
  attach(reference: RunReference, options: CallOptions): Promise<RunHandle>
  /** What this tool left at the place, with sizes. */
  leftovers(options: CallOptions): AsyncIterable<Leftover>
  /** Removes one of the things that `leftovers` names. Safe to repeat. */
  removeLeftover(id: string, options: CallOptions): Promise<void>
}

/** One thing that was looked at. */
export interface Finding {
  readonly name: string
  readonly outcome: 'ok' | 'warning' | 'failed'
  readonly detail: string
  readonly hint?: string
  /** It failed because what every target of this type needs was never installed here: no matter to whom does not use the target. */
  readonly absent?: boolean
}

/** What would be done. */
export interface Plan {
  readonly environment: {
    readonly key: string
    readonly ready: boolean
    readonly changed: readonly { readonly input: string; readonly before?: string; readonly after: string }[]
  }
  /**
   * What would be sent: contents that the place lacks, each counted once. `paths`: which files of the project they are, where the place can tell.
   * `atMost`: what the place has already can't be known without changing something there, so it may be less.
   */
  readonly upload?: { readonly files: number; readonly bytes: number; readonly paths?: readonly string[]; readonly atMost?: boolean }
  /** What would be done at the place, one line each: commands, container options, batch fields. */
  readonly steps: readonly string[]
}

/** Stored with the run: core reads everything but `data`. */
export interface Prepared {
  readonly environmentKey: string
  readonly lock?: EnvironmentLock
  readonly data?: JsonValue
}

/** One thing that this tool left at a place. */
export interface Leftover {
  readonly id: string
  readonly kind: 'run' | 'environment' | 'image' | 'objects' | 'volume' | 'cache'
  readonly bytes: number
  readonly lastUsed: string
  readonly runId?: string
  readonly project?: string
  readonly owner?: string
  readonly inUse: boolean
  /** What may be lost with it, as a sentence: it is removed only by force. */
  readonly risk?: string
}

/** Enough to find the run from another process. Core stores it as it is. */
export interface RunReference {
  /** Shown to users: container id, batch id, `host:pid`. */
  readonly externalId: string
  readonly data?: JsonValue
}

/** A run, as seen by one process. */
export interface RunHandle extends AsyncDisposable {
  /** A place that can't be reached is an error, never a status. */
  status(options: CallOptions): Promise<RunStatus>
  /** Events after `cursor`, or all of them: no gap, no repeat. Ends after a final `status`. Leaving the loop never stops the run. */
  events(options: CallOptions & { readonly cursor?: string }): AsyncIterable<RunEvent>
  /** Asks the run to stop. Safe to repeat; `cancelled` is reported only once nothing of the run is left running. */
  cancel(options: CallOptions): Promise<void>
  /** Copies files of the run's folder that match the globs into a local folder, also after a failure. Returns relative paths. `PATHS_TOO_LONG`: all are there, but for those it names. */
  collect(directory: string, options: CallOptions & { readonly include: readonly string[] }): Promise<readonly string[]>
  /** Deletes what the run left behind. Safe to repeat. Core calls it, after it has collected. */
  remove(options: CallOptions): Promise<void>
}

/**
 * Times are ISO 8601 UTC, taken at the place. A run may go back from `running` to `queued` (a scheduler that starts it again);
 * a final state stays.
 */
export type RunStatus = {
  readonly queuedAt?: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** Peak resident memory in bytes and processor seconds of the whole run, where the place knows them. */
  readonly peakMemory?: number
  readonly processorTime?: number
} & (
  | { readonly state: 'queued' | 'running'; readonly detail?: string }
  | { readonly state: 'completed' | 'cancelled' }
  | {
      readonly state: 'failed'
      readonly cause: 'exit' | 'signal' | 'out-of-memory' | 'time-limit' | 'start' | 'preempted' | 'machine'
      readonly exitCode?: number
      readonly signal?: string
      readonly reason: string
    }
  /** The place no longer knows the run: not the same as a program that failed. */
  | { readonly state: 'lost'; readonly reason: string }
)

/** JSON has no such numbers; a metric has. */
export type MetricValue = JsonValue | { readonly $number: 'NaN' | 'Infinity' | '-Infinity' }

/** `cursor` is opaque to core, ordered within a run, and valid in another process. Core ignores types it does not know. */
export type RunEvent = { readonly cursor: string; readonly at: string } &
  /** `control`: what was done for the run (build, spark-submit), not by it. */
  (
    | { readonly type: 'log'; readonly stream: 'stdout' | 'stderr' | 'control'; readonly data: Uint8Array }
    | {
        readonly type: 'metric'
        readonly kind: 'value' | 'list' | 'row' | 'table' | 'image'
        readonly name: string
        readonly value: MetricValue
        readonly step?: number
      }
    | { readonly type: 'tag' | 'property'; readonly name: string; readonly value?: string }
    | { readonly type: 'artifact'; readonly path: string }
    | { readonly type: 'status'; readonly status: RunStatus }
  )

/** Types a definition where it is written and returns it unchanged. */
export const defineTarget = <Config, Options = unknown>(definition: TargetDefinition<Config, Options>): TargetDefinition<Config, Options> =>
  definition
