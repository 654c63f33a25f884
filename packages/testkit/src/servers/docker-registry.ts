import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bringDebianPackages } from './debian-packages.ts'
import type { DockerEngine } from './docker-engine.ts'
import { engineRequest } from './engine-api.ts'
import { freePorts } from './free-ports.ts'
import { run } from './run-program.ts'
import { startServerProcess } from './server-process.ts'

/** A real registry of images on this machine, which wants a login. */
export interface DockerRegistry extends AsyncDisposable {
  readonly port: number
  /** `127.0.0.1:5000` */
  readonly address: string
  readonly user: string
  readonly password: string
  /** Puts an image of the engine into the registry and takes it from the engine; answers its path there, without the registry's address. */
  take(engine: DockerEngine, image: string, path: string): Promise<void>
}

/** Starts Debian's `docker-registry`; ends with `await using`, and with this process. */
export async function startDockerRegistry(password: string): Promise<DockerRegistry> {
  if (!existsSync('/usr/bin/docker-registry')) bringDebianPackages(['docker-registry'])
  const directory = mkdtempSync(join(tmpdir(), 'errand-registry-'))
  const [port = 0] = await freePorts(1)
  const user = 'errand'
  // The registry takes bcrypt alone; Perl's crypt has it on every Debian.
  const hash = run('perl', ['-e', 'print crypt(<STDIN>, q($2b$05$) . q(errandtestsalt12345678))'], password)
  writeFileSync(join(directory, 'passwords'), `${user}:${hash}\n`)
  writeFileSync(join(directory, 'configuration.yml'), configuration(directory, port))
  const server = await startServerProcess(['/usr/bin/docker-registry', 'serve', join(directory, 'configuration.yml')], {
    env: process.env,
    logFile: join(directory, 'log'),
    cwd: directory,
  })
  const address = `127.0.0.1:${port}`
  const deadline = Date.now() + 60_000
  while (
    !(await fetch(`http://${address}/v2/`).then(
      (answer) => answer.status === 401,
      () => false,
    ))
  ) {
    if (Date.now() > deadline) throw new Error(`docker-registry did not start: ${server.log()}`)
    await sleep(50)
  }
  return {
    port,
    address,
    user,
    password,
    async take({ socket }, image, path) {
      const [name = '', tag = 'latest'] = path.split(':')
      const full = `${address}/${name}`
      const login = { username: user, password, serveraddress: address }
      // Engines want the padding, which base64url leaves out.
      const text = Buffer.from(JSON.stringify(login)).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
      const headers = { 'x-registry-auth': text }
      await engineRequest(socket, 'POST', `/images/${encodeURIComponent(image)}/tag?repo=${encodeURIComponent(full)}&tag=${tag}`)
      const answer = await engineRequest(socket, 'POST', `/images/${full}/push?tag=${tag}`, undefined, headers)
      if (answer.includes('"errorDetail"')) throw new Error(`${full} could not be pushed: ${answer.slice(-500)}`)
      await engineRequest(socket, 'DELETE', `/images/${full}:${tag}`)
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const configuration = (directory: string, port: number): string => `version: 0.1
log: { level: warn }
storage:
  filesystem: { rootdirectory: ${directory}/data }
http: { addr: '127.0.0.1:${port}' }
auth:
  htpasswd: { realm: errand test, path: ${directory}/passwords }
`
