import { testTarget } from '@errand/testkit'
import { afterAll, describe, it } from 'vitest'
import { problem, remoteDockerSuite, startRemoteEngine } from './remote-engine.ts'

const machine = problem === undefined ? await startRemoteEngine({ lines: ['AllowStreamLocalForwarding no'] }) : undefined
afterAll(() => machine?.[Symbol.asyncDispose]())

/** What comes and goes on the way, and how much of it at once. The others see nothing of the way; without `only` all are made here too. */
const only =
  /check looks|plan says|submit|arrive to the byte|secret variables|working folder holds the project and|metrics come back$|collect brings|exit code 3|100,000 lines|5 MB|by turns|leaving the loop|cancel ends|stubborn tree|time limit|until it is removed|aborted|given up|at once are/

describe.skipIf(problem !== undefined)(
  `a container behind an sshd that forwards no sockets${problem === undefined ? '' : ` (${problem})`}`,
  () => {
    if (machine !== undefined) testTarget(it, { ...remoteDockerSuite(machine, 'remotedocker without forwarding'), only, report: undefined })
  },
)
