import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorMessage } from '@errand/core'
import { type Breakage, breakTarget, testTarget } from '@errand/testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { localSuite } from './local-suite.ts'

const folder = process.env['ERRAND_CONFORMANCE']
/** How each row of the table went, for the page. */
const faults: { breakage: string; check: string; said: string; noticed: boolean }[] = []
afterAll(() => {
  if (folder !== undefined && faults.length === table.length) writeFileSync(join(folder, 'broken.json'), JSON.stringify({ faults }))
})

const suite = { ...localSuite(), name: 'broken' }

type Body = () => Promise<void>

/** The suite as a list: its checks of this target, or of the target with one thing wrong. */
function checksOf(breakage?: Breakage, patience?: number): ReadonlyMap<string, Body> {
  const checks = new Map<string, Body>()
  const definition = breakage === undefined ? suite.definition : breakTarget(suite.definition, breakage)
  testTarget((name, body) => void checks.set(name.replace('broken: ', ''), body), {
    ...suite,
    definition,
    ...(breakage === 'starts anew in each process' ? { module: new URL('./starts-anew.ts', import.meta.url) } : {}),
    ...(patience ? { patience } : {}),
  })
  return checks
}

const manyLines = '100,000 lines on two streams are read from any saved cursor without a gap or a repeat'
const secondSubmit = 'a second submit with the same run id gives the first run, while it runs and after its end'
const submitsAtOnce = 'two submits with the same run id at once give one run'
const submitsFromProcesses = 'two processes that submit with the same run id at once start one run'
const find = 'find knows a started run, and neither another nor one of another project'
const secrets = 'secret variables reach the script and are told and kept nowhere'
const comesBack = 'files, folders and metrics come back'
const comesBackAfterFailure = 'files, folders and metrics come back after a failure as well'
const cancels = 'cancel ends a running run, twice is as good as once, and what it wrote so far is kept'
const leftover = 'a run is among the leftovers until it is removed, and twice removed is removed'
const abortedSignal = 'a call with an aborted signal does nothing'

/** What is wrong, the check that must notice, and what it must say. */
const table: readonly (readonly [Breakage, string, RegExp])[] = [
  ['looks at nothing', 'check looks at something, finds nothing wrong and leaves nothing', /at least one finding/],
  ['starts with plan', 'plan says what would be done and changes nothing', /planned run is not there/],
  ['makes a new key each time', 'prepare twice gives the same key, which plan then calls ready', /environmentKey/],
  ['starts again at a second submit', secondSubmit, /started once/],
  ['starts again at a second submit', submitsAtOnce, /started once/],
  ['starts anew in each process', submitsFromProcesses, /\+ actual - expected/],
  ['finds nothing', find, /\+ undefined/],
  ['finds the runs of every project', find, /not found for another/],
  ['drops options', 'run options are refused by a type that has none', /never dropped/],
  ['splits arguments at blanks', 'arguments arrive to the byte', / !== \d+/],
  ['trims variables', 'variables arrive to the byte', /variable errand_testkit_blanks/],
  ['tells secrets', secrets, /no progress/],
  ['tells secrets in errors', secrets, /no error/],
  ['keeps secrets with the request', secrets, /no file of the place/],
  ['loses empty folders', 'the working folder holds the project and nothing else but outputs', /empty folder/],
  [
    'takes a head start for the project',
    'the working folder holds the project also after a head start with what it was before',
    /code\/gone\.py/,
  ],
  ["writes into the user's project", "the script works in a copy: the user's own project stays as it is", /trace/],
  ['chooses run ids itself', 'the script knows its run id and has nothing to read from', /-mine/],
  ['drops metrics', comesBack, /metric/],
  ['collects after success alone', comesBackAfterFailure, /model\.bin/],
  ['collects everything', 'collect brings what its globs name and no file of the project', /outputs\/deep\/tool/],
  ['refuses to collect nothing', 'collect with nothing to bring brings nothing', /nothing to collect/],
  ['ends twice', 'exit code 0 is completed, with the times of its start and end', /ends once/],
  ['loses exit codes', 'exit code 1 is a failure with that code', /undefined !== 1/],
  ['loses exit codes', 'exit code 3 is a failure with that code', /undefined !== 3/],
  ['loses exit codes', 'exit code 137 is a failure with that code', /undefined !== 137/],
  ['calls a signal an exit', 'a signal is a failure with the name of the signal', /'exit' !== 'signal'/],
  ['gives no reasons', 'too little memory is told as such', /MemoryError/],
  ['shows frames of its own', 'an exception shows the frames of the user alone, and names itself in the reason', /runner\.py/],
  ['skips an event after a cursor', manyLines, /bytes instead of/],
  ['repeats the event of a cursor', manyLines, /bytes instead of/],
  [
    'tells bytes as text',
    'bytes that are no UTF-8 arrive as they are, and characters that were written in pieces are whole',
    /bytes instead of/,
  ],
  ['cuts long output', '5 MB in one line arrive whole', /4000000 bytes instead of 5000000/],
  ['tells the streams one after the other', 'what is written to the two streams by turns is told in that order', /\+ actual - expected/],
  ['stops with its reader', 'leaving the loop of events leaves the run alone', /\+ 'cancelled'/],
  ['cancels what was read alone', 'cancel right after the submit ends the run, started or not', /not over after/],
  ['cancels once', cancels, /has been cancelled/],
  [
    'says cancelled at once',
    'cancel of a stubborn tree of processes leaves none of them alive',
    /nothing of a run that has ended is alive/,
  ],
  ['cancels what has ended', 'cancel after the end changes nothing', /\+ +state: 'cancelled'/],
  ['ignores time limits', 'a time limit ends a run and all its processes', /not over after/],
  ['keeps what it removes', leftover, /runId/],
  ['removes once', leftover, /has been removed/],
  ['keeps leftovers', 'a leftover run can be removed by its id', /- 'lost'/],
  ['says failed for lost', 'a run that the place does not know is lost, which is not failed', /'failed' !== 'lost'/],
  ['ignores aborts', 'an aborted call rejects and leaves the target and the run as they are', /not over after/],
  ['ignores aborts', abortedSignal, /status rejects/],
  ['does what was aborted', abortedSignal, /find rejects/],
  ['ends all calls with one', 'a call that is aborted takes no other with it', /given up/],
  ['keeps what was given up', 'calls that are given up on their way free what they held', /nothing is held/],
  ['mixes up runs', '20 runs at once are 20 runs', /run-0 0/],
]

/** Seconds for a check whose way of noticing is that something does not come. */
const impatience = 8
const noticedByWaiting = new Set(['not over after', 'nothing is held'])

describe('a target with one thing wrong fails the check of that', () => {
  for (const [breakage, name, says] of table) {
    it(`${breakage}: ${name}`, async () => {
      const check = checksOf(breakage, noticedByWaiting.has(says.source) ? impatience : undefined).get(name)
      expect(check).toBeDefined()
      const said = await check?.().then(
        () => '',
        (error: unknown) => errorMessage(error),
      )
      faults.push({ breakage, check: name, said: said?.split('\n').find((line) => says.test(line)) ?? '', noticed: says.test(said ?? '') })
      expect(said).toMatch(says)
    })
  }
})

it('every check of a running target is failed by one of them', () => {
  const failed = new Set(table.map(([, name]) => name))
  const others = [...checksOf().keys()].filter((name) => !failed.has(name))
  expect(others).toEqual([
    // What a definition says is broken in the tests of the kit itself.
    'the definition says its contract, its type, a summary and what it can do',
    'importing the definition loads neither the implementation nor an SDK',
    'a good configuration is accepted and a bad one refused with the path of what is wrong',
    'the configuration and the run options print JSON Schema',
    // No wrapper around a target can move a script.
    "the script's folder is first on sys.path, the project's root is last, and argv[0] is the script's path",
  ])
})
