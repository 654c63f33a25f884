import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { RunRequest } from '@errand/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Agent } from '../src/agent.ts'
import { sendObjects } from '../src/send-objects.ts'

interface Put {
  readonly objects: readonly (readonly [string, number])[]
  readonly bytes: Buffer
  readonly pieces: number
}

const digestOf = (index: number): string => `sha256:${String(index).padStart(64, '0')}`

/** A folder with these contents as they are kept on the machine of the client. */
function folderOf(contents: readonly Buffer[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-objects-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, '00'))
  for (const [index, content] of contents.entries()) writeFileSync(join(folder, '00', digestOf(index).slice(-64)), content)
  return folder
}

interface Sending {
  /** What each content is said to have. */
  readonly sizes?: readonly number[]
  readonly objectsDirectory?: string
}

/** Sends these contents; answers what the agent was given, call by call. */
async function sent(
  contents: readonly Buffer[],
  { sizes = contents.map(({ length }) => length), ...from }: Sending = {},
): Promise<readonly Put[]> {
  const puts: Put[] = []
  const call: Agent['call'] = async (_name, parameters, { body }) => {
    const turn = puts.length
    puts.length += 1
    const pieces: Buffer[] = []
    if (body !== undefined && 'chunks' in body) for await (const piece of body.chunks) pieces.push(piece)
    puts[turn] = { objects: parameters['objects'] as Put['objects'], bytes: Buffer.concat(pieces), pieces: pieces.length }
    return { result: {}, body: Buffer.alloc(0) }
  }
  const digests = contents.map((_, index) => digestOf(index))
  const entries = digests.map((digest, index) => ({ kind: 'file', path: digest, digest, size: sizes[index], executable: false }))
  const agent = { call } as Agent
  const request = { snapshot: { digest: '', entries } } as unknown as RunRequest
  const openObject = (digest: string) => Readable.from([contents[digests.indexOf(digest)]], { objectMode: false })
  const calls = await sendObjects(agent, request, digests, { openObject, ...from }, { signal: new AbortController().signal, report() {} })
  await Promise.all(calls)
  return puts
}

it('sends small contents together, in as few pieces as packets fill', async () => {
  const contents = Array.from({ length: 600 }, (_, index) => Buffer.from(`content ${index}`))
  const puts = await sent(contents)
  expect(puts.map(({ objects, pieces }) => [objects.length, pieces])).toEqual([
    [256, 1],
    [256, 1],
    [88, 1],
  ])
  expect(Buffer.concat(puts.map(({ bytes }) => bytes))).toEqual(Buffer.concat(contents))
  expect(puts.flatMap(({ objects }) => objects)).toEqual(contents.map(({ length }, index) => [digestOf(index), length]))
})

it('sends what is long by itself, and what is empty with its neighbours', async () => {
  const large = Buffer.alloc(3_000_000, 'x')
  const puts = await sent([Buffer.from('a'), Buffer.alloc(0), large, Buffer.from('b'), Buffer.alloc(0)])
  expect(puts.map(({ objects }) => objects.map(([, size]) => size))).toEqual([[1, 0], [large.length], [1, 0]])
  expect(puts[1]?.bytes.equals(large)).toBe(true)
})

it.each([3, 9])('names the content that has not the bytes that it should have (%d instead of 5)', async (length) => {
  const contents = [Buffer.from('first'), Buffer.alloc(length), Buffer.from('third')]
  await expect(sent(contents, { sizes: [5, 5, 5] })).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
    message: expect.stringContaining(digestOf(1)),
  })
})

describe('of contents that lie in a folder of this machine', () => {
  it('sends the same bytes, without a stream for each', async () => {
    const contents = [Buffer.from('a'), Buffer.alloc(0), Buffer.alloc(3_000_000, 'xyz'), Buffer.alloc(300_000, 'b'), Buffer.alloc(0)]
    const puts = await sent(contents, { objectsDirectory: folderOf(contents) })
    expect(puts.map(({ objects }) => objects.map(([, size]) => size))).toEqual([[1, 0], [3_000_000], [300_000, 0]])
    expect(Buffer.concat(puts.map(({ bytes }) => bytes)).equals(Buffer.concat(contents))).toBe(true)
    expect(puts.map(({ pieces }) => pieces)).toEqual([1, expect.any(Number), 1])
  })

  it.each([3, 9, 2_000_000])('names the content that has not the bytes that it should have (%d)', async (length) => {
    const contents = [Buffer.from('first'), Buffer.alloc(length), Buffer.from('third')]
    for (const size of [5, 1_999_999, 2_000_001]) {
      const sending = sent(contents, { sizes: [5, size, 5], objectsDirectory: folderOf(contents) })
      await expect(sending).rejects.toMatchObject({ code: 'OBJECT_DAMAGED', message: expect.stringContaining(digestOf(1)) })
    }
  })

  it('asks whoever keeps the contents for one that is not there', async () => {
    const contents = [Buffer.from('a'), Buffer.alloc(3_000_000, 'x')]
    const puts = await sent(contents, { objectsDirectory: folderOf([]) })
    expect(Buffer.concat(puts.map(({ bytes }) => bytes)).equals(Buffer.concat(contents))).toBe(true)
  })
})
