import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'

/** A request to a Docker engine, beside the client that is tested: answers its body as text. Refusals are errors. */
export async function engineRequest(
  socketPath: string,
  method: string,
  path: string,
  body?: Readable | object,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers: { ...headersOf(body), ...headers }, agent: false }, resolve)
    sent.once('error', reject)
    if (body === undefined) sent.end()
    else if (isStream(body)) body.pipe(sent)
    else sent.end(JSON.stringify(body))
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  if ((response.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${text.trim()}`)
  return text
}

const isStream = (body: Readable | object): body is Readable => 'pipe' in body

function headersOf(body: Readable | object | undefined): Record<string, string> {
  if (body === undefined) return {}
  return { 'content-type': isStream(body) ? 'application/x-tar' : 'application/json' }
}
