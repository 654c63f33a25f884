import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BaseImage, type BaseImageName, baseImage } from './base-image.ts'
import { bringDebianPackages } from './debian-packages.ts'
import { engineRequest } from './engine-api.ts'

/** A real Docker engine of our own: socket, data and network are not those of any other engine of the machine. */
export interface DockerEngine extends AsyncDisposable {
  readonly socket: string
  /** Calls the engine beside the client that is tested: `api('GET', '/containers/json?all=1')`. */
  api<Answer>(method: string, path: string, body?: object): Promise<Answer>
  /** Name of an image, which is made when the engine does not have it. */
  image(name: BaseImageName): Promise<string>
  /** What the engine has written to its log. */
  log(): string
  /** Has the engine end, with its containers, and starts it again. */
  restart(): Promise<void>
  /** Ends the engine and all that runs in its containers in one blow, as a machine does that goes down, and starts it again. */
  reboot(): Promise<void>
  /** Gives it up. A shared engine ends with the last process that uses it. */
  stop(): Promise<void>
}

/** Why no engine can be started here; undefined when one can. In CI it throws instead: there the tests must run. */
export function dockerProblem(): string | undefined {
  const problem =
    process.platform !== 'linux'
      ? 'needs Linux'
      : process.getuid?.() !== 0
        ? 'needs root to start a Docker engine of its own'
        : hasProgram('dockerd') || existsSync('/usr/bin/apt-get')
          ? undefined
          : 'needs dockerd (Debian: docker.io)'
  if (problem !== undefined && process.env['CI'] === 'true') throw new Error(`The tests with a real Docker engine can't run: ${problem}`)
  return problem
}

const hasProgram = (name: string): boolean => ['/usr/bin', '/usr/sbin', '/usr/local/bin'].some((folder) => existsSync(join(folder, name)))

/**
 * The engine that all tests of a checkout share: started by the first that asks, ended when the last test runner that asked has ended. Its
 * images named `errand-test/…` stay in `.toolchain/parts/docker` for the next time; what tests made is removed when the engine starts again.
 */
export async function sharedDockerEngine(): Promise<DockerEngine> {
  const directory = sharedDirectory()
  // The runner of the tests outlives its workers, each of which is one file's.
  const user = process.env['VITEST_POOL_ID'] === undefined ? process.pid : process.ppid
  const engine = await openEngine({ directory, user, data: 'keep' })
  await cleanOnce(engine, directory)
  return { ...engine, stop: async () => {}, [Symbol.asyncDispose]: async () => {} }
}

/** Takes away what the tests before this start left. */
async function cleanOnce({ socket, api }: DockerEngine, directory: string): Promise<void> {
  const release = await holdLock(join(directory, 'images.lock'))
  try {
    const marker = join(dirname(socket), 'cleaned')
    if (existsSync(marker)) return
    const containers = await api<{ Id: string }[]>('GET', '/containers/json?all=1')
    await Promise.all(containers.map(({ Id }) => api('DELETE', `/containers/${Id}?force=1&v=1`)))
    const { Volumes } = await api<{ Volumes: { Name: string }[] | null }>('GET', '/volumes')
    await Promise.all((Volumes ?? []).map(({ Name }) => api('DELETE', `/volumes/${Name}?force=1`)))
    for (const { Id, RepoTags } of await api<{ Id: string; RepoTags: string[] | null }[]>('GET', '/images/json'))
      // What another image needs stays until the next time.
      if (RepoTags?.some((tag) => tag.startsWith('errand-test/')) !== true)
        await api('DELETE', `/images/${Id}?force=1`).catch(() => undefined)
    writeFileSync(marker, '')
  } finally {
    release()
  }
}

/**
 * An engine of the caller's own, for tests that break it. Ends with `stop` or `await using`, and with this process.
 * `disk`: all room that it has for images and containers, like `200m`.
 */
export async function startDockerEngine({ disk = '' }: { readonly disk?: string } = {}): Promise<DockerEngine> {
  return openEngine({ directory: mkdtempSync(join(tmpdir(), 'errand-docker-')), user: process.pid, data: 'forget', disk })
}

function sharedDirectory(): string {
  for (let folder = process.cwd(); dirname(folder) !== folder; folder = dirname(folder))
    if (existsSync(join(folder, '.toolchain'))) return join(folder, '.toolchain', 'parts', 'docker')
  return join(tmpdir(), 'errand-test-docker')
}

interface EngineFolder {
  readonly directory: string
  /** Process that the engine is for. */
  readonly user: number
  readonly data: 'keep' | 'forget'
  readonly disk?: string
}

async function openEngine({ directory, user, data, disk = '' }: EngineFolder): Promise<DockerEngine> {
  mkdirSync(join(directory, 'users'), { recursive: true })
  // Paths of sockets are short, and one folder has one, whatever link leads to it.
  const sockets = join('/run/errand-test', createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 12))
  const socket = join(sockets, 'docker.sock')
  writeFileSync(join(directory, 'users', String(user)), '')
  if (!hasProgram('dockerd')) bringDebianPackages(['docker.io', 'iptables', 'iproute2'])
  const log = () => (existsSync(join(directory, 'log')) ? readFileSync(join(directory, 'log'), 'utf8') : '')
  let guard = await untilItAnswers({ directory, sockets, data, disk, socket, log })
  const api = async <Answer>(method: string, path: string, body?: object): Promise<Answer> => {
    const text = await engineRequest(socket, method, path, body)
    return (text === '' ? undefined : JSON.parse(text)) as Answer
  }
  const stop = async () => {
    rmSync(join(directory, 'users', String(user)), { force: true })
    while (existsSync(sockets)) await sleep(50)
    guard?.unref()
  }
  /** The script that runs the engine takes the order away when it has been followed. */
  const again = async (order: 'again' | 'reboot', end: () => void = () => {}) => {
    writeFileSync(join(directory, order), '')
    end()
    while (existsSync(join(directory, order))) await sleep(50)
    guard = await untilItAnswers({ directory, sockets, data, disk, socket, log })
  }
  return {
    socket,
    api,
    image: (name) => makeImage(socket, directory, name),
    log,
    restart: () => again('again', () => void process.kill(Number(readFileSync(join(sockets, 'docker.pid'), 'utf8')), 'SIGTERM')),
    reboot: () => again('reboot'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Waiting {
  readonly directory: string
  readonly sockets: string
  readonly socket: string
  readonly data: string
  readonly disk: string
  log(): string
}

/** Starts the engine unless it runs. Of several that start one folder's engine one succeeds, and all wait for it. */
async function untilItAnswers({ directory, sockets, socket, data, disk, log }: Waiting): Promise<ChildProcess | undefined> {
  const script = fileURLToPath(new URL('../../sh/docker-engine.sh', import.meta.url))
  let guard: ChildProcess | undefined
  const deadline = Date.now() + 120_000
  while (Date.now() < deadline) {
    if (await answers(socket)) return guard
    if (guard === undefined || guard.exitCode !== null) {
      guard = spawn('/bin/sh', [script, directory, sockets, data, disk], { stdio: 'ignore', detached: true })
      guard.unref()
    }
    await sleep(100)
  }
  throw new Error(`The Docker engine of the tests did not start: ${log().split('\n').slice(-12).join('\n')}`)
}

async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false
  return engineRequest(socket, 'GET', '/_ping').then(
    () => true,
    () => false,
  )
}

/** One maker at a time on a machine: others wait and find the image. */
async function makeImage(socket: string, directory: string, name: BaseImageName): Promise<string> {
  const image = baseImage(name)
  const has = () =>
    engineRequest(socket, 'GET', `/images/${image.tag}/json`).then(
      () => true,
      () => false,
    )
  if (await has()) return image.tag
  const release = await holdLock(join(directory, 'images.lock'))
  try {
    if (!(await has())) await importImage(socket, image)
  } finally {
    release()
  }
  return image.tag
}

/** Makes an image of a tar file, through Docker's API. */
export async function importImage(socket: string, image: BaseImage): Promise<void> {
  const [repository = '', tag = ''] = image.tag.split(':')
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag })
  for (const change of image.changes) query.append('changes', change)
  const answer = await engineRequest(socket, 'POST', `/images/create?${query.toString()}`, image.content())
  if (answer.includes('"error"')) throw new Error(`${image.tag} could not be made: ${answer}`)
}

/** A lock that its holder's end releases, however it ends. */
async function holdLock(file: string): Promise<() => void> {
  const child = spawn('flock', [file, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`flock ended with ${code}`)))
  })
  return () => child.stdin.end()
}
