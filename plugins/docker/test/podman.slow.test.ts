import { testTarget } from '@errand/testkit'
import { type Podman, dockerProblem, startPodman } from '@errand/testkit/servers'
import { afterAll, describe, it } from 'vitest'
import { dockerSuite } from './docker-suite.ts'

const problem = dockerProblem()

/** Podman answers to Docker's API; on a busy machine each answer takes seconds. */
describe.skipIf(problem !== undefined)(`a container of Podman${problem === undefined ? '' : ` (skipped: ${problem})`}`, async () => {
  if (problem !== undefined) return
  const podman: Podman = await startPodman()
  afterAll(() => podman[Symbol.asyncDispose]())
  testTarget(it, { ...(await dockerSuite(podman)), name: 'podman', patience: 600, runsAtOnce: 5 })
})
