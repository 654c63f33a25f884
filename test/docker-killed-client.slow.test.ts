import { readFileSync, writeFileSync } from 'node:fs'
import { type Server, createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { type DockerEngine, dockerProblem, sharedDockerEngine } from '../packages/testkit/dist/servers/index.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeProject, until } from './errand.ts'

/**
 * The client of a run in a container is killed with SIGKILL when it sends a chosen request to the engine, or one to the agent through it, or gets a chosen line.
 * Afterwards the next look must show the true state, the log must be complete, and the script must have run exactly once.
 */

const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`)
const script = (count: string) => `
import time
with open(${JSON.stringify(count)}, "a") as file:
    file.write("started\\n")
for index in range(200):
    print("line %d" % index)
    if index % 20 == 0:
        time.sleep(0.05)
with open("outputs/result.txt", "w") as file:
    file.write("the result")
`

/** `reaches`: whether the engine still gets what the client died over. */
const points = [
  { name: 'before the container is made', at: 'POST /containers/create', reaches: false, started: false },
  { name: 'when the container was made', at: 'POST /containers/create', reaches: true, started: false },
  { name: 'when the container was started', at: '/start HTTP', reaches: true, started: false },
  { name: 'before the run is brought', at: '"call":"stage"', reaches: false, started: false },
  { name: 'while the run is brought', at: '"call":"stage"', reaches: true, started: false },
  // A frame of the engine may begin in the midst of a line. This one begins a hundred lines, and not all of them are cut.
  { name: 'during streaming', at: 'line 1', reaches: true, started: true },
  { name: 'during the collect', at: '"call":"fetch"', reaches: true, started: true },
  { name: 'before it removes what it collected', at: '"call":"remove"', reaches: false, started: true },
  { name: 'before it removes the container', at: 'DELETE /containers/errand-', reaches: false, started: true },
] as const

const problem = dockerProblem()

describe.skipIf(problem !== undefined)(
  `a client of a container, killed with SIGKILL${problem === undefined ? '' : ` (skipped: ${problem})`}`,
  () => {
    let engine: DockerEngine
    let image: string

    beforeAll(async () => {
      engine = await sharedDockerEngine()
      image = await engine.image('python')
    })

    it.each(points)('$name ($at) leaves one run, its whole log and a true record', async ({ at, reaches, started }) => {
      using project = makeProject({
        'data.txt': 'x'.repeat(1000),
        'aml_config/docker.runconfig':
          'Target: docker\nFramework: Python\nManagedEnvironment: false\nPrepareEnvironment: true\nArgumentVector: [$file]\n',
      })
      const count = join(project.directory, '..', 'count')
      const socket = join(project.directory, '..', 'engine.sock')
      writeFileSync(count, '')
      project.write('train.py', script(count))
      const folder = join(project.directory, '..')
      project.write(
        'aml_config/docker.compute',
        `type: docker\nbaseDockerImage: ${image}\nengine: ${socket}\ncontainerOptions: ["-v", "${folder}:${folder}"]\n`,
      )
      const runs = () => readFileSync(count, 'utf8').split('\n').length - 1
      const way = await startWay(engine.socket, socket, at, reaches)

      const killed = project.start('submit', '-c', 'docker', 'train.py')
      way.kill = () => killed.kill('SIGKILL')
      expect((await killed.finished).signal).toBe('SIGKILL')
      way.kill = undefined

      const status = await project.errand('status', 'last')
      expect(status.exitCode, status.stderr).toBe(0)
      const isOver = async () => (await project.errand('status', 'last')).stdout.includes('state : Completed')
      if (started) {
        await until(isOver, 'the run to complete', 120)
      } else {
        expect(status.stdout).toContain('state : NotStarted')
        expect(runs()).toBe(0)
        const id = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout).run_id as string
        const continued = await project.errand('continue', id)
        expect(continued.exitCode, continued.stderr).toBe(0)
      }
      expect(runs()).toBe(1)
      expect((await project.errand('logs', 'last')).stdout).toBe(`${lines.join('\n')}\n`)
      const record = JSON.parse((await project.errand('history', 'last', '-o', 'json')).stdout)
      expect(record).toMatchObject({ status: 'Completed', run_number: 1 })
      const artifact = await project.errand('history', 'info', '-r', record.run_id, '--artifact', 'outputs/result.txt')
      expect(artifact.stdout).toBe('the result')
      way.server.close()
      await engine.api('DELETE', `/containers/errand-${record.run_id}?force=1`).catch(() => undefined)
    })
  },
)

interface Way {
  readonly server: Server
  kill: (() => void) | undefined
}

/** A way to the engine that kills the client once, when this text comes by. */
async function startWay(engine: string, socket: string, text: string, reaches: boolean): Promise<Way> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const there = createConnection({ path: engine, allowHalfOpen: true })
    const [sent, answered] = [passing(text), passing(text)]
    client.on('data', (data) => {
      if (sent(data) && way.kill !== undefined) {
        way.kill()
        way.kill = undefined
        if (!reaches) {
          there.destroy()
          return
        }
      }
      there.write(data)
    })
    client.on('end', () => there.end())
    there.on('data', (data) => {
      if (!answered(data)) return
      way.kill?.()
      way.kill = undefined
    })
    there.pipe(client)
    client.on('error', () => there.destroy())
    client.on('close', () => there.destroy())
    there.on('error', () => client.destroy())
  })
  const way: Way = { server, kill: undefined }
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return way
}

/** Whether a text ends in what comes now, in however many pieces it comes. */
function passing(text: string): (data: Buffer) => boolean {
  let before = ''
  return (data) => {
    const seen = before + data.toString('latin1')
    before = seen.slice(1 - text.length)
    return seen.includes(text)
  }
}
