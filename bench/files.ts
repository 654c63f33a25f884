import { randomFillSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Files of that many random bytes each, in 200 folders of `data` in a project. */
export function fill(directory: string, files: number, bytes: number): void {
  const block = Buffer.alloc(bytes)
  for (let index = 0; index < files; index++) {
    const folder = join(directory, 'data', String(index % 200))
    if (index < 200) mkdirSync(folder, { recursive: true })
    randomFillSync(block)
    writeFileSync(join(folder, `file-${index}.bin`), block)
  }
}
