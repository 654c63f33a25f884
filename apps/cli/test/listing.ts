import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Everything below a folder with what would change if anything touched it; reading a file leaves only its access time. */
export function listing(directory: string): string[] {
  return ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })].toSorted().map((path) => {
    const { mode, uid, ino, size, mtimeMs, ctimeMs } = lstatSync(join(directory, path))
    return [path, mode, uid, ino, size, mtimeMs, ctimeMs].join(' ')
  })
}
