import { type It, testTarget } from '@errand/testkit'
import { type Podman, dockerProblem, startPodman } from '@errand/testkit/servers'
import { afterAll, describe, it } from 'vitest'
import { dockerSuite } from './docker-suite.ts'

const problem = dockerProblem()

/**
 * Checks that Podman 4.3 passes on the slowest machine too. Of the others those can fail that look at a container in the moment of its end: Podman
 * lets a command in and then cuts it off.
 */
const shown = /prepare twice gives|arguments arrive|variables arrive|two submits with|exit code 3 is/

/** Podman answers to Docker's API; on a busy machine each answer takes seconds. */
describe.skipIf(problem !== undefined)(
  `a container of Podman${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  { retry: 2 },
  async () => {
    if (problem !== undefined) return
    const podman: Podman = await startPodman()
    afterAll(() => podman[Symbol.asyncDispose]())
    const every: It = it
    const some: It = (name, body, timeout) => {
      if (shown.test(name)) every(name, body, timeout)
    }
    testTarget(some, { ...(await dockerSuite(podman)), name: 'podman', patience: 600 })
  },
)
