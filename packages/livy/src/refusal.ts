import type { Answer } from './http-service.ts'
import { ServiceError, type ServiceErrorCode } from './service-error.ts'

/** An answer's own words: Livy says `{"msg"}`, a bare JSON string, or (its servlet container and gateways) a page of HTML. */
export function wordsOf(body: Buffer): string {
  const text = body.toString('utf8').trim()
  const json = parsed(text)
  if (typeof json === 'string') return json
  if (typeof json === 'object' && json !== null) {
    if ('msg' in json && typeof json.msg === 'string') return json.msg
    if ('RemoteException' in json) return wordsOfException(json.RemoteException)
  }
  return (textOfPage(text) || text).slice(0, 1000)
}

function wordsOfException(exception: unknown): string {
  const { message = '', exception: name = '' } = exception as { readonly message?: string; readonly exception?: string }
  return message.split('\n')[0] || name
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** What a page of HTML says in its title and its reasons. */
function textOfPage(text: string): string {
  if (!text.startsWith('<')) return ''
  return text
    .replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&nbsp;/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

const codesByStatus: Readonly<Record<number, ServiceErrorCode>> = {
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  408: 'GATEWAY_TIMEOUT',
  429: 'GATEWAY_FAILED',
  502: 'GATEWAY_FAILED',
  503: 'GATEWAY_FAILED',
  504: 'GATEWAY_TIMEOUT',
}

/** Words of Livy that say more than its status, which is 400 for all of them. */
const codesByWords: readonly (readonly [RegExp, ServiceErrorCode])[] = [
  [/duplicate session name/i, 'DUPLICATE_NAME'],
  [/too many sessions/i, 'TOO_MANY_SESSIONS'],
  // Livy 0.5, of a name where it wants a number.
  [/^For input string:/, 'NAMES_UNKNOWN'],
]

/** The error that an answer of Livy is; undefined when it is none. */
export function livyRefusal(answer: Answer, what: string): ServiceError | undefined {
  const { status, body } = answer
  if (status < 300) return undefined
  const words = wordsOf(body)
  const special = codesByWords.find(([pattern]) => pattern.test(words))?.[1]
  const code = special ?? codesByStatus[status] ?? (status >= 500 ? 'SERVER_FAILED' : 'REFUSED')
  return new ServiceError(code, `${what}: ${words || 'no words'} (HTTP ${status})`, { status })
}

const codesByException: Readonly<Record<string, ServiceErrorCode>> = {
  FileNotFoundException: 'NOT_FOUND',
  FileAlreadyExistsException: 'EXISTS',
  AlreadyBeingCreatedException: 'EXISTS',
  AccessControlException: 'FORBIDDEN',
  SecurityException: 'UNAUTHORIZED',
  DSQuotaExceededException: 'NO_SPACE',
  NSQuotaExceededException: 'NO_SPACE',
  QuotaByStorageTypeExceededException: 'NO_SPACE',
}

/** The error that an answer of WebHDFS is; undefined when it is none. */
export function webHdfsRefusal(answer: Answer, what: string): ServiceError | undefined {
  const { status, body } = answer
  if (status < 300) return undefined
  const text = body.toString('utf8')
  const exception = /"exception"\s*:\s*"(\w+)"/.exec(text)?.[1] ?? ''
  const full = /could only be written to 0 of|No space left|DiskOutOfSpace/i.test(text)
  // A name node that has just started says it as a RetriableException, another as a SafeModeException.
  const readOnly = /name node is in safe mode/i.test(text)
  const special = full ? 'NO_SPACE' : readOnly ? 'READ_ONLY' : codesByException[exception]
  const code = special ?? codesByStatus[status] ?? (status >= 500 ? 'SERVER_FAILED' : 'REFUSED')
  return new ServiceError(code, `${what}: ${wordsOf(body) || 'no words'} (HTTP ${status})`, { status })
}
