/** One message of the agent: a line of JSON, followed by as many raw bytes as its `bytes` says. */
export interface Frame {
  readonly header: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

/** Cuts a byte stream into frames. A line that is no JSON object is given to `stray`: a login banner, or a shell's message. */
export async function* parseFrames(stream: AsyncIterable<Buffer>, stray: (line: string) => void): AsyncGenerator<Frame> {
  let pending: Buffer[] = []
  let size = 0
  let header: Record<string, unknown> | undefined
  for await (const chunk of stream) {
    pending.push(chunk)
    size += chunk.length
    for (;;) {
      // While a body is on its way its chunks are only collected: joined once, when it is whole.
      if (header !== undefined && size < lengthOf(header)) break
      const bytes = Buffer.concat(pending, size)
      const end = header === undefined ? bytes.indexOf('\n') + 1 : lengthOf(header)
      pending = [bytes.subarray(end)]
      size -= end
      if (header === undefined) {
        if (end === 0) break
        const line = bytes.toString('utf8', 0, end)
        header = parseHeader(line)
        if (header === undefined) stray(line.trimEnd())
      } else {
        yield { header, body: bytes.subarray(0, end) }
        header = undefined
      }
    }
  }
}

function lengthOf(header: Record<string, unknown>): number {
  return typeof header['bytes'] === 'number' ? header['bytes'] : 0
}

function parseHeader(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}
