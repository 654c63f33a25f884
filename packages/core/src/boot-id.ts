import { readFileSync } from 'node:fs'

/** What tells this start of the machine from every other; undefined where the system (macOS, Windows, some containers) does not say. */
export function bootId(): string | undefined {
  try {
    return process.platform === 'linux' ? readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim() : undefined
  } catch {
    return undefined
  }
}
