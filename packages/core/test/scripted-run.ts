import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunRecord, openHistory, thisClient } from '../src/history/index.ts'
import { ErrandError } from '../src/errors.ts'
import { localHost } from '../src/local-host.ts'
import { findProject } from '../src/project/index.ts'
import type { RunContext } from '../src/run/index.ts'
import type {
  CallOptions,
  Leftover,
  Progress,
  RunEvent,
  RunHandle,
  RunReference,
  RunStatus,
  Target,
  TargetDefinition,
} from '../src/target.ts'
import { openSecrets } from '../src/secrets.ts'

/** A place whose run is a list of events: what it tells, when, and what it forgets is for the test to say. */
export interface ScriptedPlace {
  events: readonly RunEvent[]
  status: RunStatus
  /** Milliseconds before each answer with events. */
  delay: number
  known: boolean
  removed: boolean
  cancelled: number
  leftovers: readonly Leftover[]
  removeLeftover(id: string): Promise<void>
  submit(): Promise<RunReference>
  find(options: Parameters<Target['find']>[1]): Promise<RunReference | undefined>
  /** What it says that a run waits for. */
  progress?: Progress
  /** Absent: the place takes no head start. */
  receive?: Target['receive']
}

const reference: RunReference = { externalId: 'there', data: { run: 'r' } }

export function scriptedPlace(events: readonly RunEvent[], status: RunStatus = { state: 'completed' }): ScriptedPlace {
  const place: ScriptedPlace = {
    events,
    status,
    delay: 0,
    known: true,
    removed: false,
    cancelled: 0,
    leftovers: [],
    removeLeftover: async () => {},
    submit: async () => reference,
    find: async () => (place.known ? reference : undefined),
  }
  return place
}

async function* eventsAfter(
  place: ScriptedPlace,
  { cursor, signal, report }: CallOptions & { readonly cursor?: string },
): AsyncGenerator<RunEvent> {
  await sleep(place.delay, undefined, { signal })
  if (place.progress !== undefined) report(place.progress)
  const numbers = (text: string) => text.split('.').map(Number)
  for (const event of place.events) {
    const [known, own] = [cursor === undefined ? [] : numbers(cursor), numbers(event.cursor)]
    if (own.every((value, index) => value <= (known[index] ?? -1))) continue
    yield event
  }
  // As a real place does: a run that goes on may yet say something.
  if (place.status.state === 'running') await sleep(60_000, undefined, { signal })
}

export interface ScriptedProject extends AsyncDisposable {
  readonly context: RunContext
  readonly place: ScriptedPlace
  /** A record of a run that was started at the place, by a client that is gone. */
  started(): RunRecord
}

/** A type whose targets are this one, whatever its file says. */
export function definitionOf(target: Target, config: object): TargetDefinition {
  return {
    contract: 1,
    type: 'there',
    summary: 'a place of the test',
    config: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ value: config }),
        jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
      },
    },
    capabilities: { environments: ['user-managed'], frameworks: ['python'], logs: 'live' },
    load: async () => ({ createTarget: () => target }),
  }
}

export async function scriptedProject(place: ScriptedPlace): Promise<ScriptedProject> {
  const directory = mkdtempSync(join(tmpdir(), 'errand-run-'))
  mkdirSync(join(directory, 'aml_config'))
  writeFileSync(join(directory, 'aml_config/there.compute'), 'type: there\n')
  writeFileSync(join(directory, 'aml_config/there.runconfig'), 'Target: there\nFramework: Python\n')
  writeFileSync(join(directory, 'train.py'), '')
  const project = await findProject(directory)
  const history = openHistory(directory)
  const handle: RunHandle = {
    status: async () => place.status,
    events: (options) => eventsAfter(place, options),
    cancel: async () => {
      if (!place.known) throw new ErrandError('RUN_UNKNOWN', 'The place does not know this run.')
      place.cancelled += 1
    },
    collect: async () => [],
    remove: async () => {
      place.removed = true
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const target: Target = {
    check: async function* () {},
    plan: async () => ({ environment: { key: 'k', ready: true, changed: [] }, steps: [] }),
    prepare: async () => ({ environmentKey: 'k' }),
    submit: () => place.submit(),
    ...(place.receive && { receive: place.receive }),
    find: (_, options) => place.find(options),
    attach: async () => handle,
    leftovers: async function* () {
      yield* place.leftovers
    },
    removeLeftover: (id) => place.removeLeftover(id),
    [Symbol.asyncDispose]: async () => {},
  }
  const definition = definitionOf(target, { userManagedEnvironment: true })
  const context: RunContext = {
    project,
    history,
    secrets: openSecrets(
      { directory, id: history.projectId, name: project.name },
      { environment: { ERRAND_KEYCHAIN: 'off', TOKEN: 'sesame-street' } },
    ),
    targets: { definition: async () => definition },
    log: { debug() {}, info() {}, warn() {} },
    host: localHost(),
    ask: () => Promise.reject(new Error('nobody is there')),
    [Symbol.asyncDispose]: async () => {},
  }
  return {
    context,
    place,
    started: () => {
      const { id } = history.create({
        kind: 'run',
        name: project.name,
        script: 'train.py',
        arguments: [],
        runConfiguration: 'there',
        target: { name: 'there', type: 'there', config: {} },
        user: 'ada',
        client: { ...thisClient(), pid: 2 ** 22, started: 'long ago' },
        request: { outputs: ['outputs/**'], secretVariables: ['TOKEN'], snapshot: { digest: '' }, tracked: true },
      })
      return history.update(id, { state: 'running', reference, status: { state: 'running' } })
    },
    [Symbol.asyncDispose]: async () => {
      history[Symbol.dispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Log events of one byte more each, then a metric for each, then the end: cursors as the agent makes them. */
export function scriptedEvents(lines: readonly string[], status: RunStatus = { state: 'completed' }): RunEvent[] {
  const at = '2026-03-01T10:00:00.000000Z'
  const log = lines.map(
    (line, index) => ({ cursor: `${index + 1}.0.0`, at, type: 'log', stream: 'stdout', data: Buffer.from(line) }) as const,
  )
  return [...log, { cursor: `${lines.length}.0.3`, at, type: 'status', status }]
}
