import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { DiagnosticsEntry } from '@errand/core/run'
import { ZipFile } from 'yazl'

/** Writes the entries below `folder` into a zip file, which is there whole or not at all. Answers how many they are. */
export async function writeZip(path: string, folder: string, entries: AsyncIterable<DiagnosticsEntry>): Promise<number> {
  const arriving = `${path}.${randomUUID()}`
  const zip = new ZipFile()
  const written = pipeline(zip.outputStream, createWriteStream(arriving, { flags: 'wx' }))
  const failed = new Promise<never>((_, reject) => {
    zip.on('error', reject)
  })
  try {
    let count = 0
    for await (const entry of entries) {
      zip.addReadStreamLazy(`${folder}/${entry.path}`, { mode: entry.executable ? 0o100755 : 0o100644 }, (give) =>
        give(
          null,
          entry.open().once('error', (error) => zip.emit('error', error)),
        ),
      )
      count += 1
    }
    zip.end()
    await Promise.race([written, failed])
    await rename(arriving, path)
    return count
  } catch (error) {
    await rm(arriving, { force: true })
    throw error
  }
}
