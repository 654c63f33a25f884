/**
 * The log of a run, at its place and in the history: a magic line, then records of raw chunks. Chunks and not lines, so that a million
 * lines cost little and bytes that are no text survive; the offset of a record is the cursor from which a reader goes on.
 *
 * A record is a 13 byte header (stream, microseconds since 1970 UTC, length; big-endian) and `length` bytes. A last record that is
 * shorter than its header says is still being written and does not count.
 */
export const logMagic = Buffer.from('ERRLOG1\n', 'latin1')
export const logHeaderSize = 13

export const logStreams = ['stdout', 'stderr', 'control'] as const
export type LogStream = (typeof logStreams)[number]

/** A piece of the log of a run. */
export interface LogRecord {
  readonly stream: LogStream
  /** Microseconds since 1970 UTC. */
  readonly time: number
  /** A view into the bytes that were parsed, not a copy. */
  readonly data: Uint8Array
  /** Offset behind this record, counted from the start of the bytes that were parsed. */
  readonly end: number
}

/** The whole records at the front of `bytes` (which starts at a record, not at the magic). What is left is an incomplete one. */
export function* parseLogRecords(bytes: Buffer): Generator<LogRecord> {
  let offset = 0
  while (offset + logHeaderSize <= bytes.length) {
    const end = offset + logHeaderSize + bytes.readUInt32BE(offset + 9)
    if (end > bytes.length) return
    const stream = logStreams[bytes.readUInt8(offset) - 1] ?? 'control'
    yield { stream, time: Number(bytes.readBigUInt64BE(offset + 1)), data: bytes.subarray(offset + logHeaderSize, end), end }
    offset = end
  }
}

/** Header and data of one record. */
export function encodeLogRecord(record: { readonly stream: LogStream; readonly time: number; readonly data: Uint8Array }): Buffer {
  const header = Buffer.allocUnsafe(logHeaderSize)
  header.writeUInt8(logStreams.indexOf(record.stream) + 1, 0)
  header.writeBigUInt64BE(BigInt(record.time), 1)
  header.writeUInt32BE(record.data.length, 9)
  return Buffer.concat([header, record.data])
}

/** ISO 8601 UTC with microseconds, as in `status.json` and every record of the history. */
export function isoTime(microseconds: number): string {
  const milliseconds = Math.floor(microseconds / 1000)
  return new Date(milliseconds).toISOString().replace('Z', `${String(microseconds - milliseconds * 1000).padStart(3, '0')}Z`)
}
