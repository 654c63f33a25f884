import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dispatcher, request } from 'undici'
import { type Authentication, authorizationOf } from './authentication.ts'
import { type ConnectionSettings, createDispatcher } from './connector.ts'
import { type ContentAnswer, sendContent } from './send-content.ts'
import { ServiceError, mayPass } from './service-error.ts'

/** Where a service is and how it is asked; the same for Livy, WebHDFS and YARN. */
export interface ServiceSettings extends ConnectionSettings {
  /** Where the service's paths begin, with a gateway's prefix: `https://cluster.example/livy`. */
  readonly url: string
  readonly authentication?: Authentication
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Attempts of a request that is safe to repeat. Default 5, with growing random waits: under four seconds in all. */
  readonly attempts?: number
}

export interface Answer {
  readonly status: number
  readonly body: Buffer
  /** Where the service sends us, for those who follow it. */
  readonly location?: string
}

export interface Sending {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the service's address, or an absolute one. Credentials go to the service's own origin alone. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** A stream is made anew for each attempt. */
  readonly body?: string | Buffer | (() => Readable)
  /** The body is a file: it is sent as servers of files want it. */
  readonly isContent?: boolean
  /** Whether a repetition changes nothing. Default: for GET alone. */
  readonly repeatable?: boolean
  readonly signal: AbortSignal
}

/** One HTTP service: requests with credentials, answers whole in memory. */
export interface HttpService extends AsyncDisposable {
  /** Rejects only when there is no answer: `UNREACHABLE`, `CERTIFICATE_UNTRUSTED`, `ANSWER_LOST`; 502 to 504 after the last attempt are answers. */
  send(sending: Sending): Promise<Answer>
}

export function openHttpService(settings: ServiceSettings): HttpService {
  const dispatcher = createDispatcher(settings)
  const base = new URL(settings.url.endsWith('/') ? settings.url : `${settings.url}/`)
  const attempts = settings.attempts ?? 5

  async function once(sending: Sending): Promise<Answer> {
    const url = new URL(sending.path.replace(/^\//, ''), base)
    for (const [name, value] of Object.entries(sending.query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value))
    const own = url.origin === base.origin ? { ...settings.headers, ...(await authorizationOf(settings.authentication)) } : {}
    const headers = { ...own, ...sending.headers }
    const body = typeof sending.body === 'function' ? sending.body() : sending.body
    const { method, signal } = sending
    try {
      if (sending.isContent === true && body !== undefined)
        return answerOf(await sendContent(url, { method, headers, body, signal }, settings))
      const answer = await request(url, { dispatcher, method, headers, signal, ...(body === undefined ? {} : { body }) })
      return answerOf({ ...answer, body: Buffer.from(await answer.body.arrayBuffer()) })
    } catch (error) {
      sending.signal.throwIfAborted()
      throw explain(error, url)
    }
  }

  return {
    async send(sending) {
      const last = (sending.repeatable ?? sending.method === 'GET') ? attempts : 1
      for (let attempt = 1; ; attempt++) {
        sending.signal.throwIfAborted()
        try {
          const answer = await once(sending)
          if (attempt === last || !isGatewayStatus(answer.status)) return answer
        } catch (error) {
          if (attempt === last || !mayPass(error)) throw error
        }
        await sleep(Math.random() * 250 * 2 ** attempt, undefined, { signal: sending.signal })
      }
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}

const isGatewayStatus = (status: number): boolean => status === 429 || (status >= 502 && status <= 504)

function answerOf({
  statusCode,
  headers: { location },
  body,
}: Omit<ContentAnswer, 'headers'> & Pick<Dispatcher.ResponseData, 'headers'>): Answer {
  return { status: statusCode, body, ...(typeof location === 'string' ? { location } : {}) }
}

const unreachable: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'CONNECTION_REFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function explain(error: unknown, { host }: URL): unknown {
  const code = codeOfCause(error)
  const said = error instanceof Error ? error.message : String(error)
  if (code === undefined) return error
  if (unreachable.has(code)) return new ServiceError('UNREACHABLE', `${host} can't be reached: ${said}.`, { cause: error })
  if (/^(CERT_|ERR_TLS_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_)/.test(code))
    return new ServiceError('CERTIFICATE_UNTRUSTED', `The certificate of ${host} is not trusted: ${said}.`, { cause: error })
  if (/^(UND_ERR_|E[A-Z]+$|HPE_|ERR_STREAM|ERR_SSL|CONNECTION_LOST)/.test(code))
    return new ServiceError('ANSWER_LOST', `The connection to ${host} gave no answer: ${said}.`, { cause: error })
  return error
}

function codeOfCause(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  if ('code' in error && typeof error.code === 'string') return error.code
  if ('errors' in error && Array.isArray(error.errors)) return codeOfCause(error.errors[0])
  return 'cause' in error ? codeOfCause(error.cause) : undefined
}
