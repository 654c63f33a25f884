import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testTarget } from '@errand/testkit'
import { afterAll, it } from 'vitest'
import definition from '../src/target.ts'

const folder = mkdtempSync(join(tmpdir(), 'mytarget-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
// Seconds that a run has to end by itself when it is cancelled: thirty for users, one for these tests.
process.env['ERRAND_CANCEL_GRACE'] = '1'

// A real place for the tests: `nice` leads to this machine. What every target must do is asked of it.
testTarget(it, {
  name: 'mytarget',
  definition,
  module: new URL('../src/target.ts', import.meta.url),
  heavy: ['./implementation.ts', '@errand/process-engine'],
  config: { command: ['nice', '-n', '5'], errandHome: join(folder, 'home') },
  badConfigs: [
    { config: {}, path: ['command'] },
    { config: { command: 'nice' }, path: ['command'] },
  ],
  grace: 1,
  // ERRAND_CONFORMANCE=conformance npm test: a table of what was shown, and a badge for the readme.
  report: process.env['ERRAND_CONFORMANCE'],
})
