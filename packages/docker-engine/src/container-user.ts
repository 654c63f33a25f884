import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { localHost } from '@errand/core'
import { readImageFile } from './brief-container.ts'
import type { Engine } from './engine.ts'
import { refusalStatus } from './engine-errors.ts'
import { isRoot } from './store-volume.ts'

/** The user of a container, as the kernel and the programs in it know one. */
export interface ContainerUser {
  /** A name that the image does not know stays a name, since the engine says what is wrong. */
  readonly number: string
  /**
   * For an image that has no line for the number: its `/etc/passwd` with one. Programs end at a user without a name, Hadoop's login at the start
   * of Spark and Python's `getpass` among them.
   */
  readonly accounts?: string
}

/** Two images may mean different users by one name. What an image answers is kept in `directory`. */
export async function containerUser(
  engine: Engine,
  { image, user }: { readonly image: string; readonly user: string },
  directory: string,
  signal: AbortSignal,
): Promise<ContainerUser> {
  if (isRoot(user)) return { number: '0' }
  const [name = '', group = ''] = user.split(':')
  const accounts = await accountsOf(engine, image, directory, signal)
  const lines = accounts.split('\n').map((line) => line.split(':'))
  if (!/^\d+$/.test(name)) return { number: lines.find(([known]) => known === name)?.[2] || name }
  if (lines.some(([, , number]) => number === name)) return { number: name }
  const end = accounts === '' || accounts.endsWith('\n') ? '' : '\n'
  // A group of its own the engine takes from the container's settings; without one it is root's, as for any number without a line.
  const line = `user${name}:x:${name}:${/^\d+$/.test(group) ? group : '0'}::/tmp:/bin/sh\n`
  return { number: name, accounts: accounts + end + line }
}

async function accountsOf(engine: Engine, image: string, directory: string, signal: AbortSignal): Promise<string> {
  const file = join(directory, 'images', `${image.replaceAll(/[^\w.-]/g, '_')}.passwd`)
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return known
  const content = await readImageFile(engine, image, '/etc/passwd', signal).catch((error: unknown) => {
    // An image that has gone: who makes the run's container of it says so.
    if (refusalStatus(error) === 404) return undefined
    throw error
  })
  const text = content?.toString('utf8') ?? ''
  // A name can stand for another image tomorrow.
  if (content === undefined || !image.startsWith('sha256:')) return text
  await localHost().writeFile(file, text)
  return text
}
