import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'

/** What is slow runs only under `./check --all`, which sets ERRAND_CHECK=all. */
const slow = process.env['ERRAND_CHECK'] === 'all' ? [] : ['**/*.slow.test.ts']

export default defineConfig({
  test: {
    include: ['{packages,plugins,apps}/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', ...slow],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    globalSetup: ['test/old-folders.ts'],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Most tests wait for processes: more of them than there are cores keep the cores busy.
    maxWorkers: 4,
    maxConcurrency: 3,
    // Real processes on a machine that others load too: what passes in the end is named in the report, what fails three times fails.
    retry: process.env['CI'] === 'true' ? 2 : 0,
  },
})
