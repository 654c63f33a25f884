import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ErrandError } from '../src/errors.ts'
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

it('keeps what came when some paths are too long, says which are not here, and leaves them where they are', async () => {
  using project = temporaryProject()
  using history = openHistory(project.directory)
  const run = history.create(irisRun)
  const removed: string[] = []
  const place: RunHandle = {
    ...handle,
    async collect(directory) {
      writeFileSync(join(directory, 'model'), 'm')
      throw new ErrandError('PATHS_TOO_LONG', 'These are too long: outputs/d.', { hint: 'Shorten them.' })
    },
    remove: async () => void removed.push(run.id),
  }
  const ended = await finish(history, run, place, { state: 'failed', cause: 'exit', exitCode: 1, reason: 'exit code 1' }, options)
  expect(ended).toMatchObject({
    state: 'failed',
    collected: true,
    removed: false,
    notes: ['These are too long: outputs/d.', 'Shorten them.'],
  })
  expect(history.artifacts(run.id)).toEqual([{ path: 'model', size: 1 }])
  // Another client that saw the end, too, and comes later.
  await finish(history, ended, place, { state: 'failed', cause: 'exit', exitCode: 1, reason: 'exit code 1' }, options)
  expect(removed).toEqual([])
})

it('leaves a run at its place whose history was copied meanwhile: the original has to end it too', async () => {
  using project = temporaryProject()
  using copy = temporaryProject()
  using history = openHistory(project.directory)
  const run = history.create(irisRun)
  cpSync(project.directory, copy.directory, { recursive: true })
  const removed: string[] = []
  const end: RunStatus = { state: 'failed', cause: 'exit', exitCode: 1, reason: 'exit code 1' }
  const placeOf = (name: string): RunHandle => ({ ...handle, remove: async () => void removed.push(name) })
  for (const _ of ['first look', 'second look']) {
    using copied = openHistory(copy.directory)
    const ended = await finish(copied, run, placeOf('copy'), end, options)
    expect(ended).toMatchObject({ state: 'failed', collected: true, removed: false })
    expect(ended.notes).toContainEqual(expect.stringMatching(/^The history was copied/))
    expect(await finish(copied, copied.create(irisRun), placeOf('new'), end, options)).toMatchObject({ removed: true, notes: [] })
  }
  expect(await finish(history, run, placeOf('original'), end, options)).toMatchObject({ removed: true, notes: [] })
  expect(removed).toEqual(['new', 'new', 'original'])
})

const missing = 'FileNotFoundError: [Errno 2] No such file or directory: '
const mend = 'A .amlignore in the project folder counts instead of every .gitignore.'

it.each([
  [`${missing}'data.csv'`, [`data.csv is in your project and was not copied: .gitignore:2 leaves it out. ${mend}`]],
  [
    `${missing}'/home/ann/runs/7/project/sub/other.csv'`,
    [`sub/other.csv is in your project and was not copied: .gitignore:2 leaves it out. ${mend}`],
  ],
  [
    'AnalysisException: Path does not exist: file:/home/ann/runs/7/data.csv;',
    [`data.csv is in your project and was not copied: .gitignore:2 leaves it out. ${mend}`],
  ],
  [
    `${missing}'outputs/model.pkl'`,
    [
      "outputs/model.pkl is in your project and was not copied: errand's own list (outputs: results come back under the run) leaves it out.",
    ],
  ],
  [`${missing}'copied.txt'`, []],
  [`${missing}'nowhere.csv'`, []],
  [`${missing}'../data.csv'`, []],
])('says of a file that was not copied what leaves it out: %s', async (reason, notes) => {
  using project = temporaryProject()
  using history = openHistory(project.directory)
  const run = history.create(irisRun)
  for (const folder of ['sub', 'outputs']) mkdirSync(join(project.directory, folder))
  for (const path of ['data.csv', 'sub/other.csv', 'outputs/model.pkl', 'copied.txt']) writeFileSync(join(project.directory, path), '')
  writeFileSync(join(project.directory, '.gitignore'), '# data\n*.csv\n')
  const ended = await finish(history, run, handle, { state: 'failed', cause: 'exit', exitCode: 1, reason }, options)
  expect(ended.notes).toEqual(notes)
})
