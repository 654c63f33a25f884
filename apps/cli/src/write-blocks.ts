import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a file with the folders above it. It is there whole or not at all. */
export async function writeBlocks(path: string, blocks: Iterable<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const arriving = `${path}.${randomUUID()}`
  try {
    await using file = await open(arriving, 'wx')
    for (const block of blocks) await file.write(block)
    await file.close()
    await rename(arriving, path)
  } catch (error) {
    await rm(arriving, { force: true })
    throw error
  }
}
