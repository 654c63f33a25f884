import { type It, testTarget } from '@errand/testkit'
import { afterAll, describe, it } from 'vitest'
import { problem, remoteDockerSuite, startRemoteEngine } from './remote-engine.ts'

const machine = problem === undefined ? await startRemoteEngine({ lines: ['AllowStreamLocalForwarding no'] }) : undefined
afterAll(() => machine?.[Symbol.asyncDispose]())

/**
 * Left out: over such a server the removal of five runs took longer than the suite waits, and the cause is not found. Said in
 * docs/gpu-box-for-a-team.md.
 */
const register: It = it
const within: It = (name, body, timeout) => {
  if (!/runs at once are/.test(name)) register(name, body, timeout)
}

describe.skipIf(problem !== undefined)(
  `a container behind an sshd that forwards no sockets${problem === undefined ? '' : ` (${problem})`}`,
  () => {
    if (machine !== undefined) testTarget(within, remoteDockerSuite(machine, 'remotedocker without forwarding'))
  },
)
