import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { bootId } from '../boot-id.ts'
import { errorCode } from '../errors.ts'
import type { ClientProcess } from './run-record.ts'

/** Processes of the machine itself have this number; those of a container count their pids apart. */
const firstPidNamespace = 'pid:[4026531836]'

/** This process, as the one that drives a run. */
export function thisClient(): ClientProcess {
  return clientOf(process.pid)
}

/** Another living process of this machine, as the one that drives a run. */
export function clientOf(pid: number): ClientProcess {
  return { host: thisHost(), pid, started: startOf(pid) ?? '' }
}

/** Whether that very process still lives; undefined when it is on another machine or in another container, where nobody here can look. */
export function clientAlive(client: ClientProcess): boolean | undefined {
  if (client.host !== thisHost() && !isOfThisBoot(client)) return undefined
  return startOf(client.pid) === client.started
}

/** Whether the process was noted on this machine since it was started, under whatever name it had then. */
function isOfThisBoot({ host, started }: ClientProcess): boolean {
  const boot = bootId()
  return boot !== undefined && started.startsWith(`${boot} `) && namespaceOf(host) === namespaceOf(thisHost())
}

/** What stands behind the name of a host whose processes are counted apart. */
function namespaceOf(host: string): string | undefined {
  return /pid:\[\d+\]$/.exec(host)?.[0]
}

function thisHost(): string {
  const namespace = process.platform === 'linux' ? readOrUndefined(() => readlinkSync('/proc/self/ns/pid')) : undefined
  return namespace === undefined || namespace === firstPidNamespace ? hostname() : `${hostname()} ${namespace}`
}

/** What tells a process from every other one that has had its pid; undefined when no such process runs. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return startOnLinux(pid)
  // Windows has no cheap way to a start time: there a pid that was given again counts as alive.
  if (process.platform === 'win32') return processExists(pid) ? '' : undefined
  const listed = process
    .getBuiltinModule('node:child_process')
    .spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } })
  const started = (listed.stdout ?? '').trim()
  return started === '' ? undefined : started
}

function startOnLinux(pid: number): string | undefined {
  const stat = readOrUndefined(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  if (stat === undefined) return undefined
  // The name of the program stands in parentheses and may hold blanks and parentheses itself. Behind it: state, …, start in clock ticks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return `${bootId() ?? ''} ${fields[19] ?? ''}`
}

function processExists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}

/** ESRCH: the process ended between the open and the read. */
function readOrUndefined(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}
