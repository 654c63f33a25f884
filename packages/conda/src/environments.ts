import { type CallOptions, ErrandError, type Host } from '@errand/core'
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
  { home, key, pythons = defaultPythons }: EnvironmentPlace & { readonly key: string },
  options: CallOptions,
): Promise<void> {
  if (!/^[0-9a-f]{24}$/.test(key)) throw new ErrandError('ENVIRONMENT_UNKNOWN', `${key} is not the key of an environment.`)
  await using place = await openPlace(host, pythons, options)
  const removed = await place.answer<boolean>({ kind: 'remove', home, key })
  if (!removed)
    throw new ErrandError('ENVIRONMENT_IN_USE', `The environment ${key} is being made on ${host.name} at this moment.`, {
      hint: 'Wait, and remove it again.',
    })
}
