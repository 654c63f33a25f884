import { testTarget } from '@errand/testkit'
import { dockerProblem, sharedDockerEngine } from '@errand/testkit/servers'
import { describe, it } from 'vitest'
import { dockerSuite } from './docker-suite.ts'

const problem = dockerProblem()

describe.skipIf(problem !== undefined)(`a container${problem === undefined ? '' : ` (skipped: ${problem})`}`, async () => {
  if (problem === undefined) testTarget(it, await dockerSuite(await sharedDockerEngine()))
})
