/**
 * What BuildKit tells of a build: the message `StatusResponse` of its control API, in the wire format of protocol buffers. Only the fields that are
 * shown are read. Source: moby/buildkit, api/services/control/control.proto.
 */
export interface BuildTrace {
  readonly vertices: readonly TraceVertex[]
  readonly logs: readonly { readonly vertex: string; readonly text: string }[]
}

export interface TraceVertex {
  readonly digest: string
  readonly name: string
  readonly cached: boolean
  readonly started: boolean
  /** Empty unless it failed. */
  readonly error: string
}

type Field = readonly [number: number, value: bigint | Buffer]

export function readTrace(message: Buffer): BuildTrace {
  const fields = readFields(message)
  const messages = (number: number): Map<number, bigint | Buffer>[] =>
    fields.flatMap(([found, value]) => (found === number && Buffer.isBuffer(value) ? [new Map(readFields(value))] : []))
  const text = (value: bigint | Buffer | undefined): string => (Buffer.isBuffer(value) ? value.toString('utf8') : '')
  return {
    vertices: messages(1).map((vertex) => ({
      digest: text(vertex.get(1)),
      name: text(vertex.get(3)),
      cached: vertex.get(4) === 1n,
      started: vertex.has(5),
      error: text(vertex.get(7)),
    })),
    logs: messages(3).map((log) => ({ vertex: text(log.get(1)), text: text(log.get(4)) })),
  }
}

export function readFields(message: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; at < message.length; shift += 7n) {
      const byte = message[at++] ?? 0
      value |= BigInt(byte & 127) << shift
      if (byte < 128) break
    }
    return value
  }
  while (at < message.length) {
    const tag = Number(varint())
    const number = tag >> 3
    // 0: a number, 2: bytes with their length, 1 and 5: eight and four bytes.
    if ((tag & 7) === 0) fields.push([number, varint()])
    else {
      const length = (tag & 7) === 2 ? Number(varint()) : (tag & 7) === 1 ? 8 : 4
      fields.push([number, message.subarray(at, at + length)])
      at += length
    }
  }
  return fields
}
