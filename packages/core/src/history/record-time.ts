/** Microseconds since 1970 UTC of an ISO 8601 time; now, when it is no time at all, because a log must not be lost for that. */
export function microsecondsOf(iso: string): number {
  const milliseconds = Date.parse(iso)
  if (Number.isNaN(milliseconds)) return Date.now() * 1000
  return Math.floor(milliseconds) * 1000 + Number((/\.\d{3}(\d{1,3})/u.exec(iso)?.[1] ?? '0').padEnd(3, '0'))
}

/** `H:MM:SS.ffffff`, as Python prints a time difference below a day; hours go on growing. */
export function durationText(microseconds: number): string {
  const whole = Math.max(0, Math.round(microseconds))
  const seconds = Math.floor(whole / 1_000_000)
  const two = (value: number) => String(value).padStart(2, '0')
  const clock = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return `${clock}.${String(whole % 1_000_000).padStart(6, '0')}`
}
