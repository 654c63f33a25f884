import type Docker from 'dockerode'
import type { Duplex } from 'node:stream'
import { type CallOptions, ErrandError, type Host, errorCode } from '@errand/core'
import { type EngineAddress, certificatesOf, engineAddresses, parseEngineAddress, usualSocket } from './engine-address.ts'
import { EngineAgent, connectEngine, triedAt } from './engine-agent.ts'
import { engineError, isClosed, strangeAnswer } from './engine-errors.ts'
import { loadDockerode } from './load-dockerode.ts'

export interface EnginePlace {
  /** The engine's machine. */
  readonly host: Host
  /** As in `DOCKER_HOST`. Absent: the engine that `docker` on that machine would take. */
  readonly address?: string
  /** The host is the machine that this program runs on: then Docker's variables and contexts count. */
  readonly local?: boolean
}

/** An engine that answers. Closing ends our connections, not the host's. */
export interface Engine extends AsyncDisposable {
  readonly docker: Docker
  readonly host: Host
  readonly address: EngineAddress
  /** `20.10.24` */
  readonly version: string
  readonly apiVersion: string
  /** `Docker Engine - Community`, `Podman Engine`. */
  readonly name: string
  /** Of the engine's images: `linux`, `amd64`. */
  readonly platform: { readonly os: string; readonly architecture: string }
  /** Has a connection made for the next call that needs one, while others are under way. */
  keepSpare(): void
}

/** API of Docker 19.03 (2019), the oldest that is supported. */
const oldest = '1.40'

/**
 * Errors: `ENGINE_NOT_INSTALLED`, `ENGINE_UNREACHABLE`, `ENGINE_PERMISSION`, `ENGINE_TOO_OLD`, `ENGINE_CONTEXT_UNKNOWN`,
 * `ENGINE_ADDRESS_INVALID`.
 */
export async function openEngine(place: EnginePlace, { signal }: Pick<CallOptions, 'signal'>): Promise<Engine> {
  const { host } = place
  const found = await addressesOf(place, signal)
  const address = await firstThatListens(host, found.addresses)
  const agent = new EngineAgent(host, address)
  if (found.connection !== undefined) agent.keepSpare(found.connection)
  // Host and port as undefined would be DOCKER_HOST's; these are never looked up, since the agent makes the connection.
  const Client = loadDockerode()
  const docker = new Client({ protocol: 'http', host: 'docker', port: 80, socketPath: undefined, agent } as Docker.DockerOptions)
  try {
    const { Version, ApiVersion, Os, Arch, Components } = await docker.version().catch((error: unknown) => {
      throw engineError(strangeAnswer(triedAt(host, address), error), 'asking for its version', host.name)
    })
    signal.throwIfAborted()
    if (compareVersions(ApiVersion, oldest) < 0) throw tooOld(host.name, Version, ApiVersion)
    return {
      docker,
      host,
      address,
      version: Version,
      apiVersion: ApiVersion,
      name: Components?.[0]?.Name ?? 'Docker',
      platform: { os: Os, architecture: Arch },
      keepSpare: () => agent.keepSpare(),
      async [Symbol.asyncDispose]() {
        agent.destroy()
      },
    }
  } catch (error) {
    agent.destroy()
    throw error
  }
}

function tooOld(host: string, version: string, api: string): ErrandError {
  return new ErrandError(
    'ENGINE_TOO_OLD',
    `The Docker engine of ${host} is ${version} (API ${api}); API ${oldest} is the oldest that is supported.`,
    {
      hint: 'Update Docker there to 19.03 or newer.',
    },
  )
}

interface Addresses {
  readonly addresses: readonly EngineAddress[]
  /** To the only one of them. */
  readonly connection?: Duplex
}

async function addressesOf({ host, address, local = false }: EnginePlace, signal: AbortSignal): Promise<Addresses> {
  if (address !== undefined)
    return { addresses: [parseEngineAddress(address, 'the .compute file', local ? certificatesOf(process.env, host.home) : undefined)] }
  if (local) return { addresses: engineAddresses(host.home) }
  const usual: EngineAddress = { to: { path: usualSocket }, from: 'the usual socket' }
  try {
    return { addresses: [usual], connection: await connectEngine(host, usual) }
  } catch (error) {
    // Who may not use the engine of the machine may have one of their own.
    if (!['ENGINE_UNREACHABLE', 'ENGINE_PERMISSION'].includes(errorCode(error) ?? '')) throw error
  }
  const { stdout } = await host.run(['/bin/sh', '-c', 'printf "%s\\n%s" "$DOCKER_HOST" "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"'], {
    signal,
  })
  const [named = '', runtime = ''] = stdout.toString('utf8').split('\n')
  if (named !== '') return { addresses: [parseEngineAddress(named, `DOCKER_HOST of ${host.name}`)] }
  const more = ['docker.sock', 'podman/podman.sock'].map((name) => ({ to: { path: `${runtime}/${name}` }, from: 'a rootless engine' }))
  return { addresses: [usual, ...more] }
}

/** The first address counts for the error when none answers: the others are guesses. */
async function firstThatListens(host: Host, addresses: readonly EngineAddress[]): Promise<EngineAddress> {
  const [first, ...others] = addresses
  if (first === undefined) throw new ErrandError('ENGINE_UNREACHABLE', `No Docker engine is known on ${host.name}.`)
  if (others.length === 0) return first
  for (const address of addresses) {
    try {
      ;(await host.connect(address.to)).destroy()
      return address
    } catch (error) {
      if (!isClosed(error)) return address
    }
  }
  return first
}

function compareVersions(a: string, b: string): number {
  const [first, second] = [a.split('.').map(Number), b.split('.').map(Number)]
  return (first[0] ?? 0) - (second[0] ?? 0) || (first[1] ?? 0) - (second[1] ?? 0)
}
