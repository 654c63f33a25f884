import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BaseImage, baseImage } from './base-image.ts'
import { bringDebianPackages } from './debian-packages.ts'
import { type DockerEngine, dockerProblem, importImage } from './docker-engine.ts'
import { engineRequest } from './engine-api.ts'
import { run } from './run-program.ts'
import { type TestAccount, bringAccount } from './test-account.ts'

/** Podman's answer to Docker's API, with storage and network of its own. */
export interface Podman extends Pick<DockerEngine, 'socket' | 'api' | 'image' | 'log'>, AsyncDisposable {
  /** Its `XDG_RUNTIME_DIR`: where programs of its user look for it. */
  readonly runtime: string
}

/**
 * Why Podman can't run without root here; undefined when it can. That is the kernel's affair, and the administrator's, so that no CI has to be able to:
 * what else must run there, `dockerProblem` says.
 */
export function rootlessProblem(): string | undefined {
  const problem = dockerProblem()
  if (problem !== undefined) return problem
  bringDebianPackages(packages)
  const look = asUser(bringAccount({}), ['unshare', '--user', '--map-root-user', '--map-auto', 'true'])
  const { status, stderr } = spawnSync(...look, { encoding: 'utf8', cwd: '/' })
  return status === 0 ? undefined : `needs namespaces for users: ${stderr.trim()}`
}

const packages = ['podman', 'conmon', 'netavark', 'iptables', 'uidmap']

/** A program as that account, without a login. */
const asUser = ({ user }: TestAccount, command: readonly string[]): [program: string, parameters: string[]] => [
  'setpriv',
  ['--reuid', user, '--regid', user, '--init-groups', '--', ...command],
]

/**
 * Whoever calls it is root, on a Debian machine or one that has Podman: `dockerProblem` says whether.
 * `rootless`: it runs as the account that `startSshd` lets in when nothing else is said; `rootlessProblem` says whether it can.
 */
export async function startPodman({ rootless = false }: { readonly rootless?: boolean } = {}): Promise<Podman> {
  bringDebianPackages(packages)
  mkdirSync('/run/errand-test', { recursive: true })
  const directory = mkdtempSync('/run/errand-test/podman-')
  const account = rootless ? bringAccount({}) : undefined
  const socket = join(directory, 'podman/podman.sock')
  mkdirSync(dirname(socket))
  writeFileSync(join(directory, 'containers.conf'), configuration(directory))
  if (account !== undefined) run('chown', ['-R', `${account.user}:`, directory])
  const env = {
    ...process.env,
    CONTAINERS_CONF: join(directory, 'containers.conf'),
    ...(account === undefined ? {} : { HOME: account.home, XDG_RUNTIME_DIR: directory }),
  }
  const podman = (...words: readonly string[]): [string, string[]] => {
    const command = ['podman', '--root', join(directory, 'root'), '--runroot', join(directory, 'run'), ...words]
    return account === undefined ? ['podman', command.slice(1)] : asUser(account, command)
  }
  // conmon leaves a file where it is when memory runs out.
  const service = spawn(...podman('system', 'service', '--time', '0', `unix://${socket}`), {
    env,
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  service.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await untilItListens(service, socket)
  return {
    socket,
    runtime: directory,
    log: () => said,
    async api<Answer>(method: string, path: string, body?: object) {
      const text = await engineRequest(socket, method, path, body)
      return (text === '' ? undefined : JSON.parse(text)) as Answer
    },
    async image(name) {
      const image = baseImage(name)
      const isThere = engineRequest(socket, 'GET', `/images/${encodeURIComponent(image.tag)}/json`)
      await isThere.catch(() => bringImage(socket, image))
      return image.tag
    },
    async [Symbol.asyncDispose]() {
      spawnSync(...podman('rm', '--all', '--force', '--time', '0'), { env, cwd: directory })
      service.kill()
      spawnSync(...podman('system', 'reset', '--force'), { env, cwd: directory })
      endPause(directory)
      endProcesses(directory)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** What holds the namespaces of an account between two commands. */
function endPause(directory: string): void {
  const file = join(directory, 'libpod/tmp/pause.pid')
  if (existsSync(file)) process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL')
}

/**
 * No systemd is needed. Limits that every machine allows: the default needs more rights than a container of CI has, and Podman 4.3 takes the
 * two numbers of a limit for each other.
 */
const configuration = (directory: string): string => `
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "${join(directory, 'networks')}"
`

/** An import gets no tag of Podman 4.3. */
async function bringImage(socket: string, image: BaseImage): Promise<void> {
  await importImage(socket, image)
  const [repo = '', tag = ''] = image.tag.split(':')
  await engineRequest(socket, 'POST', `/images/${encodeURIComponent(repo)}/tag?${new URLSearchParams({ repo, tag }).toString()}`)
}

/** What watched a command in a container stays for five minutes after its end. All of them name the folder. */
function endProcesses(directory: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/`)) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

async function untilItListens(service: ChildProcess, socket: string): Promise<void> {
  while (!existsSync(socket)) {
    if (service.exitCode !== null) throw new Error(`podman system service ended with ${service.exitCode}`)
    await sleep(50)
  }
  await engineRequest(socket, 'GET', '/_ping')
}
