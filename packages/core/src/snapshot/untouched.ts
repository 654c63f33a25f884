import { futimesSync, type Stats } from 'node:fs'

/**
 * Gives a stored content, once it is whole, the modification time of a whole second: whatever writes into it later, or puts another file in
 * its place, leaves a fraction. What was touched is read before it is believed; the others need not be.
 */
export function markUntouched(file: number): void {
  const now = Math.floor(Date.now() / 1000)
  try {
    futimesSync(file, now, now)
  } catch {
    // Then it is read each time.
  }
}

export function isUntouched({ mtimeMs }: Stats): boolean {
  return mtimeMs % 1000 === 0
}
