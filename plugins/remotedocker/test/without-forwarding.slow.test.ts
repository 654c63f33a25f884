import { testTarget } from '@errand/testkit'
import { afterAll, describe, it } from 'vitest'
import { problem, remoteDockerSuite, startRemoteEngine } from './remote-engine.ts'

const machine = problem === undefined ? await startRemoteEngine({ lines: ['AllowStreamLocalForwarding no'] }) : undefined
afterAll(() => machine?.[Symbol.asyncDispose]())

describe.skipIf(problem !== undefined)(
  `a container behind an sshd that forwards no sockets${problem === undefined ? '' : ` (${problem})`}`,
  () => {
    if (machine !== undefined) testTarget(it, remoteDockerSuite(machine, 'remotedocker without forwarding'))
  },
)
