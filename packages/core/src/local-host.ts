import { type ChildProcess, spawn } from 'node:child_process'
import { createConnection } from 'node:net'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { arch, homedir } from 'node:os'
import { dirname } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { ErrandError, errorCode } from './errors.ts'
import type { Exit, Host, HostProcess, RunOptions } from './host.ts'

/** This machine, with the user's own environment variables. */
export function localHost(): Host {
  return {
    name: 'this machine',
    platform: { os: process.platform, architecture: arch() },
    home: homedir(),
    run,
    spawn: async (command, options) => processOf(await start(command, options), options),
    readFile: (path) => readFile(path),
    writeFile: replaceFile,
    connect,
    [Symbol.asyncDispose]: async () => {},
  }
}

async function run(command: readonly string[], options: RunOptions): Promise<Exit & { stdout: Buffer; stderr: Buffer }> {
  const child = processOf(await start(command, options), options)
  const [stdout, stderr, exit] = await Promise.all([concatenate(child.stdout), concatenate(child.stderr), child.exit])
  options.signal.throwIfAborted()
  return { ...exit, stdout, stderr }
}

/** Resolves once the program runs, so that a missing program is an error of this call. Its process group is its own: aborting ends all of it. */
async function start(command: readonly string[], options: RunOptions): Promise<ChildProcess> {
  options.signal.throwIfAborted()
  const [program, ...parameters] = command
  if (program === undefined) throw new ErrandError('COMMAND_EMPTY', 'There is no command to run.')
  const child = spawn(program, parameters, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: 'pipe',
    detached: process.platform !== 'win32',
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) => reject(cannotStart(program, options.cwd, cause)))
  })
  return child
}

function cannotStart(program: string, cwd: string | undefined, cause: Error): ErrandError {
  const reasons: Record<string, string> = {
    ENOENT: cwd === undefined ? 'there is no such program' : `there is no such program, or no folder ${cwd}`,
    EACCES: 'it may not be executed',
    E2BIG: 'its arguments are too long',
  }
  const reason = reasons[errorCode(cause) ?? ''] ?? cause.message
  return new ErrandError('COMMAND_NOT_STARTED', `${program} can't be started on this machine: ${reason}.`, { cause })
}

function processOf(child: ChildProcess, options: RunOptions): HostProcess {
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new ErrandError('COMMAND_NOT_STARTED', 'The program was started without its streams.')
  let open = true
  const kill = (signal: NodeJS.Signals) => {
    if (open) signalGroup(child, signal)
  }
  const abort = () => kill('SIGKILL')
  options.signal.addEventListener('abort', abort, { once: true })
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (exitCode, signal) => {
      open = false
      options.signal.removeEventListener('abort', abort)
      resolve({ ...(exitCode === null ? {} : { exitCode }), ...(signal === null ? {} : { signal }) })
    })
  })
  // What was aborted while the program was starting.
  if (options.signal.aborted) abort()
  // A program that ends before it has read its input is no error of ours: its exit says what happened.
  stdin.on('error', () => {})
  feed(stdin, options.input)
  return { stdin, stdout, stderr, exit, kill: async (signal) => kill(signal) }
}

function feed(stdin: NodeJS.WritableStream, input: RunOptions['input']): void {
  if (input === undefined) return
  if (typeof input === 'string' || Buffer.isBuffer(input)) stdin.end(input)
  else input.pipe(stdin)
}

/** Also when the program itself has ended: others of its group may still hold its streams open. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill(signal)
    else process.kill(-child.pid, signal)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error
  }
}

async function concatenate(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function replaceFile(path: string, data: Buffer | string | Readable, options: { mode?: number } = {}): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  try {
    await writeFile(temporary, data, { mode: options.mode ?? 0o644 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

function connect(to: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = 'path' in to ? createConnection({ path: to.path }) : createConnection({ host: to.host, port: to.port, noDelay: true })
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
  })
}
