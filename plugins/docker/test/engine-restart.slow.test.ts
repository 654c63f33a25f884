import { type DockerEngine, dockerProblem, startDockerEngine } from '@errand/testkit/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { followIn, openClient, untilItPrints } from './docker-client.ts'

const problem = dockerProblem()
const script = 'import time\nfor number in range(100):\n    print(number, flush=True)\n    time.sleep(0.1)\n'
const whole = Array.from({ length: 100 }, (_, number) => `${number}\n`).join('')

describe.skipIf(problem !== undefined)(
  `an engine that is restarted during a run${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  () => {
    let engine: DockerEngine

    beforeAll(async () => {
      process.env['ERRAND_CANCEL_GRACE'] = '1'
      engine = await startDockerEngine()
    })
    afterAll(() => engine.stop())

    it('ends it, and says so to who follows it and to who comes later', async () => {
      await using client = await openClient(engine)
      const reference = await client.submit(await client.request({ 'main.py': script }))
      await using target = client.open()
      await untilItPrints(target, reference)
      const following = followIn(target, reference)
      await engine.restart()
      const { status, stdout } = await following
      expect(status).toMatchObject({ state: 'failed', cause: 'machine' })
      expect(whole.startsWith(stdout) && stdout !== '').toBe(true)
      expect(await client.follow(reference)).toMatchObject({ status, stdout })
    })

    it('is started once more by nobody: the next run is a run of its own', async () => {
      await using client = await openClient(engine)
      const reference = await client.submit(await client.request({ 'main.py': "print('ran')\n" }))
      expect(await client.follow(reference)).toMatchObject({ status: { state: 'completed' }, stdout: 'ran\n' })
    })
  },
)
