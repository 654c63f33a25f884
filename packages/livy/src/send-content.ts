import { type IncomingMessage, type RequestOptions, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ConnectionSettings, connectThrough } from './connector.ts'

export interface Content {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | Readable
  readonly signal: AbortSignal
}

export interface ContentAnswer {
  readonly statusCode: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Sends content to a server that says `100 Continue` unasked, as HDFS's data nodes do: undici takes that for a broken answer. */
export async function sendContent(url: URL, content: Content, settings: ConnectionSettings): Promise<ContentAnswer> {
  const { method, headers, body, signal } = content
  const options: RequestOptions = { method, headers, signal, agent: false, timeout: settings.answerLimit ?? 60_000 }
  const { connect } = settings
  const connection = connect === undefined ? undefined : await connectThrough(connect, url, settings)
  const trusted = settings.certificateAuthority === undefined ? {} : { ca: settings.certificateAuthority }
  const all = { ...options, ...trusted, ...(connection === undefined ? {} : { createConnection: () => connection }) }
  const sending = url.protocol === 'https:' ? httpsRequest(url, all) : httpRequest(url, all)
  sending.on('timeout', () => sending.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
  // Content that can't be read breaks the connection too, which would then be blamed.
  let unreadable: unknown
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve)
    sending.on('error', (error) => reject(unreadable ?? error))
    if (typeof body !== 'string' && !Buffer.isBuffer(body)) body.once('error', (error) => (unreadable = error))
  })
  // A server that refuses answers before it has read all: the answer counts, not the connection that it closes.
  const sent =
    typeof body === 'string' || Buffer.isBuffer(body)
      ? Promise.resolve(void sending.end(body))
      : pipeline(body, sending, { signal }).catch((error: unknown) => {
          sending.destroy(error instanceof Error ? error : undefined)
        })
  const answer = await answered
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  await sent
  return { statusCode: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }
}
