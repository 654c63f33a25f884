import { Readable } from 'node:stream'
import { ErrandError, type Host } from '@errand/core'

/** Each program is started by itself: what a stream holds is sent once, whoever has to wait for a session behind it. */
type Place = Pick<Host, 'name' | 'run'>

const forever = (): AbortSignal => new AbortController().signal

const readScript = '[ -e "$1" ] || exit 44; [ -d "$1" ] && exit 45; exec cat < "$1"'

/** The whole file. Errors: `ENOENT`, `EISDIR`, `EACCES` as of a file here. */
export async function readRemoteFile(place: Place, path: string): Promise<Buffer> {
  const { exitCode, stdout, stderr } = await place.run(['/bin/sh', '-c', readScript, 'sh', path], { signal: forever() })
  if (exitCode === 0) return stdout
  if (exitCode === 44) throw new ErrandError('ENOENT', `There is no file ${path} on ${place.name}.`)
  if (exitCode === 45) throw new ErrandError('EISDIR', `${path} on ${place.name} is a folder.`)
  throw new ErrandError('EACCES', `${path} on ${place.name} can't be read: ${lastLine(stderr)}`)
}

const storeScript =
  'umask 077; mkdir -p -- "$(dirname -- "$1")" && cat > "$2" && ' +
  '{ [ -z "$4" ] || [ "$(($(wc -c < "$2")))" = "$4" ]; } && chmod "$3" "$2" && mv -f -- "$2" "$1" || { rm -f -- "$2"; exit 1; }'
const finishScript = '[ "$(($(wc -c < "$2")))" = "$4" ] && chmod "$3" "$2" && mv -f -- "$2" "$1" || { rm -f -- "$2"; exit 1; }'
const receiveScript = 'umask 077; mkdir -p -- "$(dirname -- "$1")" && exec cat > "$2"'

/**
 * Replaces a file in one step, once all of it is there: a connection that is cut leaves the old one. Folders on the way are made.
 * Error: `FILE_NOT_WRITTEN`.
 */
export async function writeRemoteFile(place: Place, path: string, data: Buffer | string | Readable, mode = 0o644): Promise<void> {
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  const shell = async (script: string, size: number | undefined, input: Buffer | string | Readable) => {
    const parameters = [path, temporary, mode.toString(8), size === undefined ? '' : String(size)]
    const { exitCode, stderr } = await place.run(['/bin/sh', '-c', script, 'sh', ...parameters], { signal: forever(), input })
    if (exitCode === 0) return
    throw new ErrandError('FILE_NOT_WRITTEN', `${path} on ${place.name} can't be written: ${lastLine(stderr)}`, {
      hint: 'Free space there, or make its folder writable.',
    })
  }
  if (typeof data === 'string' || Buffer.isBuffer(data)) return shell(storeScript, Buffer.byteLength(data), data)
  let size = 0
  const counted = Readable.from(count(data, (bytes) => (size += bytes)))
  await Promise.race([shell(receiveScript, undefined, counted), failureOf(counted)])
  await shell(finishScript, size, '')
}

async function* count(stream: Readable, add: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk as string)
    add(bytes.length)
    yield bytes
  }
}

function failureOf(stream: Readable): Promise<never> {
  return new Promise((_, reject) => stream.once('error', reject))
}

const lastLine = (text: Buffer): string => text.toString('utf8').trim().split('\n').at(-1) ?? ''
