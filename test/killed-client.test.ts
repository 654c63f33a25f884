import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeProject, repository, until } from './errand.ts'

/**
 * The client is killed with SIGKILL at chosen calls of the protocol between it and the agent. Afterwards the next look must show the true
 * state, the log must be complete, and the script must have run exactly once (or, where it had not started, once after `continue`).
 */

const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`)
const script = `
import os, time
with open(os.environ["ERRAND_TEST_COUNT"], "a") as file:
    file.write("started\\n")
for index in range(200):
    print("line %d" % index)
    if index % 20 == 0:
        time.sleep(0.05)
with open("outputs/result.txt", "w") as file:
    file.write("the result")
`

const points = [
  { name: 'before the submit', at: 'request:stage', started: false },
  { name: 'during staging', at: 'done:stage:1', started: false },
  { name: 'when it asks for the start', at: 'request:stage:2', started: false },
  { name: 'just after the start', at: 'done:stage:2', started: true },
  { name: 'during streaming', at: 'done:read:3', started: true },
  { name: 'during the collect', at: 'request:fetch', started: true },
  { name: 'in the midst of the collect', at: 'done:fetch', started: true },
  { name: 'before it removes what it collected', at: 'request:remove', started: true },
]

describe('a client killed with SIGKILL', () => {
  for (const { name, at, started } of points) {
    it(`${name} (${at}) leaves one run, its whole log and a true record`, async () => {
      const interpreter = join(repository, 'test/fixtures/python-that-kills.py')
      using project = makeProject({
        'train.py': script,
        'data.txt': 'x'.repeat(1000),
        'aml_config/local.compute': `type: local\npythonLocation: ${interpreter}\n`,
      })
      const count = join(project.home, '..', 'count')
      const mark = join(project.home, '..', 'mark')
      writeFileSync(count, '')
      Object.assign(project.environment, { ERRAND_KILL_AT: at, ERRAND_KILL_MARK: mark, ERRAND_TEST_COUNT: count })
      const runs = () => readFileSync(count, 'utf8').split('\n').length - 1

      const killed = await project.errand('submit', '-c', 'local', 'train.py')
      expect(killed.signal).toBe('SIGKILL')
      expect(existsSync(mark)).toBe(true)

      const status = await project.errand('status', 'last')
      expect(status.exitCode, status.stderr).toBe(0)
      if (started) {
        await until(async () => (await project.errand('status', 'last')).stdout.includes('state : Completed'), 'the run to complete')
      } else {
        expect(status.stdout).toContain('state : NotStarted')
        expect(runs()).toBe(0)
        const id = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout).run_id as string
        const continued = await project.errand('continue', id)
        expect(continued.exitCode, continued.stderr).toBe(0)
      }
      expect(runs()).toBe(1)

      const logs = await project.errand('logs', 'last')
      expect(logs.stdout).toBe(`${lines.join('\n')}\n`)
      const record = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout)
      expect(record).toMatchObject({ status: 'Completed', run_number: 1 })
      expect(record.attachments).toContain('outputs/result.txt')
      const artifact = await project.errand('history', 'info', '-r', record.run_id, '--artifact', 'outputs/result.txt')
      expect(artifact.stdout).toBe('the result')
      expect(JSON.parse((await project.errand('history', 'list', '-o', 'json')).stdout)).toHaveLength(1)
    })
  }
})
