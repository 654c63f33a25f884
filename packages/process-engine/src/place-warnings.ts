import type { Hello } from '@errand/agent'

const gigabyte = 1_000_000_000

/** A sentence when little space is left for runs. `free` in bytes. */
export function spaceWarning(folder: string, free: number | null): string | undefined {
  if (free === null || free >= gigabyte) return undefined
  return `Only ${Math.floor(free / 1_000_000)} MB are free for ${folder}.`
}

const clockTolerance = 60_000

/** A sentence when a clock is not ours. @param ahead Milliseconds. */
export function clockWarning(place: string, ahead: number): string | undefined {
  if (Math.abs(ahead) <= clockTolerance) return undefined
  const minutes = Math.round(Math.abs(ahead) / 60_000)
  return `The clock of ${place} is ${minutes} minutes ${ahead > 0 ? 'ahead of' : 'behind'} this machine's: times of runs are those of that clock, durations are right.`
}

/** What a user should know of a place before a run meets it, from what its agent said when it started. @param now Milliseconds since 1970, then. */
export function placeWarnings(place: string, { home, free, time }: Hello, now: number): readonly string[] {
  return [spaceWarning(home, free), clockWarning(place, time * 1000 - now)].filter((warning) => warning !== undefined)
}
