import { ErrandError, type HostProcess } from '@errand/core'
import { type Frame, parseFrames } from './frames.ts'

/** What the agent says of itself and its place when it starts. */
export interface Hello {
  readonly protocol: number
  readonly python: { readonly executable: string; readonly version: string; readonly prefix: string }
  /** The folder of everything that errand keeps at that place. */
  readonly home: string
  readonly platform: { readonly os: string; readonly architecture: string }
  readonly hostname: string
  readonly user: string
  /** Bytes free for this user where `home` is or will be; null where it can't be known. */
  readonly free: number | null
}

export interface CallParameters {
  readonly [name: string]: unknown
}

export interface CallSettings {
  readonly signal: AbortSignal
  /** Sent behind the call's line. */
  readonly body?: Buffer | { readonly size: number; readonly chunks: AsyncIterable<Buffer> }
  progress?(progress: { readonly message: string; readonly done?: number; readonly total?: number }): void
  /** Told each part of an answer that comes in parts, but the last, which settles the call. */
  part?(part: Answer): void
}

export interface Answer {
  readonly result: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

interface Waiting {
  settle(answer: Answer): void
  fail(error: unknown): void
  progress?: CallSettings['progress']
  part?: CallSettings['part']
}

/** A running agent process and the calls that are open on it. Any number at once; each answer finds its call by number. */
export interface Connection extends AsyncDisposable {
  readonly hello: Hello
  readonly alive: boolean
  call(name: string, parameters: CallParameters, settings: CallSettings): Promise<Answer>
}

/**
 * Waits for the agent's first frame. When the process ends before it, the error `AGENT_NOT_STARTED` carries as `cause` an object with
 * the exit and the text of stderr, from which the caller tells a missing agent from a missing Python.
 */
export async function openConnection(process: HostProcess, place: string): Promise<Connection> {
  const waiting = new Map<number, Waiting>()
  const errorText = collectText(process.stderr)
  const strays: string[] = []
  const frames = parseFrames(process.stdout, (line) => strays.push(line))
  let lost: ErrandError | undefined
  let nextId = 1
  let writing = Promise.resolve()

  const first = await frames.next()
  if (first.done || !isHello(first.value)) {
    const [exit, stderr] = await Promise.all([process.exit, errorText])
    throw new ErrandError('AGENT_NOT_STARTED', `Errand's agent did not start on ${place}.`, { cause: { ...exit, stderr, strays } })
  }
  const hello = first.value.header['hello'] as Hello

  async function receive(): Promise<void> {
    try {
      for await (const frame of frames) deliver(waiting, frame)
    } finally {
      const [exit, stderr] = await Promise.all([process.exit, errorText])
      lost = connectionLost(place, exit, stderr)
      for (const call of waiting.values()) call.fail(lost)
      waiting.clear()
    }
  }
  const ended = receive().catch(() => {})

  async function send(line: string, body: CallSettings['body'], parameters: CallParameters): Promise<void> {
    if (body === undefined) return write(process, line)
    if (Buffer.isBuffer(body)) return write(process, Buffer.concat([Buffer.from(line), body]))
    let sent = 0
    // The line goes out with the first chunk when that is short: a small object is then one packet, not two.
    let ahead = Buffer.from(line)
    for await (const chunk of body.chunks) {
      sent += chunk.length
      if (sent > body.size) break
      if (ahead.length > 0 && chunk.length > shortChunk) await write(process, ahead)
      await write(process, ahead.length === 0 || chunk.length > shortChunk ? chunk : Buffer.concat([ahead, chunk]))
      ahead = Buffer.alloc(0)
    }
    if (ahead.length > 0) await write(process, ahead)
    // The place counts the bytes that were announced: with fewer it would wait for ever, and take more for the next call.
    if (sent !== body.size) throw objectDamaged(parameters['digest'], body.size)
  }

  return {
    hello,
    get alive() {
      return lost === undefined
    },
    call(name, parameters, settings) {
      const id = nextId++
      return new Promise<Answer>((resolve, reject) => {
        if (settings.signal.aborted) return reject(settings.signal.reason as Error)
        if (lost) return reject(lost)
        const abort = () => {
          waiting.delete(id)
          reject(settings.signal.reason as Error)
        }
        settings.signal.addEventListener('abort', abort, { once: true })
        const forget = () => settings.signal.removeEventListener('abort', abort)
        waiting.set(id, {
          settle(answer) {
            forget()
            resolve(answer)
          },
          fail(error) {
            forget()
            reject(error)
          },
          ...(settings.progress ? { progress: settings.progress } : {}),
          ...(settings.part ? { part: settings.part } : {}),
        })
        const bytes =
          settings.body === undefined ? {} : { bytes: Buffer.isBuffer(settings.body) ? settings.body.length : settings.body.size }
        const line = `${JSON.stringify({ ...parameters, ...bytes, id, call: name })}\n`
        // One call is written whole before the next one begins. A call whose body can't be read leaves the stream in the middle of it: over.
        writing = writing
          .then(() => send(line, settings.body, parameters))
          .catch(async (error: unknown) => {
            waiting.get(id)?.fail(error)
            waiting.delete(id)
            await process.kill('SIGKILL')
          })
      })
    },
    async [Symbol.asyncDispose]() {
      process.stdin.end()
      // With no answer to come, its end is its own matter: on a long way the wait for it would cost a round trip.
      if (waiting.size === 0) return
      const timer = setTimeout(() => void process.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Bytes: what is longer fills packets anyway, and would be copied. */
const shortChunk = 32 * 1024

function isHello(frame: Frame): boolean {
  return typeof frame.header['hello'] === 'object'
}

function deliver(waiting: Map<number, Waiting>, frame: Frame): void {
  const { id, result, part, error, progress } = frame.header as {
    id?: number
    result?: Record<string, unknown>
    part?: Record<string, unknown>
    error?: { code: string; message: string; hint?: string }
    progress?: { message: string; done?: number; total?: number }
  }
  const call = id === undefined ? undefined : waiting.get(id)
  if (id === undefined || call === undefined) return
  if (progress) return call.progress?.(progress)
  if (part) return call.part?.({ result: part, body: frame.body })
  waiting.delete(id)
  if (error) call.fail(new ErrandError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint }))
  else call.settle({ result: result ?? {}, body: frame.body })
}

/** Resolves when there is room for more. A process that has ended takes nothing: its end fails the calls. */
function write(process: HostProcess, data: string | Buffer): Promise<void> {
  const { stdin } = process
  if (stdin.destroyed || stdin.writableEnded || stdin.write(data)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      stdin.off('drain', done)
      stdin.off('close', done)
      resolve()
    }
    stdin.on('drain', done)
    stdin.on('close', done)
  })
}

export function objectDamaged(digest: unknown, size: number): ErrandError {
  return new ErrandError('OBJECT_DAMAGED', `The kept copy of a file of the project, ${String(digest)}, does not have its ${size} bytes.`, {
    hint: 'Something else wrote into it. Delete the file of that name among the kept objects of the project, and submit again.',
  })
}

function connectionLost(place: string, exit: { exitCode?: number; signal?: string }, stderr: string): ErrandError {
  const how = exit.signal ?? (exit.exitCode === undefined ? 'the connection was cut' : `exit code ${exit.exitCode}`)
  const last = stderr.trimEnd().split('\n').at(-1)
  return new ErrandError(
    'AGENT_CONNECTION_LOST',
    `The connection to errand's agent on ${place} ended (${how})${last ? `: ${last}` : ''}.`,
    {
      hint: 'The run is not affected. Ask again: errand status last',
    },
  )
}

async function collectText(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text = (text + chunk.toString('utf8')).slice(-16_384)
  return text
}
