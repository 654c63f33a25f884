import type { JsonValue } from '../json.ts'
import type { RunRecord } from '../history/index.ts'

/** A key that two runs have with other values; absent on a side: it is not there. */
export interface ChangedKey {
  readonly key: string
  readonly before?: JsonValue
  readonly after?: JsonValue
}

export interface ChangedFile {
  readonly path: string
  /** `executable`, `plain`: the content is the same, and it became so. `link`: it is a link or was one. */
  readonly change: 'content' | 'executable' | 'plain' | 'link'
  /** Unified, where it was asked for and both sides are text. */
  readonly diff?: string
}

export type CodeDifference =
  | {
      readonly same: boolean
      readonly added: readonly string[]
      readonly removed: readonly string[]
      readonly renamed: readonly { readonly from: string; readonly to: string }[]
      readonly changed: readonly ChangedFile[]
      /** Of added and removed files, where diffs were asked for. */
      readonly diffs?: Readonly<Record<string, string>>
    }
  /** Why it can't be said. */
  | { readonly same: null; readonly reason: string }

export interface PackageDifference {
  readonly added: readonly { readonly name: string; readonly version: string }[]
  readonly removed: readonly { readonly name: string; readonly version: string }[]
  readonly changed: readonly { readonly name: string; readonly before: string; readonly after: string }[]
}

/** What a run has that another one has not, the other one being `before`. */
export interface RunDifferences {
  readonly against: string
  readonly code: CodeDifference
  readonly configuration: readonly ChangedKey[]
  readonly environment: {
    readonly specification: readonly ChangedKey[]
    /** Null: of one of the two it is not known what was installed. */
    readonly packages: PackageDifference | null
  }
  readonly arguments: { readonly before: readonly string[]; readonly after: readonly string[] } | null
  /** Names alone; the values are nobody's business but the runs'. */
  readonly variables: { readonly added: readonly string[]; readonly removed: readonly string[]; readonly changed: readonly string[] }
  readonly metrics: Readonly<Record<string, MetricDifference>>
  /** Seconds; null of a run that has not started. */
  readonly duration: { readonly before: number | null; readonly after: number | null }
}

/** Last values; `difference` where both are numbers. */
export interface MetricDifference {
  readonly before: JsonValue
  readonly after: JsonValue
  readonly difference: number | null
}

/** A run with what it has that the first one has not; the first one has none. */
export interface ComparedRun {
  readonly run: RunRecord
  readonly record: { readonly [key: string]: JsonValue }
  /** Last value of each metric. */
  readonly metrics: Readonly<Record<string, JsonValue>>
  readonly differences?: RunDifferences
}
