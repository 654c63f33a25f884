import type { Environment } from '@errand/core'
import { testTarget } from '@errand/testkit'
import { dockerProblem, makeChannelImage, sharedDockerEngine } from '@errand/testkit/servers'
import { describe, it } from 'vitest'
import { dockerSuite } from './docker-suite.ts'

const problem = dockerProblem()

/** Every run starts in an image that was built of a conda file: a Python of a channel, and a pip section. */
describe.skipIf(problem !== undefined)(
  `a container with an environment${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  async () => {
    if (problem !== undefined) return
    const engine = await sharedDockerEngine()
    const { name, channel, python } = await makeChannelImage(engine, `managed-${process.pid}:1`)
    const environment: Environment = {
      kind: 'conda',
      file: 'aml_config/conda_dependencies.yml',
      text: '',
      localFiles: [],
      canonical: { channels: [channel], conda: [`python=${python}`, 'greeter'], pip: ['six==1.17.0'], pipOptions: [] },
    }
    const suite = await dockerSuite(engine, name)
    // The first check that prepares waits for the solver.
    testTarget(it, { ...suite, name: 'docker with an environment', environment, patience: 600 })
  },
)
