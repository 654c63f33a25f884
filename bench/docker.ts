import { mkdirSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { startDockerEngine } from '../packages/testkit/dist/servers/index.js'
import { fill } from './files.ts'
import { type Command, inTurn, measure, row } from './measure.ts'

export interface DockerBench {
  readonly errand: string
  /** Deleted by the caller. */
  readonly scratch: string
  readonly environment: NodeJS.ProcessEnv
}

/**
 * Runs in containers against `docker run` of the same image, on an engine of its own: of a script that does nothing, or the second of an
 * unchanged large project. Needs root and the `docker` program.
 */
export async function dockerRuns({ errand, scratch, environment }: DockerBench, what: 'trivial' | 'unchanged'): Promise<void> {
  await using engine = await startDockerEngine()
  const image = await engine.image('python')
  const project = (name: string, socket: string): string => {
    const directory = join(scratch, name)
    mkdirSync(join(directory, 'aml_config'), { recursive: true })
    writeFileSync(join(directory, 'aml_config/docker.compute'), `type: docker\nbaseDockerImage: ${image}\nengine: ${socket}\n`)
    writeFileSync(
      join(directory, 'aml_config/docker.runconfig'),
      'Target: docker\nFramework: Python\nManagedEnvironment: false\nArgumentVector: [$file]\n',
    )
    writeFileSync(join(directory, 'train.py'), 'pass\n')
    return directory
  }
  const command = (directory: string, ...words: string[]): Command => ({
    name: words.join(' '),
    command: [errand, 'experiment', ...words],
    cwd: directory,
    env: environment,
  })
  const run: Command = {
    name: 'docker run',
    command: ['docker', '--host', `unix://${engine.socket}`, 'run', '--rm', image, 'python3', '-c', 'pass'],
  }
  const submit = (directory: string) => command(directory, 'submit', '-c', 'docker', 'train.py')
  if (what === 'trivial') {
    const directory = project('docker-trivial', engine.socket)
    const [plain, submitted, prepared] = await inTurn([run, submit(directory), command(directory, 'prepare', '-c', 'docker')], 9)
    if (!plain || !submitted || !prepared) return
    row('trivial submit in a container / `docker run --rm`', submitted, plain, '<= 500 ms over')
    row('unchanged prepare / `docker run --rm`', prepared, plain, '<= 300 ms in all')
    return
  }
  const counter = await countingSocket(engine.socket, join(scratch, 'counted.sock'))
  const directory = project('docker-large', counter.socket)
  fill(directory, 20_000, 25_000)
  await measure(submit(directory))
  const first = counter.sent()
  await measure(submit(directory))
  const bytes = `${Math.round(first / 1e6)} MB sent first, then ${Math.round((counter.sent() - first) / 1000)} KB`
  const [plain, second] = await inTurn([run, submit(directory)], 3)
  if (plain && second)
    row(`second submit in a container, 20,000 files / 500 MB / \`docker run --rm\` (${bytes})`, second, plain, '<= 2000 ms over, < 100 KB')
  counter.close()
}

/** A way to the engine that counts what is sent to it. */
async function countingSocket(engine: string, socket: string): Promise<{ readonly socket: string; sent(): number; close(): void }> {
  let sent = 0
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const there = createConnection({ path: engine, allowHalfOpen: true })
    client.on('data', (data) => (sent += data.length))
    client.pipe(there)
    there.pipe(client)
    client.on('error', () => there.destroy())
    there.on('error', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return { socket, sent: () => sent, close: () => server.close() }
}
