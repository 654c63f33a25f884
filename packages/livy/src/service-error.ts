/** What went wrong with a request, whoever answered: the same words for Livy and WebHDFS. */
export type ServiceErrorCode =
  | 'NOT_FOUND'
  /** Livy has a batch of that name, also one that has ended. */
  | 'DUPLICATE_NAME'
  | 'TOO_MANY_SESSIONS'
  /** A Livy before 0.6, which knows batches by number alone, was asked by name. */
  | 'NAMES_UNKNOWN'
  /** The service understood the request and does not want it: a path, a setting, a field. */
  | 'REFUSED'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  /** A file is there already. */
  | 'EXISTS'
  | 'NO_SPACE'
  /** The storage takes no changes at this moment: its name node is in safe mode. */
  | 'READ_ONLY'
  /** 502 and 503: a gateway could not reach the service, or could and lost it. */
  | 'GATEWAY_FAILED'
  | 'GATEWAY_TIMEOUT'
  | 'SERVER_FAILED'
  /** No connection was made: the service has not seen the request. */
  | 'UNREACHABLE'
  | 'CERTIFICATE_UNTRUSTED'
  /** The connection ended or said nothing for too long after the request was sent: it may have been acted upon. */
  | 'ANSWER_LOST'
  | 'ANSWER_UNREADABLE'

/** A failure of a service or of the way to it. The `code` is stable and is what other code compares; the message is for people. */
export class ServiceError extends Error {
  readonly code: ServiceErrorCode
  /** HTTP status, when there was an answer. */
  readonly status?: number
  /** True of a creation whose every attempt was refused, or never arrived: there is no batch, and there will be none. */
  readonly createdNothing: boolean

  constructor(
    code: ServiceErrorCode,
    message: string,
    {
      status,
      cause,
      createdNothing = false,
    }: { readonly status?: number; readonly cause?: unknown; readonly createdNothing?: boolean } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ServiceError'
    this.code = code
    this.createdNothing = createdNothing
    if (status !== undefined) this.status = status
  }
}

export const codeOf = (error: unknown): string | undefined => (error instanceof ServiceError ? error.code : undefined)

const passing: ReadonlySet<string | undefined> = new Set(['UNREACHABLE', 'ANSWER_LOST', 'GATEWAY_FAILED', 'GATEWAY_TIMEOUT'])

/** Whether the same request may succeed a moment later. */
export const mayPass = (error: unknown): boolean => passing.has(codeOf(error))

const undecided: ReadonlySet<string | undefined> = new Set([
  'ANSWER_LOST',
  'GATEWAY_FAILED',
  'GATEWAY_TIMEOUT',
  'SERVER_FAILED',
  'ANSWER_UNREADABLE',
])

/** Whether the service may have done what it was asked, although it did not say so. */
export const mayHaveActed = (error: unknown): boolean => undecided.has(codeOf(error))

/** Whether an attempt to create a batch can have made none. A name that is taken may have been taken by an earlier one. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof ServiceError && !mayHaveActed(error) && error.code !== 'DUPLICATE_NAME'
