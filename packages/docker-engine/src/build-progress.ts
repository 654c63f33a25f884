import type { Readable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { type ProgressLine, lineError, progressLines } from './progress-lines.ts'
import { type TraceVertex, readTrace } from './buildkit-trace.ts'

/** What happens in a build, whichever builder tells it. */
export type BuildEvent =
  /** `RUN pip install …`; `cached`: it was there from an earlier build. */
  | { readonly type: 'step'; readonly number: number; readonly total: number; readonly command: string }
  | { readonly type: 'output'; readonly text: string }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: number; readonly command?: string }
  | { readonly type: 'image'; readonly id: string }

/** Reads what an engine tells of a build. */
export async function* buildEvents(stream: Readable): AsyncGenerator<BuildEvent> {
  const trace = new Trace()
  for await (const line of progressLines(stream)) {
    const problem = lineError(line)
    if (problem !== undefined) yield failure(problem, line, trace.failed)
    else if (line.id === 'moby.buildkit.trace' && typeof line.aux === 'string') yield* trace.events(Buffer.from(line.aux, 'base64'))
    else if (hasId(line.aux)) yield { type: 'image', id: line.aux.ID }
    else if (line.stream !== undefined) yield classicEvent(line.stream)
  }
}

const hasId = (aux: unknown): aux is { readonly ID: string } =>
  typeof aux === 'object' && aux !== null && 'ID' in aux && typeof aux.ID === 'string'

/** `Step 3/9 : RUN pip install …`; Podman: `STEP 3/9: RUN pip install …` */
function classicEvent(coloured: string): BuildEvent {
  // It colours what a step writes to its standard error.
  const text = stripVTControlCharacters(coloured)
  const [, number, total, command] = /^Step (\d+)\/(\d+) ?: (.*)/is.exec(text) ?? []
  if (command === undefined) return { type: 'output', text }
  return { type: 'step', number: Number(number), total: Number(total), command: command.trimEnd() }
}

function failure(message: string, { errorDetail }: ProgressLine, vertex: TraceVertex | undefined): BuildEvent {
  const told = /(?:non-zero code|exit code): (\d+)/.exec(message)?.[1]
  const command = vertex === undefined ? undefined : stepOf(vertex.name)?.command
  return { type: 'failed', message, exitCode: Number(told ?? errorDetail?.code ?? 1), ...(command === undefined ? {} : { command }) }
}

/** `[3/9] RUN pip install …`; what has no number is the builder's own affair. */
function stepOf(name: string): { readonly number: number; readonly total: number; readonly command: string } | undefined {
  const [, number, total, command] = /^\[(?:[\w-]+ +)?(\d+)\/(\d+)\] (.*)/s.exec(name) ?? []
  return command === undefined ? undefined : { number: Number(number), total: Number(total), command }
}

/** BuildKit tells of steps as vertices of a graph, each as often as it changes. */
class Trace {
  readonly #told = new Set<string>()
  failed: TraceVertex | undefined;

  *events(message: Buffer): Generator<BuildEvent> {
    const { vertices, logs } = readTrace(message)
    for (const vertex of vertices) {
      if (vertex.error !== '') this.failed = vertex
      const step = stepOf(vertex.name)
      if (step === undefined || !(vertex.started || vertex.cached) || this.#told.has(vertex.digest)) continue
      this.#told.add(vertex.digest)
      yield { type: 'step', ...step }
      if (vertex.cached) yield { type: 'output', text: ' ---> Using cache\n' }
    }
    for (const { text } of logs) yield { type: 'output', text: stripVTControlCharacters(text) }
  }
}
