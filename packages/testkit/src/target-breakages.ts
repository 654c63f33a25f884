import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions, RunRequest, SnapshotFile } from '@errand/core'
import type { Broken, TargetChange } from './break-target.ts'

/** Sends another request than it was given. */
const changing =
  (change: (request: RunRequest) => Partial<RunRequest>): TargetChange =>
  ({ inner }) => ({ submit: (request, prepared, options) => inner.submit({ ...request, ...change(request) }, prepared, options) })

/** Faults of what a target does before there is a handle. */
export const targetBreakages = {
  'looks at nothing': () => ({ check: nothingFound }),
  'starts with plan': ({ inner }) => ({
    async plan(request, options) {
      if ('runId' in request) await inner.submit(request, await inner.prepare(request, { ...options, build: true }), options)
      return inner.plan(request, options)
    },
  }),
  'makes a new key each time': ({ inner }) => ({
    prepare: async (request, options) => ({ ...(await inner.prepare(request, options)), environmentKey: randomUUID() }),
  }),
  'starts again at a second submit': ({ inner, memory }) => ({
    async submit(request, prepared, options) {
      const reference = await inner.submit(request, prepared, options)
      if (memory.references.has(request.runId)) await runToTheEnd(inner, { ...request, runId: `${request.runId}-again` }, prepared, options)
      memory.references.set(request.runId, reference)
      return reference
    },
  }),
  'finds nothing': () => ({ find: async () => undefined }),
  'finds the runs of every project': ({ inner, memory }) => ({
    async submit(request, prepared, options) {
      const reference = await inner.submit(request, prepared, options)
      memory.references.set(request.runId, reference)
      return reference
    },
    find: async (runId) => memory.references.get(runId),
  }),
  'drops options': ({ inner }) => ({
    submit: ({ options: _dropped, ...request }, prepared, options) => inner.submit(request, prepared, options),
  }),
  'splits arguments at blanks': changing((request) => ({ arguments: request.arguments.join(' ').split(' ') })),
  'trims variables': changing((request) => ({
    variables: Object.fromEntries(Object.entries(request.variables).map(([name, value]) => [name, value.trim()])),
  })),
  'tells secrets': ({ inner, context }) => ({
    async submit(request, prepared, options) {
      for (const name of request.secretVariables) options.report({ message: `${name} is ${await context.secretVariable(name)}` })
      return inner.submit(request, prepared, options)
    },
  }),
  'keeps secrets with the request': ({ inner, context }) => ({
    async submit(request, prepared, options) {
      const secrets = await Promise.all(request.secretVariables.map(async (name) => [name, await context.secretVariable(name)] as const))
      return inner.submit({ ...request, variables: { ...request.variables, ...Object.fromEntries(secrets) } }, prepared, options)
    },
  }),
  'loses empty folders': changing(({ snapshot }) => ({
    snapshot: { ...snapshot, entries: snapshot.entries.filter(({ kind }) => kind !== 'directory') },
  })),
  "writes into the user's project": ({ inner, context }) => ({
    async submit(request, prepared, options) {
      await writeFile(join(context.project.directory, 'trace'), request.runId)
      return inner.submit(request, prepared, options)
    },
  }),
  'tells secrets in errors': ({ inner, context }) => ({
    async submit(request, prepared, options) {
      const [name] = request.secretVariables
      const said = name === undefined ? 'nothing' : await context.secretVariable(name)
      return inner.submit(request, prepared, options).catch((error: unknown) => {
        throw new Error(`With ${said} in its variables the run can't be sent.`, { cause: error })
      })
    },
  }),
  'takes a head start for the project': ({ inner }) => {
    const received: SnapshotFile[] = []
    return {
      async receive(_run, files) {
        for await (const file of files) if (file.kind === 'file') received.push(file)
      },
      submit(request, prepared, options) {
        const { digest, entries } = request.snapshot
        const known = new Set(entries.map(({ path }) => path))
        const more = received.filter(({ path }) => !known.has(path))
        return inner.submit({ ...request, snapshot: { digest, entries: [...entries, ...more] } }, prepared, options)
      },
    }
  },
  'starts anew in each process': changing((request) => ({ runId: `${request.runId}-${process.pid}` })),
  'chooses run ids itself': changing((request) => ({ runId: `${request.runId}-mine` })),
  'ignores time limits': ({ inner }) => ({
    submit: ({ timeLimit: _dropped, ...request }, prepared, options) => inner.submit(request, prepared, options),
  }),
  'keeps leftovers': () => ({ removeLeftover: async () => {} }),
  'ends all calls with one': ({ inner, memory }) => ({
    find(runId, options) {
      memory.signals.push(options.signal)
      return inner.find(runId, { ...options, signal: AbortSignal.any(memory.signals) })
    },
  }),
  'keeps what was given up': ({ inner, context }) => ({
    async find(runId, options) {
      const connection = await context.host.spawn(['cat'], unaborted(options))
      const found = await inner.find(runId, options)
      connection.stdin.end()
      return found
    },
  }),
  'mixes up runs': ({ inner, memory }) => ({
    async attach(reference, options) {
      memory.references.set('first', memory.references.get('first') ?? reference)
      return inner.attach(memory.references.get('first') ?? reference, options)
    },
  }),
  'does what was aborted': ({ inner }) => ({
    find: (runId, options) => inner.find(runId, unaborted(options)),
    leftovers: (options) => inner.leftovers(unaborted(options)),
  }),
} satisfies Record<string, TargetChange>

async function* nothingFound(): AsyncGenerator<never> {}

export function unaborted<Options extends CallOptions>(options: Options): Options {
  return { ...options, signal: new AbortController().signal }
}

type Prepared = Parameters<Broken['inner']['submit']>[1]

async function runToTheEnd(inner: Broken['inner'], request: RunRequest, prepared: Prepared, options: CallOptions): Promise<void> {
  await using handle = await inner.attach(await inner.submit(request, prepared, options), options)
  for await (const event of handle.events(options)) if (event.type === 'status' && 'endedAt' in event.status) break
}
