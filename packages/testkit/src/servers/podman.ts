import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BaseImage, baseImage } from './base-image.ts'
import { bringDebianPackages } from './debian-packages.ts'
import { type DockerEngine, importImage } from './docker-engine.ts'
import { engineRequest } from './engine-api.ts'

/** Podman's answer to Docker's API, with storage and network of its own. */
export type Podman = Pick<DockerEngine, 'socket' | 'api' | 'image' | 'log'> & AsyncDisposable

/** Whoever starts it is root, on a Debian machine or one that has Podman: `dockerProblem` says whether. */
export async function startPodman(): Promise<Podman> {
  bringDebianPackages(['podman', 'conmon', 'netavark', 'iptables'])
  mkdirSync('/run/errand-test', { recursive: true })
  const directory = mkdtempSync('/run/errand-test/podman-')
  const socket = join(directory, 'podman.sock')
  writeFileSync(join(directory, 'containers.conf'), configuration(directory))
  const environment = { ...process.env, CONTAINERS_CONF: join(directory, 'containers.conf') }
  const storage = ['--root', join(directory, 'root'), '--runroot', join(directory, 'run')]
  const service = spawn('podman', [...storage, 'system', 'service', '--time', '0', `unix://${socket}`], {
    env: environment,
    // conmon leaves a file where it is when memory runs out.
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  service.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await untilItListens(service, socket)
  return {
    socket,
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
      spawnSync('podman', [...storage, 'rm', '--all', '--force', '--time', '0'], { env: environment })
      service.kill()
      spawnSync('podman', [...storage, 'system', 'reset', '--force'], { env: environment })
      endProcesses(directory)
      rmSync(directory, { recursive: true, force: true })
    },
  }
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
