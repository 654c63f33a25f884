import { testTarget } from '@errand/testkit'
import { livyProblem, startYarn } from '@errand/testkit/servers'
import { afterAll, describe, it } from 'vitest'
import { clusterSuite } from './cluster-suite.ts'

const problem = livyProblem()
const yarn = problem === undefined ? await startYarn({ memory: 8192 }) : undefined
afterAll(() => yarn?.stop())

describe.skipIf(problem)(`a real Livy with YARN and HDFS${problem === undefined ? '' : ` (${problem})`}`, () => {
  if (yarn !== undefined) testTarget(it, clusterSuite(yarn))
})
