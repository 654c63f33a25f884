import { ErrandError } from '@errand/core'

/** How a run's container is set up: keys of a `.compute` file, of which `TargetOptions` may change some for one run configuration. */
export interface ContainerSettings {
  /** With `nativeSharedDirectory`: the folder on the engine's machine is there in the container. */
  readonly sharedVolumes?: boolean | undefined
  /** Base of the shared folder on the engine's machine, `~` allowed. */
  readonly nativeSharedDirectory?: string | undefined
  /** All GPUs, as the original had it. */
  readonly nvidiaDocker?: boolean | undefined
  /** `all`, a number, or `device=0,1`, as for `docker run --gpus`. */
  readonly gpus?: string | number | undefined
  /** Of `/dev/shm`, `2g` when absent. */
  readonly shmSize?: string | number | undefined
  /** Limit, `8g` for example; a run that needs more ends with the cause out-of-memory. */
  readonly memory?: string | number | undefined
  /** Number of processors, `1.5` for example. */
  readonly cpus?: string | number | undefined
  /** A network of the engine, `none` or `host`. */
  readonly network?: string | undefined
  /** Name or number, with or without a group, that the script runs as. Absent: the image's own. */
  readonly user?: string | undefined
  /** Options as `docker run` has them. */
  readonly containerOptions?: readonly string[] | undefined
  /** The container stays, stopped, after its run was collected. */
  readonly keepContainer?: boolean | undefined
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }

/** Bytes of a size as Docker writes it: `2g`, `512m`, `1073741824`. Error: `SIZE_INVALID`. */
export function bytesOf(key: string, size: string | number): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(String(size).trim()) ?? []
  if (number === undefined)
    throw new ErrandError('SIZE_INVALID', `${key}: ${size} is no size.`, { hint: 'Write a number with b, k, m or g: 512m, 2g.' })
  return Math.round(Number(number) * (units[unit.toLowerCase()] ?? 1))
}

/** Billionths of a processor, which is how the engine counts. Error: `NUMBER_INVALID`. */
export function processorsOf(key: string, processors: string | number): number {
  const number = Number(processors)
  if (Number.isFinite(number) && number > 0) return Math.round(number * 1e9)
  throw new ErrandError('NUMBER_INVALID', `${key}: ${processors} is no number of processors.`, { hint: 'Write a number such as 2 or 0.5.' })
}

/** A request of devices for the engine. Error: `GPUS_INVALID`. */
export function gpuRequest(gpus: string | number): { Driver: string; Count?: number; DeviceIDs?: string[]; Capabilities: string[][] } {
  const text = String(gpus)
    .trim()
    .replace(/^"(.*)"$/, '$1')
  const request = { Driver: '', Capabilities: [['gpu']] }
  if (text === 'all') return { ...request, Count: -1 }
  if (/^[1-9]\d*$/.test(text)) return { ...request, Count: Number(text) }
  const [, devices] = /^device=(\S+)$/.exec(text) ?? []
  if (devices !== undefined) return { ...request, DeviceIDs: devices.split(',') }
  throw new ErrandError('GPUS_INVALID', `gpus: ${gpus} names no GPUs.`, { hint: 'Write all, a number, or device=0,1.' })
}
