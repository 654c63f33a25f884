import type { Duplex, Readable } from 'node:stream'
import type Docker from 'dockerode'
import { attachTo } from './attach.ts'
import type { Engine } from './engine.ts'
import { engineError, refusalStatus } from './engine-errors.ts'
import { labels } from './labels.ts'

export interface BriefRun {
  readonly image: string
  readonly command: readonly string[]
  readonly input?: string
  readonly signal: AbortSignal
}

export interface BriefResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in a container of its own, without a network, and takes the container away. For output that fits into memory. */
export async function runBriefly(engine: Engine, { image, command, input = '', signal }: BriefRun): Promise<BriefResult> {
  const container = await engine.docker.createContainer({
    Image: image,
    Entrypoint: [],
    Cmd: [...command],
    User: '0',
    WorkingDir: '/',
    OpenStdin: true,
    StdinOnce: true,
    Labels: { [labels.kind]: 'probe' },
    HostConfig: { NetworkMode: 'none' },
    abortSignal: signal,
  })
  try {
    const stdin = await openInput(engine, container)
    await container.start({ abortSignal: signal })
    stdin.end(input)
    const { StatusCode } = (await container.wait({ abortSignal: signal })) as { readonly StatusCode: number }
    const log = await container.logs({ stdout: true, stderr: true, follow: false })
    return { exitCode: StatusCode, ...separate(log) }
  } finally {
    await container.remove({ force: true, v: true }).catch(() => undefined)
  }
}

/** What the container's program will read. */
export async function openInput(engine: Engine, container: Docker.Container): Promise<Duplex> {
  const stdin = await attachTo(engine, container, ['stdin'])
  // A program that ends before it has read all.
  stdin.on('error', () => {})
  return stdin
}

/** Output of a container without a terminal: records of a byte for the stream, three of nothing, four for the length, the bytes. */
function separate(log: Buffer): { readonly stdout: string; readonly stderr: string } {
  const parts: [Buffer[], Buffer[]] = [[], []]
  for (let at = 0; at + 8 <= log.length;) {
    const end = at + 8 + log.readUInt32BE(at + 4)
    parts[log[at] === 2 ? 1 : 0].push(log.subarray(at + 8, end))
    at = end
  }
  return { stdout: Buffer.concat(parts[0]).toString('utf8'), stderr: Buffer.concat(parts[1]).toString('utf8') }
}

/** Bytes of a file of an image, without starting anything; undefined when it is not there. */
export async function readImageFile(engine: Engine, image: string, path: string, signal: AbortSignal): Promise<Buffer | undefined> {
  const container = await engine.docker.createContainer({ Image: image, Cmd: ['true'], Labels: { [labels.kind]: 'probe' } })
  try {
    const archive = (await container.getArchive({ path, abortSignal: signal })) as unknown as Readable
    const chunks: Buffer[] = []
    for await (const chunk of archive as AsyncIterable<Buffer>) chunks.push(chunk)
    return firstFile(Buffer.concat(chunks))
  } catch (error) {
    if (refusalStatus(error) === 404) return undefined
    throw engineError(error, `reading ${path} of an image`, engine.host.name)
  } finally {
    await container.remove({ force: true, v: true }).catch(() => undefined)
  }
}

/** Content of the first plain file of a tar archive. */
function firstFile(archive: Buffer): Buffer | undefined {
  for (let at = 0; at + 512 <= archive.length;) {
    const type = String.fromCharCode(archive[at + 156] ?? 0)
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8) || 0
    if (type === '0' || type === '\0') return archive.subarray(at + 512, at + 512 + size)
    at += 512 + Math.ceil(size / 512) * 512
  }
  return undefined
}
