import { formatBytes } from '@errand/core'

const gigabyte = 1_000_000_000

/** A sentence when little space is left for runs. @param free Bytes; null where it can't be known. */
export function spaceWarning(folder: string, free: number | null): string | undefined {
  if (free === null || free >= gigabyte) return undefined
  return `Only ${formatBytes(free)} are free for ${folder}.`
}
