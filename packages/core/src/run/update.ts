import type { Diagnostic } from '../project/index.ts'
import type { RunRecord } from '../history/index.ts'
import type { LogStream } from '../log-record.ts'
import type { Progress, RunStatus } from '../target.ts'

/** What the generators of this folder tell, in the order in which it happens. */
export type RunUpdate =
  | { readonly type: 'diagnostics'; readonly diagnostics: readonly Diagnostic[] }
  /** The run has its id and its record. */
  | { readonly type: 'created'; readonly run: RunRecord }
  | { readonly type: 'progress'; readonly progress: Progress }
  /** A sentence for the user that is no result. */
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'started'; readonly run: RunRecord }
  /** Output of the run, secrets already replaced. */
  | { readonly type: 'log'; readonly stream: LogStream; readonly data: Uint8Array }
  | { readonly type: 'status'; readonly status: RunStatus }
  /** Final: recorded, files brought back. */
  | { readonly type: 'ended'; readonly run: RunRecord }
