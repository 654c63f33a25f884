/**
 * Exit codes of the `errand` command, part of its public interface.
 * `submit` and `wait` answer `failed` also for a run that failed: the code says how the run ended, not that errand broke.
 */
export const exitCodes = {
  ok: 0,
  /** The user's input, files or run: something she can mend. */
  failed: 1,
  /** A fault of errand itself or of the machine under it. */
  internal: 2,
  /** Ctrl-C. What was started goes on. */
  interrupted: 130,
} as const

/** What an {@link ErrandError} says beside its sentence. */
export interface ErrandErrorOptions {
  /** The command or edit that mends it. */
  readonly hint?: string
  /** One of {@link exitCodes}; `failed` when absent. */
  readonly exitCode?: number
  readonly cause?: unknown
}

/**
 * An error that a user can act on. `message` names the file with line, the key or the host; `code` is stable and is what other code
 * compares (never `instanceof`: two copies of this package can be loaded).
 */
export class ErrandError extends Error {
  readonly code: string
  readonly hint?: string
  readonly exitCode: number

  constructor(code: string, message: string, options: ErrandErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ErrandError'
    this.code = code
    this.exitCode = options.exitCode ?? exitCodes.failed
    if (options.hint !== undefined) this.hint = options.hint
  }
}

const faultsOfTheMachine: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM'])

/** One of {@link exitCodes} for what the system has refused: a disk that is full is a fault of the machine, a missing right can be mended. */
export function exitCodeOf(cause: unknown): number {
  return faultsOfTheMachine.has(errorCode(cause)) ? exitCodes.internal : exitCodes.failed
}

/** The code of any error that carries one (ours, Node's), else undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** What an unknown thrown value says. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
