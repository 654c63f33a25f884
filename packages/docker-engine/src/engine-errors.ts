import { ErrandError, errorCode, errorMessage } from '@errand/core'

/** An address that was tried. */
interface Tried {
  /** `socket /var/run/docker.sock (DOCKER_HOST)` */
  readonly where: string
  /** Who named it, as in `EngineAddress`. */
  readonly from: string
  /** Name of the engine's machine, as in `Host`. */
  readonly host: string
}

interface Trouble {
  readonly code: string
  says(tried: Tried): string
  hint(tried: Tried): string
}

const isHere = (host: string): boolean => host === 'this machine'

const start = (host: string): string =>
  isHere(host)
    ? 'start Docker (sudo systemctl start docker, or Docker Desktop)'
    : 'start Docker on that machine (sudo systemctl start docker)'

/** What to change where the engine listens elsewhere. */
function correction({ from, host }: Tried): string {
  if (from === 'the .compute file') return 'correct engine: in the .compute file, or delete it for the usual engine'
  if (from.startsWith('DOCKER_HOST')) return `correct or unset ${from}`
  if (from.startsWith('the context')) return 'choose another context (docker context use default)'
  return `say where it listens with ${isHere(host) ? 'DOCKER_HOST or ' : ''}engine: in the .compute file`
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

const missing: Trouble = {
  code: 'ENGINE_UNREACHABLE',
  says: ({ where, host }) => `There is no Docker engine on ${host}: no ${where}.`,
  hint: (tried) => sentence(`install or ${start(tried.host)}, or ${correction(tried)}`),
}
const silent: Trouble = {
  code: 'ENGINE_UNREACHABLE',
  says: ({ where, host }) => `The Docker engine of ${host} does not run: nothing listens on ${where}.`,
  hint: (tried) => sentence(`${start(tried.host)}, or ${correction(tried)}`),
}
const forbidden: Trouble = {
  code: 'ENGINE_PERMISSION',
  says: ({ where, host }) => `You may not use the Docker engine of ${host}: ${where} belongs to others.`,
  hint: ({ host }) =>
    `Join its group${isHere(host) ? '' : ' on that machine'} (sudo usermod -aG docker $USER) and log in anew, or use a rootless engine.`,
}

/** What a connection says that was not made: codes of Node for this machine, and of hosts behind SSH. */
const troubles: Readonly<Record<string, Trouble>> = {
  ENOENT: missing,
  SOCKET_NOT_FOUND: missing,
  ECONNREFUSED: silent,
  SOCKET_REFUSED: silent,
  EACCES: forbidden,
  EPERM: forbidden,
  SOCKET_FORBIDDEN: forbidden,
  ENOTFOUND: {
    code: 'ENGINE_UNREACHABLE',
    says: ({ where, host }) => `${host} knows no machine of the name in ${where}.`,
    hint: (tried) => sentence(correction(tried)),
  },
  ETIMEDOUT: {
    code: 'ENGINE_UNREACHABLE',
    says: ({ where, host }) => `The Docker engine at ${where} does not answer ${host}.`,
    hint: () => 'Look whether that machine is on and a firewall stands between.',
  },
}

/**
 * A connection to an engine that could not be made. Where nobody named that place and nothing is there, no engine is installed:
 * `ENGINE_NOT_INSTALLED`.
 */
export function cannotReachEngine(tried: Tried, cause: unknown, guessed = false): unknown {
  const trouble = troubles[errorCode(cause) ?? '']
  if (trouble === undefined) return cause
  const code = trouble === missing && guessed ? 'ENGINE_NOT_INSTALLED' : trouble.code
  return new ErrandError(code, trouble.says(tried), { hint: trouble.hint(tried), cause })
}

/** What answered speaks no HTTP: it is no engine. Other errors stay as they are. */
export function strangeAnswer(tried: Tried, error: unknown): unknown {
  if (errorCode(error)?.startsWith('HPE_') !== true) return error
  return new ErrandError('ENGINE_UNREACHABLE', `No Docker engine answers at ${tried.where}: what listens there speaks no HTTP.`, {
    hint: sentence(correction(tried)),
    cause: error,
  })
}

/** Another address may be that of an engine which lets this user in. */
export function isClosed(error: unknown): boolean {
  const trouble = troubles[errorCode(error) ?? '']
  return trouble === missing || trouble === silent || trouble === forbidden
}

/** Status of a refused request (404, 409 …); undefined for other errors. Podman calls a name that is taken a server error: it is a 409 here. */
export function refusalStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined
  const { statusCode } = error
  if (statusCode === 500 && /that name is already in use/.test(refusalText(error))) return 409
  return typeof statusCode === 'number' ? statusCode : undefined
}

/** What an engine says of a refused request, without dockerode's words around it. */
export function refusalText(error: unknown): string {
  const { json } = typeof error === 'object' && error !== null && 'json' in error ? error : { json: undefined }
  if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string') return json.message.trim()
  return errorMessage(error)
    .replace(/^\(HTTP code \d+\) [^-]* - /, '')
    .trim()
}

/** An error of a request as one that a user can act on: a full disk, a lost connection, or what the engine says. Ours stay as they are. */
export function engineError(error: unknown, doing: string, host: string): unknown {
  const text = refusalText(error)
  if (/no space left on device/i.test(text))
    return new ErrandError('ENGINE_DISK_FULL', `The disk of the Docker engine of ${host} is full: ${doing} failed.`, {
      hint: 'Make room: errand experiment clean --all, or docker system prune there.',
      cause: error,
    })
  const status = refusalStatus(error)
  if (status !== undefined)
    return new ErrandError('ENGINE_REFUSED', `The Docker engine of ${host} refused: ${doing}: ${text}.`, { cause: error })
  if (['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(errorCode(error) ?? ''))
    return new ErrandError('ENGINE_LOST', `The Docker engine of ${host} went away: ${doing} was cut off.`, {
      hint: 'Look whether it runs, and call the same command again: what was made there stays.',
      cause: error,
    })
  return error
}
