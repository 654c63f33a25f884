import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type CallOptions, ErrandError, type Host } from '@errand/core'
import type { PreparedEnvironment } from './prepare-environment.ts'

/**
 * The environment as a tar archive packed by gzip, which works wherever it is unpacked; made with `relocatable: true`. Its own Python packs
 * it, while it is read. The stream ends with the error `ARCHIVE_FAILED` when not all of it came.
 */
export function environmentArchive(
  host: Host,
  { prefix, python }: Pick<PreparedEnvironment, 'prefix' | 'python'>,
  { signal }: Pick<CallOptions, 'signal'>,
): Readable {
  return Readable.from(packed(host, [python, '-I', '-S', '-B', '-c', archiveProgram(), prefix], signal), { objectMode: false })
}

async function* packed(host: Host, command: readonly string[], signal: AbortSignal): AsyncGenerator<Buffer> {
  const process = await host.spawn(command, { signal })
  process.stdin.end()
  // A lost connection is told by what is read.
  const complaint = textOf(process.stderr).catch(() => '')
  let whole = false
  try {
    yield* process.stdout
    whole = true
  } finally {
    // A reader that stops early, as one does whose connection broke, leaves nobody behind that packs on.
    if (!whole) await process.kill('SIGKILL')
  }
  const { exitCode } = await process.exit
  if (exitCode !== 0)
    throw new ErrandError(
      'ARCHIVE_FAILED',
      `The environment could not be packed on ${host.name}: ${(await complaint) || 'it was interrupted'}.`,
    )
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8').trim().split('\n').at(-1) ?? ''
}

/** Source of the Python program that packs: its `main(prefix, output)` writes to a file object. */
export const archiveProgram = (): string =>
  readFileSync(fileURLToPath(new URL('../python/archive_environment.py', import.meta.url)), 'utf8')
