import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { bringCheckParts } from './servers/parts.ts'

/** `./check`: runs every step, says of each how it went, and ends with the line `N passed, N failed`. */

interface Outcome {
  readonly passed: number
  readonly skipped: number
  /** What failed, a line each: who sees only the end of a long log has to find it there. */
  readonly failures: readonly string[]
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
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
  if (!existsSync(report)) return { passed: 0, skipped: 0, failures: ['the test runner did not start'] }
  const { numPassedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  const failures = testResults.filter(({ status }) => status === 'failed').flatMap(failuresOf)
  if (failures.length === 0 && exitCode !== 0) failures.push(`the test runner ended with ${exitCode}`)
  return { passed: numPassedTests, skipped: numPendingTests, failures }
}

function failuresOf({ name, assertionResults }: Report['testResults'][number]): string[] {
  const file = relative(process.cwd(), name)
  const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => `${file}: ${fullName}`)
  return failed.length > 0 ? failed : [`${file} could not be run to its end`]
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
const total = { passed: 0, skipped: 0 }
const failures: string[] = []
for (const step of steps) {
  const began = performance.now()
  process.stdout.write(`\n== ${step.name}\n`)
  const exitCode = await run(step.command, environment)
  const outcome = step.count?.(exitCode) ?? {
    passed: exitCode === 0 ? 1 : 0,
    skipped: 0,
    failures: exitCode === 0 ? [] : [step.name],
  }
  total.passed += outcome.passed
  total.skipped += outcome.skipped
  failures.push(...outcome.failures)
  process.stdout.write(`== ${step.name}: ${exitCode === 0 ? 'ok' : 'FAILED'} in ${Math.round((performance.now() - began) / 1000)} s\n`)
}
rmSync(folder, { recursive: true, force: true })
process.stdout.write(`\n${failures.map((failure) => `failed: ${failure}\n`).join('')}`)
process.stdout.write(`${total.passed} passed, ${failures.length} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
