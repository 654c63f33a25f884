/** A recorded terminal, as asciinema writes it: version 2, output only. */
export interface Cast {
  readonly width: number
  readonly height: number
  /** What was written, in seconds since the beginning. */
  readonly events: readonly (readonly [seconds: number, text: string])[]
}

/** Reads the lines of an asciicast. */
export function readCast(text: string): Cast {
  const [header = '{}', ...lines] = text.trim().split('\n')
  const { width, height } = JSON.parse(header) as { width: number; height: number }
  const events = lines.map((line) => JSON.parse(line) as [number, string, string])
  return { width, height, events: events.filter(([, kind]) => kind === 'o').map(([seconds, , written]) => [seconds, written] as const) }
}
