import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type CallOptions, ErrandError, type Host, type HostProcess, type JsonValue } from '@errand/core'

/** A program and its version. */
export interface Program {
  readonly path: string
  readonly version: string
}

/** What a place has to make environments with. */
export interface PlaceFacts {
  /** As conda names it: `linux-64`. */
  readonly platform: string
  readonly hostname: string
  /** The Python that answers. */
  readonly python: Program
  readonly programs: Readonly<Partial<Record<string, Program>>>
  /** Newest first. */
  readonly pythons: readonly Program[]
}

export interface StepFailure {
  readonly step: string
  readonly exitCode: number
  readonly tail: readonly string[]
  readonly log: string
}

export interface Drift {
  readonly name: string
  readonly locked: string | null
  readonly found: string | null
}

type Reply<Answer> =
  | { readonly report: string }
  | { readonly answer: Answer }
  | { readonly failed: StepFailure }
  | { readonly drifted: { readonly differences: readonly Drift[] } }
  | { readonly error: string }

/** How a request ended. */
export type Outcome<Answer> =
  | { readonly answer: Answer }
  | { readonly failed: StepFailure }
  | { readonly drifted: { readonly differences: readonly Drift[] } }

/** A Python at the place that answers requests, one after the other. */
export interface PlaceBuilder extends AsyncDisposable {
  ask<Answer>(request: JsonValue): Promise<Outcome<Answer>>
  /** For requests that can't fail in a step. */
  answer<Answer>(request: JsonValue): Promise<Answer>
}

const modules = [
  'place_ending',
  'place_lock',
  'place_credentials',
  'place_packages',
  'place_processes',
  'place_pip_configuration',
  'place_steps',
  'place_probe',
  'place_environments',
  'place_leftovers',
  'place_main',
]

/** Reads the modules from the first line of its input and keeps them in memory: the place needs no folder of ours to answer. */
const bootstrap = `
import sys
if sys.version_info < (3, 5): sys.exit(3)
sys.stdout.write("ready\\n")
sys.stdout.flush()
import json
from importlib.machinery import ModuleSpec
class Sources:
    sources = dict(json.loads(sys.stdin.buffer.readline().decode("utf-8")))
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in self.sources else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(self.sources[module.__name__], module.__name__ + ".py", "exec"), module.__dict__)
sys.meta_path.insert(0, Sources())
import place_main
place_main.start()
`

/** Isolated from the user's own modules and variables of Python, which also makes the start quicker. */
export const builderCommand = (python: string): readonly string[] => [python, '-I', '-S', '-c', bootstrap]

/** The first line of its input. */
export function builderSources(): string {
  const sources = modules.map((name) => [name, readFileSync(fileURLToPath(new URL(`../python/${name}.py`, import.meta.url)), 'utf8')])
  return JSON.stringify(sources)
}

/** Starts the Python side at the place. Errors: `PYTHON_NOT_FOUND`. */
export async function openPlace(host: Host, pythons: readonly string[], { signal, report }: CallOptions): Promise<PlaceBuilder> {
  const { process, lines } = await startPython(host, pythons, signal)
  const complaints = collect(process.stderr)

  async function ask<Answer>(request: JsonValue): Promise<Outcome<Answer>> {
    process.stdin.write(`${JSON.stringify(request)}\n`)
    for (;;) {
      const { value, done } = await lines.next()
      signal.throwIfAborted()
      if (done === true || typeof value !== 'string')
        throw new ErrandError('PLACE_LOST', `The builder on ${host.name} ended in the middle: ${lastLine(await complaints)}.`)
      const reply = JSON.parse(value) as Reply<Answer>
      if ('report' in reply) report({ message: reply.report })
      else if ('error' in reply) throw new ErrandError('PLACE_FAILED', `On ${host.name}: ${reply.error}.`)
      else return reply
    }
  }

  return {
    ask,
    async answer<Answer>(request: JsonValue) {
      const outcome = await ask<Answer>(request)
      if ('answer' in outcome) return outcome.answer
      throw new ErrandError('PLACE_FAILED', `On ${host.name}: ${JSON.stringify(outcome)}.`)
    },
    async [Symbol.asyncDispose]() {
      process.stdin.end()
      await process.exit
    },
  }
}

interface Started {
  readonly process: HostProcess
  readonly lines: AsyncIterator<string, unknown>
}

/** The first that answers. */
async function startPython(host: Host, pythons: readonly string[], signal: AbortSignal): Promise<Started> {
  for (const python of pythons) {
    try {
      const process = await host.spawn(builderCommand(python), { signal })
      // A Python that is too old has ended before it reads.
      process.stdin.on('error', () => {})
      process.stdin.write(`${builderSources()}\n`)
      const lines = createInterface({ input: Readable.from(process.stdout), crlfDelay: Infinity })[Symbol.asyncIterator]()
      const { value } = await lines.next()
      if (value === 'ready') return { process, lines }
    } catch (error) {
      if (python === pythons.at(-1) || signal.aborted) throw error
    }
    signal.throwIfAborted()
  }
  throw new ErrandError('PYTHON_NOT_FOUND', `None of ${pythons.join(', ')} on ${host.name} is a Python 3.5 or newer.`, {
    hint: 'Install Python 3 there, or name its path with pythonLocation in the .compute file.',
  })
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) || 'it said nothing'
