import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** One line of what an engine tells while it pulls or builds. */
export interface ProgressLine {
  /** Output of a build. */
  readonly stream?: string
  readonly status?: string
  /** A layer. */
  readonly id?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
  readonly error?: string
  readonly errorDetail?: { readonly message?: string; readonly code?: number }
  readonly aux?: unknown
}

/** The lines as they come. What is no JSON (a proxy's words) is left out. */
export async function* progressLines(stream: Readable): AsyncGenerator<ProgressLine> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield* parsed(line)
  }
  yield* parsed(rest)
}

function* parsed(line: string): Generator<ProgressLine> {
  if (line.trim() === '') return
  try {
    yield JSON.parse(line) as ProgressLine
  } catch {
    // Not the engine's.
  }
}

export const lineError = ({ error, errorDetail }: ProgressLine): string | undefined => errorDetail?.message ?? error
