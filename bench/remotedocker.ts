import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type DelayLine,
  type DockerEngine,
  type Sshd,
  startDelayLine,
  startDockerEngine,
  startSshd,
} from '../packages/testkit/dist/servers/index.js'
import { fill } from './files.ts'
import { type Command, type Figure, inTurn, measure, row } from './measure.ts'

/** A machine with an engine behind SSH, and the same done by hand. */
interface Machine extends AsyncDisposable {
  readonly server: Sshd
  readonly line: DelayLine
  readonly engine: DockerEngine
  readonly image: string
  /** Its folder `client` has an `ssh` that logs in there without a question, as `docker` calls it. */
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
}

const calls = 40

async function startMachine(scratch: string, milliseconds: number, engine: DockerEngine): Promise<Machine> {
  const line = await startDelayLine(milliseconds)
  const lines = [`SetEnv DOCKER_HOST=unix://${engine.socket}`]
  const server = await startSshd({ may: 'docker', lines, network: line })
  const directory = join(scratch, `remote-docker-${milliseconds}`)
  const client = join(directory, 'client')
  mkdirSync(client, { recursive: true, mode: 0o700 })
  const options = `-q -i ${server.key.file} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=${client}/known`
  writeFileSync(join(client, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`, { mode: 0o755 })
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${client}:${process.env['PATH']}`,
    HOME: client,
    ERRAND_CONFIG: client,
    ERRAND_KEYCHAIN: 'off',
  }
  for (const name of ['SSH_AUTH_SOCK', 'DOCKER_HOST', 'ERRAND_HOME', 'PYTHONUNBUFFERED']) delete environment[name]
  return {
    server,
    line,
    engine,
    image: await engine.image('python'),
    directory,
    environment,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await line[Symbol.asyncDispose]()
    },
  }
}

function makeProject(errand: string, { server, engine, image, directory, environment }: Machine, name: string): string {
  const project = join(directory, name)
  mkdirSync(join(project, 'aml_config'), { recursive: true })
  writeFileSync(join(project, 'train.py'), 'pass\n')
  const compute = [
    'type: remotedocker',
    `address: ${server.address}:${server.port}`,
    `username: ${server.user}`,
    `privateKey: ${server.key.file}`,
    `baseDockerImage: ${image}`,
    `engine: unix://${engine.socket}`,
    'userManagedEnvironment: true',
  ]
  writeFileSync(join(project, 'aml_config/box.compute'), `${compute.join('\n')}\n`)
  writeFileSync(join(project, 'aml_config/box.runconfig'), 'Target: box\nFramework: Python\nArgumentVector: [$file]\n')
  const words = ['computetarget', 'attach', 'remotedocker', '-n', 'box', '--accept-host-key', server.hostKeys[0]?.fingerprint ?? '']
  execFileSync(errand, words, { cwd: project, env: environment, stdio: 'pipe' })
  return project
}

const shell = ({ environment }: Machine, script: string): Command => ({
  name: 'by hand',
  command: ['/bin/sh', '-ec', script],
  env: environment,
})

async function engineCalls(machine: Machine): Promise<readonly [Figure, Figure, Figure]> {
  const { server, engine, environment } = machine
  const hand = shell(
    machine,
    `for call in $(seq ${calls}); do docker --host ssh://${server.user}@${server.address}:${server.port} ps; done`,
  )
  const program = resolve(import.meta.dirname, 'engine-calls.ts')
  const words = [`${server.address}:${server.port}`, server.user, server.key.file, server.hostKeys[0]?.fingerprint ?? '', engine.socket]
  const ours = (order: 'in-turn' | 'at-once'): Command => ({
    name: 'engine calls',
    command: [process.execPath, program, ...words, String(calls), order],
    env: environment,
  })
  return (await inTurn([hand, ours('in-turn'), ours('at-once')], 3)) as unknown as readonly [Figure, Figure, Figure]
}

const submit = (errand: string, { environment }: Machine, cwd: string): Command => ({
  name: 'errand submit',
  command: [errand, 'experiment', 'submit', '-c', 'box', 'train.py'],
  cwd,
  env: environment,
})

async function trivial(errand: string, machine: Machine): Promise<readonly [Figure, Figure]> {
  const { server, image } = machine
  const project = makeProject(errand, machine, 'trivial')
  const script = `ssh -p ${server.port} ${server.user}@${server.address} docker run --rm ${image} python3 -c pass`
  return (await inTurn([shell(machine, script), submit(errand, machine, project)], 7)) as unknown as readonly [Figure, Figure]
}

async function unchanged(errand: string, machine: Machine): Promise<void> {
  const project = makeProject(errand, machine, 'large')
  fill(project, 20_000, 25_000)
  const again = submit(errand, machine, project)
  await measure(again)
  const before = machine.line.sent()
  const figure = await measure(again)
  const sent = Math.round((machine.line.sent() - before) / 1000)
  const [hand] = await inTurn([shell(machine, `ssh -p ${machine.server.port} ${machine.server.user}@${machine.server.address} true`)], 3)
  if (hand) row(`second submit of 20,000 files / 500 MB, 50 ms away (${sent} kB sent) / \`ssh box true\``, figure, hand, '< 100 kB')
}

/** A container on a machine behind SSH, at 0 and 50 ms of round trip, each figure beside what `docker` and `ssh` do by hand. */
export async function remoteDocker(errand: string, scratch: string): Promise<void> {
  await using engine = await startDockerEngine()
  const far = 50
  const submits: (readonly [Figure, Figure])[] = []
  for (const milliseconds of [0, far]) {
    await using machine = await startMachine(scratch, milliseconds, engine)
    const [docker, inOrder, atOnce] = await engineCalls(machine)
    for (const [order, ours] of [
      ['one after the other', inOrder],
      ['at once', atOnce],
    ] as const) {
      const faster = `${(docker.seconds / ours.seconds).toFixed(1)} times faster`
      row(
        `${calls} engine calls, ${order}, ${milliseconds} ms away / \`docker\` with ssh:// (${faster})`,
        ours,
        docker,
        '>= 20 times faster',
      )
    }
    const [hand, run] = await trivial(errand, machine)
    row(`trivial submit, ${milliseconds} ms away / \`ssh box docker run --rm\``, run, hand, '')
    submits.push([hand, run])
    if (milliseconds === far) await unchanged(errand, machine)
  }
  const [near, away] = submits
  if (near === undefined || away === undefined) return
  const trips = ([0, 1] as const).map((which) => ((away[which].seconds - near[which].seconds) * 1000) / far)
  console.log(`\nRound trips of a trivial submit: ${trips[1]?.toFixed(1)}; by hand: ${trips[0]?.toFixed(1)} (aim: at most 8 more).\n`)
}
