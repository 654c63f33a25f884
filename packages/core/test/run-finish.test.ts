import { expect, it } from 'vitest'
import { openHistory } from '../src/history/index.ts'
import { finish } from '../src/run/finish.ts'
import type { RunHandle, RunStatus } from '../src/target.ts'
import { irisRun, temporaryProject } from './history-fixture.ts'

const options = { signal: new AbortController().signal, report: () => {} }

/** A place that has nothing to bring. */
const handle: RunHandle = {
  status: () => Promise.reject(new Error('not asked')),
  async *events() {},
  async cancel() {},
  collect: async () => [],
  async remove() {},
  async [Symbol.asyncDispose]() {},
}

const hour = 3_600_000
const cases: readonly (readonly [what: string, offset: number, note: RegExp | undefined])[] = [
  ['two hours behind', -2 * hour, /^The clock of local is 2 hours behind this machine's\./],
  ['two hours ahead', 2 * hour, /^The clock of local is 2 hours ahead of this machine's\./],
  ['five minutes ahead', hour / 12, /^The clock of local is 5 minutes ahead of/],
  ['as good as right', 20_000, undefined],
]

for (const [what, offset, note] of cases) {
  it(`times of a run are its place's; a clock that is ${what} ${note === undefined ? 'gets no word' : 'gets a note'}`, async () => {
    using project = temporaryProject()
    using history = openHistory(project.directory)
    const run = history.create(irisRun)
    const at = (milliseconds: number) => new Date(Date.now() + offset + milliseconds).toISOString()
    const status: RunStatus = { state: 'completed', startedAt: at(0), endedAt: at(4000) }
    const ended = await finish(history, run, handle, status, options)
    expect([ended.startedAt, ended.endedAt]).toEqual([status.startedAt, status.endedAt])
    if (note === undefined) expect(ended.notes).toEqual([])
    else expect(ended.notes).toEqual([expect.stringMatching(note)])
  })
}
