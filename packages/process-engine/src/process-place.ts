import type { CallOptions, Host, RunRequest } from '@errand/core'
import type { EnvironmentPlace } from './managed-environment.ts'

/** Where and with what a run is started. Everything but the host comes from the target's configuration. */
export interface ProcessPlace extends Pick<EnvironmentPlace, 'provider' | 'programs'> {
  readonly host: Host
  /** Interpreters to try, best first. */
  readonly pythons: readonly string[]
  readonly sparkSubmit?: string
  /** Base of the shared folder, `~` allowed. */
  readonly sharedDirectory?: string
  /** Folder of errand's own files there. Absent: `.errand` in the host's home. */
  readonly home?: string
  /**
   * Words in front of the interpreter of a run: a scheduler's own starter, such as `srun --job-name ID`. It has to wait for what it starts, to
   * hand on signals and output as they come, and to find the files of the host at the same paths. Who gives it answers for the request's
   * `options` too; without it they are refused.
   */
  readonly launcher?: (request: RunRequest) => readonly string[]
}

/** How a place is reached. */
export interface ReachOptions extends CallOptions {
  /** It is only looked at: reaching it must leave nothing there, and start nothing that might. */
  readonly looksOnly?: boolean
}
