import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { ReadFile } from '../src/index.ts'
import type { RunRecord } from '../src/history/index.ts'
import { submit } from '../src/run/index.ts'
import { loadSnapshot } from '../src/snapshot/index.ts'
import { scriptedEvents, scriptedPlace, scriptedProject } from './scripted-run.ts'

const signal = new AbortController().signal
const options = { runConfiguration: 'there', script: 'train.py', arguments: [], signal }

async function submitted(setUp: (directory: string) => void, receive: (files: AsyncIterable<ReadFile>) => Promise<void>) {
  const place = scriptedPlace(scriptedEvents(['ran\n']))
  const order: string[] = []
  place.submit = async () => {
    order.push('submit')
    return { externalId: 'there', data: { run: 'r' } }
  }
  place.receive = async (_run, files) => {
    order.push('receive')
    await receive(files)
    order.push('received')
  }
  await using project = await scriptedProject(place)
  setUp(project.context.project.directory)
  let ended: RunRecord | undefined
  for await (const update of submit(project.context, options)) if (update.type === 'ended') ended = update.run
  if (ended === undefined) throw new Error('the run has not ended')
  const { snapshot } = ended.request as { snapshot: { digest: string } }
  return { order, state: ended.state, snapshot: await loadSnapshot(project.context.history.directory, snapshot.digest) }
}

function writeMany(directory: string): void {
  for (let index = 0; index < 600; index += 1) writeFileSync(join(directory, `file-${index}`), `${index % 500}`)
}

it('gives a target the files of a large project, each once, before the submit', async () => {
  const given: ReadFile[] = []
  const { order, state, snapshot } = await submitted(writeMany, async (files) => {
    for await (const file of files) given.push(file)
  })
  expect([order, state]).toEqual([['receive', 'received', 'submit'], 'completed'])
  expect(given.toSorted((one, other) => (one.path < other.path ? -1 : 1))).toEqual(
    snapshot.entries.toSorted((one, other) => (one.path < other.path ? -1 : 1)),
  )
})

it('gives a long file before it has been read, with its bytes and at last its digest', async () => {
  const content = randomBytes(40_000_000)
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  const seen: unknown[] = []
  await submitted(
    (directory) => writeFileSync(join(directory, 'long'), content),
    async (files) => {
      for await (const file of files) {
        if (file.kind === 'file') seen.push(file.path)
        else seen.push([file.path, file.size, content.equals(await buffer(Readable.from(file.content()))), await file.digest])
      }
    },
  )
  expect(seen).toContainEqual(['long', content.length, true, digest])
  expect(seen).not.toContain('long')
})

it('submits all the same when the head start fails, or lets the files be', async () => {
  const failing = await submitted(writeMany, () => Promise.reject(new Error('no room')))
  expect([failing.order, failing.state]).toEqual([['receive', 'submit'], 'completed'])
  const indifferent = await submitted(writeMany, async () => {})
  expect([indifferent.order, indifferent.state]).toEqual([['receive', 'received', 'submit'], 'completed'])
})

it('has no use for it in a small project', async () => {
  const { order } = await submitted(
    () => {},
    async () => {},
  )
  expect(order).toEqual(['submit'])
})
