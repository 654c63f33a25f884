import type { RunRecord } from '../history/index.ts'

/** A run without a record (`TrackedRun: false`, `--untracked`): known while it goes on, so that it can be cancelled, and forgotten with its end. */
export function isUntracked(run: RunRecord): boolean {
  return (run.request as { readonly tracked?: boolean } | undefined)?.tracked === false
}
