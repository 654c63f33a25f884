import { createHash } from 'node:crypto'
import type { MountSettings } from 'dockerode'
import type { Engine } from './engine.ts'
import { labels } from './labels.ts'

/** Where the agent's home is in every container of ours. */
export const storeFolder = '/errand'

/** Where the shared folder is in a container, as in the original's. */
export const shareFolder = '/azureml-share'

/**
 * The volume that keeps objects, work trees and runs of one user on an engine. A container user of its own gets a volume of its own, which
 * belongs to it.
 */
export interface StoreVolume {
  readonly name: string
  /** Whose runs are in it: the user of this machine, or of the one behind SSH. */
  readonly owner: string
  /** Number of the user of the containers that it belongs to. Absent: root. */
  readonly user?: string
}

export function storeVolume(owner: string, containerUser: string | undefined): StoreVolume {
  if (containerUser === undefined || isRoot(containerUser)) return { name: `errand-${plainName(owner)}`, owner }
  return { name: `errand-${plainName(owner)}-${plainName(containerUser)}`, owner, user: containerUser }
}

/** All volumes of an owner on an engine, whatever users of containers they belong to. */
export async function storeVolumes(engine: Engine, owner: string): Promise<readonly StoreVolume[]> {
  const first = storeVolume(owner, undefined).name
  // Podman makes the volume of a container without its labels: there the name says whose it is.
  const namesCount = /podman/i.test(engine.name)
  const { Volumes } = await engine.docker.listVolumes({ filters: { name: [first] } })
  return (Volumes ?? []).flatMap(({ Name: name, Labels: known }) => {
    const named = name === first ? { name, owner } : { name, owner, user: name.slice(first.length + 1) }
    if (known?.[labels.user] === undefined) return namesCount && `${name}-`.startsWith(`${first}-`) ? [named] : []
    if (known[labels.user] !== owner) return []
    const user = known[labels.containerUser]
    return [user === undefined ? { name, owner } : { name, owner, user }]
  })
}

/** Users of a container that are root: the volume is theirs as the engine makes it. */
export const isRoot = (user: string): boolean => ['', '0', 'root'].includes(user.split(':')[0] ?? '')

/** A name that an engine takes; another name never becomes the same. */
function plainName(name: string): string {
  if (/^[a-z0-9_.]+$/i.test(name)) return name
  return `${name.replaceAll(/[^a-z0-9_.]+/gi, '_')}.${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}

/** Made by the engine with the first container that has it. */
export function storeMount({ name, owner, user }: StoreVolume): MountSettings {
  const known = { [labels.user]: owner, ...(user === undefined ? {} : { [labels.containerUser]: user }) }
  return {
    Type: 'volume',
    Source: name,
    Target: storeFolder,
    ReadOnly: false,
    VolumeOptions: { NoCopy: true, Labels: known, DriverConfig: { Name: 'local', Options: {} } },
  }
}
