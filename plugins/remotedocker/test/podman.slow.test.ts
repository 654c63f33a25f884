import { findingsOf, outputOf } from '@errand/testkit'
import { type Podman, rootlessProblem, startPodman } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openClient, options } from './remote-client.ts'
import { type RemoteEngine, problem as general, startRemoteEngine } from './remote-engine.ts'

const problem = general ?? rootlessProblem()

/** Podman 4.3 lets a command into a container that is about to end, and cuts it off there: asking again helps. */
describe.skipIf(problem !== undefined)(
  `Podman of an ordinary user${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  { retry: 2 },
  () => {
    let podman: Podman
    let machine: RemoteEngine
    beforeAll(async () => {
      podman = await startPodman({ rootless: true })
      machine = await startRemoteEngine({ may: undefined, lines: [`SetEnv XDG_RUNTIME_DIR=${podman.runtime}`] }, podman)
    })
    afterAll(async () => {
      await machine?.[Symbol.asyncDispose]()
      await podman?.[Symbol.asyncDispose]()
    })

    // A network of its own needs /dev/net/tun, which may be root's.
    const newClient = () => openClient(machine, undefined, { network: 'host' })

    it('runs a script in a container of theirs, whose files come back', async () => {
      await using client = newClient()
      const script = "import os\nprint('ran')\nopen('outputs/made', 'w').write('made there')\n"
      const reference = await client.submit(script)
      expect(await outputOf(client.target, reference)).toEqual({ text: 'ran\n', state: 'completed' })
      await using handle = await client.target.attach(reference, options)
      expect(await handle.collect(client.directory, { ...options, include: ['outputs/**'] })).toEqual(['outputs/made'])
      await handle.remove(options)
    })

    it('ends a run that is cancelled', async () => {
      await using client = newClient()
      const reference = await client.submit("import time\nprint('here', flush=True)\ntime.sleep(600)\n")
      let cancelling: Promise<void> | undefined
      const { state } = await outputOf(client.target, reference, (event) => {
        if (event.type === 'log') cancelling ??= client.target.attach(reference, options).then((handle) => handle.cancel(options))
      })
      await cancelling
      expect(state).toBe('cancelled')
    })

    it('is found by itself where the engine of the machine is not there, or not for them', async () => {
      await using client = openClient(machine, undefined, { engine: undefined })
      const engine = (await findingsOf(client.target)).find(({ name }) => name === 'engine')
      expect(engine).toMatchObject({ outcome: 'ok', detail: expect.stringContaining(podman.socket) as string })
    })
  },
)
