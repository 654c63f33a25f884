import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { ErrandError, errorCode } from '../errors.ts'
import { logHeaderSize, logMagic, logStreams, parseLogRecords } from '../log-record.ts'
import type { RunEvent } from '../target.ts'
import type { ReadLogOptions, StoredLogRecord } from './history.ts'
import { microsecondsOf } from './record-time.ts'

/** A record holds no more; longer data becomes several records. */
const longestData = 262_144
const readBlock = 1_048_576

export interface EncodedEvents {
  readonly bytes: Buffer
  /** `offsets[n]`: where the records of event n begin; one more entry for the end. */
  readonly offsets: readonly number[]
}

/** The log records of a batch in one buffer; events that are no log take no bytes. */
export function encodeEvents(events: readonly RunEvent[]): EncodedEvents {
  const offsets = [0]
  let size = 0
  for (const event of events) {
    if (event.type === 'log') size += event.data.length + logHeaderSize * recordsFor(event.data.length)
    offsets.push(size)
  }
  const bytes = Buffer.allocUnsafe(size)
  let offset = 0
  for (const event of events) {
    if (event.type === 'log') offset = writeRecords(bytes, offset, event)
  }
  return { bytes, offsets }
}

function recordsFor(length: number): number {
  return Math.max(1, Math.ceil(length / longestData))
}

function writeRecords(bytes: Buffer, start: number, event: Extract<RunEvent, { type: 'log' }>): number {
  const time = BigInt(microsecondsOf(event.at))
  let offset = start
  for (let from = 0, records = recordsFor(event.data.length); records > 0; records -= 1, from += longestData) {
    const data = event.data.length <= longestData ? event.data : event.data.subarray(from, from + longestData)
    bytes.writeUInt8(logStreams.indexOf(event.stream) + 1, offset)
    bytes.writeBigUInt64BE(time, offset + 1)
    bytes.writeUInt32BE(data.length, offset + 9)
    bytes.set(data, offset + logHeaderSize)
    offset += logHeaderSize + data.length
  }
  return offset
}

/**
 * Puts records behind the first `size` bytes of the log, the only ones that count, and answers the new size. What lies behind them was left
 * by a client that was killed before its transaction ended. Undefined: the file is shorter than that, bytes are lost.
 */
export function writeLog(path: string, records: Buffer, size: number): number | undefined {
  if (size === 0) mkdirSync(dirname(path), { recursive: true })
  const file = openLog(path, constants.O_RDWR | (size === 0 ? constants.O_CREAT : 0))
  if (file === undefined) return undefined
  try {
    const found = fstatSync(file).size
    if (found < size) return undefined
    if (found > size) ftruncateSync(file, size)
    const bytes = size === 0 ? Buffer.concat([logMagic, records]) : records
    let done = 0
    while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, size + done)
    return size + bytes.length
  } finally {
    closeSync(file)
  }
}

/** Undefined when there is no such file. */
function openLog(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags, 0o644)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Until the log has reached the disk. */
export function synchroniseLog(path: string): void {
  const file = openLog(path, constants.O_RDWR)
  if (file === undefined) return
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The records of the first `size` bytes. Each block has a buffer of its own, so that data may be kept. */
export function* readLogFile(path: string, size: number, options: ReadLogOptions = {}): Generator<StoredLogRecord> {
  let position = Math.max(options.from ?? 0, logMagic.length)
  if (position >= size) return
  const file = openLog(path, constants.O_RDONLY)
  if (file === undefined) throw damaged(path)
  try {
    let block = readBlock
    while (position < size) {
      const bytes = readFully(file, Math.min(block, size - position), position)
      let end = 0
      for (const record of parseLogRecords(bytes)) {
        end = record.end
        if (options.streams === undefined || options.streams.includes(record.stream)) yield { ...record, end: position + end }
      }
      position += end
      // A record that is longer than the block, or one that is not whole although it counts.
      if (end === 0 && bytes.length < block) throw damaged(path)
      block = end === 0 ? block * 2 : readBlock
    }
  } finally {
    closeSync(file)
  }
}

function readFully(file: number, length: number, position: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, position + done)
    if (read === 0) break
    done += read
  }
  return bytes.subarray(0, done)
}

function damaged(path: string): ErrandError {
  return new ErrandError('HISTORY_LOG_DAMAGED', `${path} is shorter than the history says, or was changed.`, {
    hint: 'While the run is still known at its place, `errand logs -f RUN` brings it again.',
  })
}
