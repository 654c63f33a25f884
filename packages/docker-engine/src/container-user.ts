import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { readImageFile } from './brief-container.ts'
import type { Engine } from './engine.ts'

/**
 * The number of a user in an image: two images may mean different users by one name. A user that the image does not know keeps its name, since
 * the engine says what is wrong. What an image answers is kept in `directory`.
 */
export async function numberOfUser(
  engine: Engine,
  { image, user }: { readonly image: string; readonly user: string },
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  const [name = ''] = user.split(':')
  if (name === '' || /^\d+$/.test(name)) return name
  const accounts = await accountsOf(engine, image, directory, signal)
  const line = accounts.split('\n').find((account) => account.startsWith(`${name}:`))
  return line?.split(':')[2] || name
}

async function accountsOf(engine: Engine, image: string, directory: string, signal: AbortSignal): Promise<string> {
  const file = join(directory, 'images', `${image.replaceAll(/[^\w.-]/g, '_')}.passwd`)
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return known
  const text = (await readImageFile(engine, image, '/etc/passwd', signal))?.toString('utf8') ?? ''
  // A name can stand for another image tomorrow.
  if (!image.startsWith('sha256:')) return text
  await mkdir(dirname(file), { recursive: true })
  const making = `${file}.${randomUUID()}`
  await writeFile(making, text)
  await rename(making, file)
  return text
}
