import type { Environment } from '@errand/core'
import { testTarget } from '@errand/testkit'
import { dockerProblem, makeChannelImage, sharedDockerEngine } from '@errand/testkit/servers'
import { describe, expect, it } from 'vitest'
import { openClient } from './docker-client.ts'
import { dockerSuite } from './docker-suite.ts'

const problem = dockerProblem()

/** What an environment could change. All checks pass with one as well; the others see nothing of it. */
const only =
  /plan says|prepare twice|second submit|arrive to the byte|secret variables|working folder holds the project and|sys\.path|metrics come back$|exit code 3|too little memory|cancel ends|stubborn tree|time limit/

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
      canonical: { channels: [channel], conda: [`python=${python}`, 'greeter', 'activator'], pip: ['six==1.17.0'], pipOptions: [] },
    }
    const suite = await dockerSuite(engine, name)
    // The first check that prepares waits for the solver.
    const script = `
import os, subprocess, six
print(six.__version__, subprocess.check_output(["greeter"], universal_newlines=True).strip())
print(open(os.environ["ACTIVATOR_DATA"] + "/data.txt").read().strip(), os.environ["ACTIVATOR_PLAIN"], os.environ["ACTIVATOR_GIVEN"])
`
    it('gives a script its packages and programs, and what their own scripts set', async () => {
      await using client = await openClient(engine)
      const request = await client.request({ 'main.py': script }, { environment, variables: { ACTIVATOR_GIVEN: 'by the user' } })
      const { status, stdout, control } = await client.follow(await client.submit(request, { baseDockerImage: name }))
      expect([status.state, stdout], control).toEqual(['completed', `1.17.0 greeter 2.0.0 on ${python}\ndata from a file by the user\n`])
      expect(control).toContain('Activated the environment with activator.sh.')
    }, 600_000)

    testTarget(it, { ...suite, name: 'docker with an environment', environment, patience: 600, only, report: undefined })
  },
)
