const point = '.'.charCodeAt(0)
const zero = '0'.charCodeAt(0)
/** Where the fourth digit of the second's fraction stands in `2026-03-01T10:00:04.892390Z`. */
const fourthDigit = 23

/**
 * Microseconds since 1970 UTC of an ISO 8601 time; now, when it is no time at all, because a log must not be lost for that. Called for each
 * record of a log and each row of a list, so without a regular expression.
 */
export function microsecondsOf(iso: string): number {
  const milliseconds = Date.parse(iso)
  if (Number.isNaN(milliseconds)) return Date.now() * 1000
  let rest = 0
  if (iso.charCodeAt(fourthDigit - 4) === point) {
    for (let place = 0, scale = 100; place < 3; place += 1, scale /= 10) {
      const digit = iso.charCodeAt(fourthDigit + place) - zero
      if (!(digit >= 0 && digit <= 9)) break
      rest += digit * scale
    }
  }
  return Math.floor(milliseconds) * 1000 + rest
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** `H:MM:SS.ffffff`, as Python prints a time difference below a day; hours go on growing. */
export function durationText(microseconds: number): string {
  const whole = Math.max(0, Math.round(microseconds))
  const seconds = Math.floor(whole / 1_000_000)
  const clock = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return `${clock}.${String(whole % 1_000_000).padStart(6, '0')}`
}
