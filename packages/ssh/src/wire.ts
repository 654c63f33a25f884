/** Reads the fields of an SSH message or key, front to back. A field that is not whole is an error. */
export interface WireReader {
  readonly offset: number
  readonly rest: number
  uint32(): number
  uint64(): bigint
  string(): Buffer
}

export function readWire(bytes: Buffer): WireReader {
  let offset = 0
  const take = (length: number) => {
    if (offset + length > bytes.length) throw new RangeError('a field is cut off')
    offset += length
    return bytes.subarray(offset - length, offset)
  }
  return {
    get offset() {
      return offset
    },
    get rest() {
      return bytes.length - offset
    },
    uint32: () => take(4).readUInt32BE(),
    uint64: () => take(8).readBigUInt64BE(),
    string: () => take(take(4).readUInt32BE()),
  }
}

/** A string field: its length, then its bytes. */
export function wireString(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
