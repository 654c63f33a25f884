import { ErrandError, errorCode, errorMessage } from '@errand/core'

interface Trouble {
  readonly code: string
  says(machine: string): string
  readonly hint: string
}

/** What the network says of a machine that can't be reached, by the code of Node's error. */
const troubles: Readonly<Record<string, Trouble>> = {
  ENOTFOUND: {
    code: 'HOST_UNKNOWN',
    says: (machine) => `There is no machine of the name ${machine}.`,
    hint: 'Correct the address, or look whether this network (a VPN?) knows it.',
  },
  EAI_AGAIN: {
    code: 'HOST_UNKNOWN',
    says: (machine) => `The name ${machine} can't be looked up at the moment.`,
    hint: 'Look whether this machine has a network.',
  },
  ECONNREFUSED: {
    code: 'CONNECTION_REFUSED',
    says: (machine) => `${machine} is there, but no SSH server answers.`,
    hint: 'Correct the port in the address (host:port), or start sshd there.',
  },
  ETIMEDOUT: {
    code: 'CONNECTION_TIMED_OUT',
    says: (machine) => `${machine} does not answer.`,
    hint: 'Look whether it is switched on, and whether a firewall or VPN stands between.',
  },
  EHOSTUNREACH: {
    code: 'HOST_UNREACHABLE',
    says: (machine) => `There is no way to ${machine} from here.`,
    hint: 'Look at the network or VPN.',
  },
  ENETUNREACH: {
    code: 'HOST_UNREACHABLE',
    says: (machine) => `There is no way to ${machine} from here.`,
    hint: 'Look at the network or VPN.',
  },
  ECONNRESET: {
    code: 'CONNECTION_CLOSED',
    says: (machine) => `${machine} closed the connection before the login.`,
    hint: 'It may have too many connections (MaxStartups) or may not let this machine in. Try again in a minute.',
  },
}

/** An error before the login as a sentence about the machine. */
export function cannotConnect(machine: string, cause: unknown): ErrandError {
  const trouble = troubles[errorCode(cause) ?? '']
  if (trouble) return new ErrandError(trouble.code, trouble.says(machine), { hint: trouble.hint, cause })
  return new ErrandError('CONNECTION_CLOSED', `The connection to ${machine} failed before the login: ${errorMessage(cause)}.`, {
    hint: `See what ssh says: ssh -v ${machine}`,
    cause,
  })
}

export function timedOut(machine: string, seconds: number): ErrandError {
  const trouble = troubles['ETIMEDOUT']
  return new ErrandError('CONNECTION_TIMED_OUT', `${machine} does not answer within ${seconds} seconds.`, {
    hint: trouble?.hint ?? '',
  })
}

/** The server's own patience has ended, or the line has, while somebody was asked for a password or whether a key is right. */
export function hungUpOnUser(machine: string): ErrandError {
  return new ErrandError('CONNECTION_CLOSED', `${machine} closed the connection while it waited for your answer.`, {
    hint: 'Try again: most servers wait for two minutes (LoginGraceTime). A password can be stored: errand secret set password --target NAME',
  })
}

export function connectionLost(machine: string, cause?: unknown): ErrandError {
  const why = cause === undefined ? '' : ` (${errorMessage(cause)})`
  return new ErrandError('CONNECTION_LOST', `The connection to ${machine} was lost${why}.`, {
    hint: 'A run that has started goes on there. Ask again: errand status last',
    cause,
  })
}

/** True for what may be different in a moment: the network, not a login or a key. */
export function mayPass(error: unknown): boolean {
  return passing.has(errorCode(error) ?? '')
}

const passing: ReadonlySet<string> = new Set(
  'HOST_UNKNOWN CONNECTION_REFUSED CONNECTION_TIMED_OUT HOST_UNREACHABLE CONNECTION_CLOSED CONNECTION_LOST'.split(' '),
)
