import { type CallOptions, ErrandError, type Host, type Leftover } from '@errand/core'
import { openPlace } from './place.ts'

/** An environment at a place. */
export interface EnvironmentEntry {
  readonly key: string
  /** False for what a failed or killed call left. */
  readonly complete: boolean
  /** On the disk; files that it shares with a package cache included. */
  readonly bytes: number
  /** ISO 8601 UTC. */
  readonly lastUsed: string
  readonly beingMade: boolean
  /** Being made, or a program of it runs. */
  readonly inUse: boolean
  /** Name and version. */
  readonly provider?: string
  readonly project?: string | null
}

interface EnvironmentPlace {
  readonly home: string
  readonly pythons?: readonly string[]
}

const defaultPythons = ['python3', 'python']

/** The environments below `home`, with sizes and last use. */
export async function listEnvironments(
  host: Host,
  { home, pythons = defaultPythons }: EnvironmentPlace,
  options: CallOptions,
): Promise<readonly EnvironmentEntry[]> {
  await using place = await openPlace(host, pythons, options)
  return await place.answer<readonly EnvironmentEntry[]>({ kind: 'list', home })
}

/** Deletes one; nothing to do when it is gone. Error: `ENVIRONMENT_IN_USE` when it is being made. */
export async function removeEnvironment(
  host: Host,
  { key, ...place }: EnvironmentPlace & { readonly key: string },
  options: CallOptions,
): Promise<void> {
  if (!/^[0-9a-f]{24}$/.test(key)) throw new ErrandError('ENVIRONMENT_UNKNOWN', `${key} is not the key of an environment.`)
  await remove(host, place, { key }, `The environment ${key}`, options)
}

/**
 * What a place keeps below `home` because of environments: `environment:KEY` each environment, `tool:NAME` each tool that was brought to make
 * them, `files:environments` the package files of projects.
 */
export async function environmentLeftovers(
  host: Host,
  { home, pythons = defaultPythons }: EnvironmentPlace,
  options: CallOptions,
): Promise<readonly Leftover[]> {
  await using place = await openPlace(host, pythons, options)
  return await place.answer<readonly Leftover[]>({ kind: 'leftovers', home })
}

/** Whether the id of a leftover is one of `environmentLeftovers`. */
export const isEnvironmentLeftover = (id: string): boolean => /^(environment|tool|files):/.test(id)

/** Deletes one of `environmentLeftovers`; nothing to do when it is gone. Errors: `ENVIRONMENT_IN_USE`, `ENVIRONMENT_UNKNOWN`. */
export async function removeEnvironmentLeftover(
  host: Host,
  { id, ...place }: EnvironmentPlace & { readonly id: string },
  options: CallOptions,
): Promise<void> {
  const [kind, name = ''] = id.split(/:(.*)/)
  if (kind === 'environment') return removeEnvironment(host, { ...place, key: name }, options)
  if (kind === 'files') return remove(host, place, {}, 'What environments are made of', options)
  if (kind !== 'tool' || !/^\w[\w.-]*$/.test(name)) throw new ErrandError('ENVIRONMENT_UNKNOWN', `There is no leftover ${id}.`)
  await remove(host, place, { tool: name }, `The tool ${name}`, options)
}

async function remove(
  host: Host,
  { home, pythons = defaultPythons }: EnvironmentPlace,
  what: Readonly<Record<string, string>>,
  title: string,
  options: CallOptions,
): Promise<void> {
  await using place = await openPlace(host, pythons, options)
  const removed = await place.answer<boolean>({ kind: 'remove', home, ...what })
  if (removed) return
  throw new ErrandError('ENVIRONMENT_IN_USE', `${title} is being made on ${host.name} at this moment.`, {
    hint: 'Wait, and remove it again.',
  })
}
