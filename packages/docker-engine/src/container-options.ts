import type { ContainerCreateOptions, HostConfig } from 'dockerode'
import { ErrandError } from '@errand/core'
import { bytesOf, gpuRequest, processorsOf } from './container-settings.ts'

/** What options of `docker run` come to in a request to the engine. */
export interface ContainerChanges {
  readonly container: Partial<ContainerCreateOptions>
  readonly host: Partial<HostConfig>
}

type Change = (changes: { container: Partial<ContainerCreateOptions>; host: Partial<HostConfig> }, value: string) => void

const list = (values: readonly string[] | undefined, value: string): string[] => [...(values ?? []), value]

/** By name, the options that may stand in `containerOptions`; a letter is another name. What errand itself decides is not among them. */
const options: Readonly<Record<string, Change>> = {
  '--add-host': ({ host }, value) => (host.ExtraHosts = list(host.ExtraHosts, value)),
  '--cap-add': ({ host }, value) => (host.CapAdd = list(host.CapAdd as string[], value)),
  '--cap-drop': ({ host }, value) => (host.CapDrop = list(host.CapDrop as string[], value)),
  '--cpus': ({ host }, value) => (host.NanoCpus = processorsOf('--cpus', value)),
  '--cpu-shares': ({ host }, value) => (host.CpuShares = Number(value)),
  '--cpuset-cpus': ({ host }, value) => (host.CpusetCpus = value),
  '--device': ({ host }, value) => (host.Devices = [...(host.Devices ?? []), device(value)]),
  '--dns': ({ host }, value) => (host.Dns = list(host.Dns, value)),
  '--gpus': ({ host }, value) => (host.DeviceRequests = [gpuRequest(value)]),
  '--group-add': ({ host }, value) => (host.GroupAdd = list(host.GroupAdd, value)),
  '--hostname': ({ container }, value) => (container.Hostname = value),
  '--ipc': ({ host }, value) => (host.IpcMode = value),
  '--label': ({ container }, value) => (container.Labels = { ...container.Labels, ...pair(value) }),
  '--memory': ({ host }, value) => {
    host.Memory = bytesOf('--memory', value)
    // As `memory`: without swap.
    host.MemorySwap ??= host.Memory
  },
  '--memory-swap': ({ host }, value) => (host.MemorySwap = value === '-1' ? -1 : bytesOf('--memory-swap', value)),
  '--network': ({ host }, value) => (host.NetworkMode = value),
  '--pids-limit': ({ host }, value) => (host.PidsLimit = Number(value)),
  '--privileged': ({ host }, value) => (host.Privileged = truth('--privileged', value)),
  '--runtime': ({ host }, value) => (host.Runtime = value),
  '--security-opt': ({ host }, value) => (host.SecurityOpt = list(host.SecurityOpt, value)),
  '--shm-size': ({ host }, value) => (host.ShmSize = bytesOf('--shm-size', value)),
  '--tmpfs': ({ host }, value) => (host.Tmpfs = { ...host.Tmpfs, ...tmpfs(value) }),
  '--ulimit': ({ host }, value) => (host.Ulimits = [...(host.Ulimits ?? []), limit(value)]),
  '--user': ({ container }, value) => (container.User = value),
  '--volume': ({ host }, value) => (host.Binds = list(host.Binds, value)),
}

const otherNames: Readonly<Record<string, string>> = {
  '-c': '--cpu-shares',
  '-h': '--hostname',
  '-l': '--label',
  '-m': '--memory',
  '-u': '--user',
  '-v': '--volume',
  '--net': '--network',
}

/** Every name of an option that may stand in `containerOptions`. */
export const optionNames: readonly string[] = [...Object.keys(options), ...Object.keys(otherNames)]

const withoutValue: ReadonlySet<string> = new Set(['--privileged'])

/**
 * Reads options as `docker run` has them, `--name value` in two items or in one, or `--name=value`. Error: `CONTAINER_OPTION_UNKNOWN`, since
 * one that is dropped would be missed only in the run.
 */
export function readContainerOptions(given: readonly string[]): ContainerChanges {
  const words = given.flatMap((item) => (/^-\S*\s/.test(item.trim()) ? splitOnce(item.trim()) : [item.trim()]))
  const changes = { container: {}, host: {} }
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    const [, written = word, inline] = /^(--[^=]+)=(.*)$/s.exec(word) ?? []
    const name = otherNames[written] ?? written
    const change = options[name]
    if (change === undefined) throw unknown(written)
    const value = withoutValue.has(name) ? (inline ?? 'true') : (inline ?? words[(at += 1)])
    if (value === undefined) throw new ErrandError('CONTAINER_OPTION_VALUE', `containerOptions: ${written} has no value.`)
    change(changes, value)
  }
  return changes
}

const splitOnce = (item: string): string[] => {
  const at = item.search(/\s/)
  return [item.slice(0, at), item.slice(at).trim()]
}

function unknown(name: string): ErrandError {
  const secret = ['-e', '--env', '--env-file'].includes(name)
  return new ErrandError('CONTAINER_OPTION_UNKNOWN', `containerOptions: ${name} is not an option that a run's container can have.`, {
    hint: secret
      ? 'Write variables into EnvironmentVariables of the run configuration: what stands in a container is shown to everybody who may use the engine.'
      : `These can be used: ${Object.keys(options).join(', ')}.`,
  })
}

function truth(name: string, value: string): boolean {
  if (['true', '1', 't'].includes(value.toLowerCase())) return true
  if (['false', '0', 'f'].includes(value.toLowerCase())) return false
  throw new ErrandError('CONTAINER_OPTION_VALUE', `containerOptions: ${name}=${value} is neither true nor false.`, {
    hint: `Write ${name}, or leave it out.`,
  })
}

function pair(text: string): Record<string, string> {
  const at = text.indexOf('=')
  return at === -1 ? { [text]: '' } : { [text.slice(0, at)]: text.slice(at + 1) }
}

function tmpfs(text: string): Record<string, string> {
  const [path = '', ...rest] = text.split(':')
  return { [path]: rest.join(':') }
}

function device(text: string): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } {
  const [outside = '', inside = outside, permissions = 'rwm'] = text.split(':')
  return { PathOnHost: outside, PathInContainer: inside, CgroupPermissions: permissions }
}

function limit(text: string): { Name: string; Soft: number; Hard: number } {
  const [, name, soft, hard = soft] = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? []
  if (name === undefined)
    throw new ErrandError('CONTAINER_OPTION_VALUE', `containerOptions: --ulimit ${text} is no limit.`, { hint: 'Write nofile=1024:4096.' })
  return { Name: name, Soft: Number(soft), Hard: Number(hard) }
}
