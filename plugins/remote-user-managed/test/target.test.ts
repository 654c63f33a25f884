import { testTarget } from '@errand/testkit'
import { sshdProblem } from '@errand/testkit/servers'
import { afterAll, describe, it } from 'vitest'
import { remoteSuite, startMachine } from './remote-suite.ts'

const problem = sshdProblem()
const machine = problem === undefined ? await startMachine() : undefined
afterAll(() => machine?.[Symbol.asyncDispose]())

describe.skipIf(problem)(`against a real sshd${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (machine !== undefined) testTarget(it, remoteSuite(machine))
})
