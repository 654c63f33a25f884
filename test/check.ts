import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bringCheckParts } from './servers/parts.ts'

/** `./check`: runs every step, says of each how it went, and ends with the line `N passed, N failed`. */

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

interface Step {
  readonly name: string
  readonly command: readonly string[]
  /** Absent: the exit code is one test. */
  readonly count?: (exitCode: number) => Outcome
}

const all = process.argv.includes('--all')
const folder = mkdtempSync(join(tmpdir(), 'errand-check-'))
const report = join(folder, 'vitest.json')
const bin = (name: string) => join('node_modules', '.bin', name)

const steps: readonly Step[] = [
  { name: 'format', command: [bin('oxfmt'), '--check', '.'] },
  { name: 'lint', command: [bin('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'types of tests', command: [bin('tsc'), '-p', 'tsconfig.json'] },
  {
    name: 'tests',
    command: [bin('vitest'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    count: countTests,
  },
]

function countTests(exitCode: number): Outcome {
  // Without a report the runner itself could not start.
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numFailedTestSuites: number
  }
  // A file that could not be loaded has failed without a failed test in it.
  const failed = Math.max(numFailedTests, numFailedTestSuites > 0 && numFailedTests === 0 ? numFailedTestSuites : 0, exitCode === 0 ? 0 : 1)
  return { passed: numPassedTests, failed, skipped: numPendingTests }
}

function run(command: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [program = '', ...parameters] = command
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { stdio: ['ignore', 'inherit', 'inherit'], env: environment })
    child.once('error', () => resolve(127))
    child.once('close', (exitCode) => resolve(exitCode ?? 1))
  })
}

const parts = await bringCheckParts({ all })
const environment = { ...process.env, ...parts, ...(all ? { ERRAND_CHECK: 'all' } : {}) }
const total = { passed: 0, failed: 0, skipped: 0 }
for (const step of steps) {
  const began = performance.now()
  process.stdout.write(`\n== ${step.name}\n`)
  const exitCode = await run(step.command, environment)
  const outcome = step.count?.(exitCode) ?? { passed: exitCode === 0 ? 1 : 0, failed: exitCode === 0 ? 0 : 1, skipped: 0 }
  total.passed += outcome.passed
  total.failed += outcome.failed
  total.skipped += outcome.skipped
  process.stdout.write(`== ${step.name}: ${exitCode === 0 ? 'ok' : 'FAILED'} in ${Math.round((performance.now() - began) / 1000)} s\n`)
}
rmSync(folder, { recursive: true, force: true })
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`)
process.exitCode = total.failed === 0 ? 0 : 1
