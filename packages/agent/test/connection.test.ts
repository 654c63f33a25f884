import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Connection, openConnection } from '../src/connection.ts'
import { isLost } from '../src/repeated-call.ts'
import { type FakeAgentProcess, fakeAgentProcess, helloLine } from './fake-agent-process.ts'

let place: FakeAgentProcess
let connection: Connection
beforeEach(async () => {
  place = fakeAgentProcess()
  place.stdout.write(helloLine)
  connection = await openConnection(place, 'place')
})
afterEach(() => connection[Symbol.asyncDispose]())

const { signal } = new AbortController()
const digest = 'sha256:0123'

async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

it('sends a streamed body behind the line that announces it', async () => {
  const answer = connection.call('put', { digest, size: 6 }, { signal, body: { size: 6, chunks: pieces('abc', 'def') } })
  const sent: Buffer[] = []
  place.stdin.on('data', (chunk: Buffer) => {
    sent.push(chunk)
    if (Buffer.concat(sent).toString().endsWith('\nabcdef')) place.stdout.write('{"id":1,"result":{"stored":true}}\n')
  })
  expect((await answer).result).toEqual({ stored: true })
})

it.each([
  ['shorter', ['abc']],
  ['longer', ['abc', 'defg']],
])('ends the connection over a body that is %s than announced, and names the object', async (_, texts) => {
  place.stdin.resume()
  const damaged = connection.call('put', { digest, size: 6 }, { signal, body: { size: 6, chunks: pieces(...texts) } })
  const next = connection.call('missing', { digests: [digest] }, { signal })
  const [error, other] = (await Promise.allSettled([damaged, next])).map((settled) =>
    'reason' in settled ? (settled.reason as unknown) : undefined,
  )
  expect(error).toMatchObject({ code: 'OBJECT_DAMAGED', message: expect.stringContaining(digest) })
  expect([isLost(error), isLost(other)]).toEqual([false, true])
  expect(place.signals).toEqual(['SIGKILL'])
})

it('hands on each part of an answer as it comes, and settles the call with the last', async () => {
  const parts: string[] = []
  const answer = connection.call(
    'read',
    {},
    { signal, part: ({ result, body }) => parts.push(`${String(result['n'])} ${body.toString()}`) },
  )
  place.stdout.write('{"id":1,"part":{"n":1},"bytes":2}\nab{"id":1,"part":{"n":2}}\n{"id":1,"result":{"n":3},"bytes":1}\nc')
  expect((await answer).body.toString()).toBe('c')
  expect(parts).toEqual(['1 ab', '2 '])
})
