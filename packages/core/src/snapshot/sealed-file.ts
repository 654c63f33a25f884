import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { ErrandError, errorCode, errorMessage, exitCodeOf } from '../errors.ts'

const magicLength = 8
const headerLength = magicLength + 4

/**
 * Replaces a file in one step by 8 bytes of magic, the CRC-32 of the body (big-endian) and the body, so that a reader sees the old
 * file or the new one and knows a damaged one.
 */
export function writeSealed(path: string, magic: string, body: Buffer, mode: number): void {
  const header = Buffer.alloc(headerLength)
  header.write(magic, 'latin1')
  header.writeUInt32BE(crc32(body), magicLength)
  replaceFile(path, Buffer.concat([header, body]), mode)
}

/** What a sealed file holds, or undefined when it is absent, damaged or of another format. `unpack` throws on a body it can't read. */
export function readSealed<Content>(path: string, magic: string, unpack: (body: Buffer) => Content): Content | undefined {
  const content = readIfPresent(path)
  if (content === undefined || content.length < headerLength) return undefined
  if (content.toString('latin1', 0, magicLength) !== magic) return undefined
  const body = content.subarray(headerLength)
  if (crc32(body) !== content.readUInt32BE(magicLength)) return undefined
  try {
    return unpack(body)
  } catch {
    return undefined
  }
}

/** Writes beside the path and renames, so that nobody ever sees a part. */
export function replaceFile(path: string, content: Buffer | string, mode: number): void {
  const partial = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.partial`
  try {
    writeFileSync(partial, content, { mode, flag: 'wx' })
    renameSync(partial, path)
  } catch (cause) {
    rmSync(partial, { force: true })
    throw notWritable(path, cause)
  }
}

/** The error of a state folder that can't be written: full disk, read-only disk, no right to. */
export function notWritable(path: string, cause: unknown): ErrandError {
  const reasons: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the quota of this user is used up',
    EROFS: 'the disk is mounted read-only',
    EACCES: 'this user may not write there',
    EPERM: 'this user may not write there',
    ENOTDIR: 'a part of that path is a file',
  }
  const reason = reasons[errorCode(cause) ?? ''] ?? errorMessage(cause)
  return new ErrandError('STATE_NOT_WRITABLE', `${path} can't be written: ${reason}.`, {
    hint: 'Make room or give yourself the right to write there, then run the same command again.',
    cause,
    exitCode: exitCodeOf(cause),
  })
}

function readIfPresent(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
