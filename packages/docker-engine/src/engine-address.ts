import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ErrandError, errorCode } from '@errand/core'

/** Where an engine listens, as its own machine sees it. */
export interface EngineAddress {
  readonly to: { readonly path: string } | { readonly host: string; readonly port: number }
  /** Certificates (PEM) for an engine that wants TLS. */
  readonly tls?: { readonly ca?: Buffer; readonly certificate?: Buffer; readonly key?: Buffer; readonly verify: boolean }
  /** Who named it, for messages: `DOCKER_HOST`, `the context desktop`. */
  readonly from: string
  /** Nobody named it. */
  readonly guessed?: true
}

/** Where an engine listens unless somebody has chosen another place. */
export const usualSocket = '/var/run/docker.sock'

type Variables = Readonly<Record<string, string | undefined>>

/**
 * Where the engine of this machine may be, the first that answers counts: what `docker` itself would take, then the sockets that engines of
 * an ordinary user have. Errors: `ENGINE_CONTEXT_UNKNOWN`, `ENGINE_ADDRESS_INVALID`.
 */
export function engineAddresses(home: string, variables: Variables = process.env): readonly EngineAddress[] {
  const named = variables['DOCKER_HOST']
  if (named !== undefined && named !== '') return [parseEngineAddress(named, 'DOCKER_HOST', certificatesOf(variables, home))]
  const folder = variables['DOCKER_CONFIG'] ?? join(home, '.docker')
  const chosen = variables['DOCKER_CONTEXT'] || currentContext(folder)
  if (chosen !== undefined && chosen !== 'default') return [contextAddress(folder, chosen)]
  const runtime = variables['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`
  return process.platform === 'win32'
    ? [guess('//./pipe/docker_engine', 'the usual pipe')]
    : [
        guess(usualSocket, 'the usual socket'),
        guess(`${runtime}/docker.sock`, 'the socket of a rootless engine'),
        guess(join(home, '.docker/run/docker.sock'), 'the socket of Docker Desktop'),
        guess(`${runtime}/podman/podman.sock`, "Podman's socket"),
        guess('/run/podman/podman.sock', "Podman's socket of the system"),
      ]
}

const socket = (path: string, from: string): EngineAddress => ({ to: { path }, from })
const guess = (path: string, from: string): EngineAddress => ({ ...socket(path, from), guessed: true })

/** `unix:///path`, `npipe:////./pipe/name`, `tcp://host:port`, or a path. Error: `ENGINE_ADDRESS_INVALID`. */
export function parseEngineAddress(text: string, from: string, tls?: NonNullable<EngineAddress['tls']>): EngineAddress {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/i.exec(text.trim()) ?? [undefined, text.startsWith('/') ? 'unix' : '', text]
  if (scheme === 'unix' && rest.startsWith('/')) return socket(rest, from)
  if (scheme === 'npipe') return socket(rest, from)
  const [, host, port] = /^(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?\/?$/.exec(rest)?.filter((part) => part !== undefined) ?? []
  if ((scheme === 'tcp' || scheme === 'http' || scheme === 'https') && host !== undefined) {
    const secure = tls ?? (scheme === 'https' ? { verify: true } : undefined)
    const number = port === undefined ? (secure === undefined ? 2375 : 2376) : Number(port)
    return { to: { host, port: number }, from, ...(secure === undefined ? {} : { tls: secure }) }
  }
  throw new ErrandError('ENGINE_ADDRESS_INVALID', `"${text}" (${from}) is no address of a Docker engine that errand can use.`, {
    hint:
      scheme === 'ssh'
        ? 'Attach that machine as a target of its own: errand computetarget attach remotedocker'
        : 'Addresses look like unix:///var/run/docker.sock or tcp://127.0.0.1:2375.',
  })
}

function currentContext(folder: string): string | undefined {
  const text = readIfThere(join(folder, 'config.json'))
  if (text === undefined) return undefined
  try {
    const context = (JSON.parse(text.toString('utf8')) as { readonly currentContext?: unknown }).currentContext
    return typeof context === 'string' && context !== '' ? context : undefined
  } catch (cause) {
    throw new ErrandError('ENGINE_CONFIGURATION_INVALID', `${join(folder, 'config.json')} is no JSON.`, {
      hint: 'Mend that file of Docker, or set DOCKER_HOST.',
      cause,
    })
  }
}

interface ContextFile {
  readonly Name?: string
  readonly Endpoints?: { readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean } }
}

/** Docker keeps a context in a folder that is named by the digest of its name. */
function contextAddress(folder: string, name: string): EngineAddress {
  const id = createHash('sha256').update(name).digest('hex')
  const text = readIfThere(join(folder, 'contexts/meta', id, 'meta.json'))
  const docker = text === undefined ? undefined : (JSON.parse(text.toString('utf8')) as ContextFile).Endpoints?.docker
  if (docker?.Host === undefined) {
    const known = ['default', ...contextNames(join(folder, 'contexts/meta'))]
    throw new ErrandError('ENGINE_CONTEXT_UNKNOWN', `Docker's context "${name}" is not one of this machine (${known.join(', ')}).`, {
      hint: 'Choose another: docker context use default, or unset DOCKER_CONTEXT.',
    })
  }
  const certificates = join(folder, 'contexts/tls', id, 'docker')
  const tls = certificatesIn(certificates, docker.SkipTLSVerify !== true)
  return parseEngineAddress(docker.Host, `Docker's context ${name}`, tls)
}

function contextNames(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((id) => {
      const text = readIfThere(join(folder, id, 'meta.json'))
      return text === undefined ? [] : [(JSON.parse(text.toString('utf8')) as ContextFile).Name ?? id]
    })
  } catch {
    return []
  }
}

/** What `docker` shows to an engine that is named on its command line. */
export function certificatesOf(variables: Variables, home: string): EngineAddress['tls'] {
  const verify = variables['DOCKER_TLS_VERIFY']
  if (verify === undefined || verify === '') return undefined
  return certificatesIn(variables['DOCKER_CERT_PATH'] ?? join(home, '.docker'), true) ?? { verify: true }
}

function certificatesIn(folder: string, verify: boolean): EngineAddress['tls'] {
  const [ca, certificate, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readIfThere(join(folder, name)))
  if (ca === undefined && certificate === undefined) return undefined
  return {
    verify,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}
