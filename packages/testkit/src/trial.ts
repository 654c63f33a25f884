import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  CallOptions,
  EnvironmentRequest,
  JsonValue,
  Prepared,
  RunEvent,
  RunHandle,
  RunReference,
  RunRequest,
  Target,
} from '@errand/core'
import { contextFolders } from './context.ts'
import type { ProjectFiles } from './project-files.ts'
import { removeRuns } from './remove-runs.ts'
import { createTestRequest } from './test-request.ts'
import { readEvents } from './run-events.ts'
import { submitFromProcesses } from './other-process.ts'
import type { Subject } from './suite.ts'

/** One behaviour of a target. */
export interface Check {
  readonly name: string
  /** Seconds beyond the suite's patience, given the target's grace. */
  extraTime?(grace: number): number
  body(trial: Trial): Promise<void>
}

/** What a check works with: a project and folders of its own, and a target that is opened anew for every step. */
export interface Trial {
  readonly subject: Subject
  /** A temporary folder of this check. */
  readonly directory: string
  readonly projectDirectory: string
  readonly options: CallOptions
  /** Names and values of the secret variables that requests may ask for. */
  readonly secretVariables: Readonly<Record<string, string>>
  /** Everything that the target said besides its answers: its log and its progress. */
  readonly said: readonly string[]
  /** The caller closes it. */
  open(projectId?: string): Promise<Target>
  /** Opens the target, does one thing, closes it. */
  step<Result>(work: (target: Target, options: CallOptions) => Promise<Result>): Promise<Result>
  /** A step on a run. */
  onRun<Result>(reference: RunReference, work: (handle: RunHandle, options: CallOptions) => Promise<Result>): Promise<Result>
  environmentRequest(): EnvironmentRequest
  /** A request for a script of a small project. The first file is the script. */
  request(files: ProjectFiles, changes?: Partial<RunRequest>): Promise<RunRequest>
  /** Prepares in one step and submits in the next. The run is removed when the check is over. */
  submit(request: RunRequest): Promise<RunReference>
  /** Prepares the environment, as a command of its own would. */
  prepare(): Promise<Prepared>
  /** The same from so many processes of this machine at once, each with a target of its own. */
  submitFromProcesses(count: number, request: RunRequest): Promise<RunReference[]>
  /** `request` and `submit`. */
  start(files: ProjectFiles, changes?: Partial<RunRequest>): Promise<RunReference>
  /** All events of a run, up to its end or the first that `last` accepts. */
  events(reference: RunReference, last?: (event: RunEvent, index: number) => boolean): Promise<RunEvent[]>
  /** Copies what matches into a new folder of this machine. */
  collect(reference: RunReference, include?: readonly string[]): Promise<Collected>
  /** Has a run that was not made by `submit` removed at the end. */
  remember(reference: RunReference): void
}

interface Collected {
  readonly directory: string
  readonly paths: readonly string[]
}

/** What one suite's checks share: the project's id, so that the place may reuse what it keeps of a project. */
export interface TrialSettings {
  readonly subject: Subject
  readonly projectId: string
  readonly secretVariables: Readonly<Record<string, string>>
}

export const projectName = 'errand-testkit'

/**
 * Runs one check and removes what it made, also when it failed: then its own error is the one that is thrown. A target that does not listen
 * to the signal is not waited for.
 */
export async function runCheck(check: Check, settings: TrialSettings, seconds: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'errand-testkit-'))
  const references = new Map<string, RunReference>()
  const errors: unknown[] = []
  const attempt = async (limit: number, what: string, work: (trial: Trial) => Promise<unknown>) => {
    const late = new AbortController()
    const trial = createTrial(settings, directory, late.signal, references)
    const timer = setTimeout(() => late.abort(new Error(`${what} was not over after ${limit} seconds.`)), limit * 1000)
    const over = once(late.signal, 'abort').then(() => late.signal.throwIfAborted())
    await Promise.race([work(trial), over]).catch((error: unknown) => void errors.push(error))
    clearTimeout(timer)
  }
  await attempt(seconds, 'The check', async (trial) => {
    await mkdir(trial.projectDirectory)
    await check.body(trial)
    assertNoSecretSaid(trial, settings)
  })
  await attempt(removalSeconds + graceOf(settings.subject) + secondsForEach * references.size, 'The removal of its runs', (trial) =>
    removeRuns(trial, references),
  )
  await rm(directory, { recursive: true, force: true })
  if (errors.length > 0) throw errors[0]
}

function assertNoSecretSaid({ said }: Trial, { subject, secretVariables }: TrialSettings): void {
  const values = [...Object.values(subject.secrets ?? {}), ...Object.values(secretVariables)]
  for (const message of said)
    assert.ok(!values.some((value) => value !== '' && message.includes(value)), 'no progress and no message of the target holds a secret')
}

const removalSeconds = 30
const defaultGrace = 30
/** Beyond that, of those that are removed at once. */
const secondsForEach = 20

/** Seconds between the polite and the hard end of a run. */
export const graceOf = (subject: Subject): number => subject.grace ?? defaultGrace

function createTrial(settings: TrialSettings, directory: string, signal: AbortSignal, references: Map<string, RunReference>): Trial {
  const { subject } = settings
  const said: string[] = []
  const options: CallOptions = { signal, report: (progress) => void said.push(JSON.stringify(progress)) }
  const { secretVariables } = settings
  const remember = (reference: RunReference) => void references.set(JSON.stringify(reference), reference)
  let collections = 0

  const trial: Trial = {
    subject,
    directory,
    projectDirectory: join(directory, contextFolders.project),
    options,
    secretVariables,
    said,
    open: (projectId = settings.projectId) =>
      subject.open({ directory, projectId, secretVariables, onLog: (message) => void said.push(message) }),
    async step(work) {
      await using target = await trial.open()
      return await work(target, options)
    },
    onRun: (reference, work) =>
      trial.step(async (target) => {
        await using handle = await target.attach(stored(reference), options)
        return await work(handle, options)
      }),
    environmentRequest: () => ({
      project: projectName,
      projectId: settings.projectId,
      framework: 'python',
      environment: subject.environment ?? { kind: 'user-managed' },
    }),
    request: (files, changes) =>
      createTestRequest(
        { directory, project: { name: projectName, id: settings.projectId }, files },
        { ...trial.environmentRequest(), ...changes },
      ),
    prepare: () => trial.step((target) => target.prepare(trial.environmentRequest(), { ...options, build: true })),
    async submit(request) {
      const prepared = stored(await trial.prepare())
      const reference = await trial.step((target) => target.submit(request, prepared, options))
      remember(reference)
      return reference
    },
    async submitFromProcesses(count, request) {
      const context = {
        config: subject.config,
        secrets: { ...subject.secrets, ...secretVariables },
        directory,
        type: subject.definition.type,
        project: { name: projectName, id: settings.projectId },
      }
      const prepared = stored(await trial.prepare())
      const submitted = await submitFromProcesses(count, { module: subject.module.href, context, request, prepared }, signal)
      for (const reference of submitted) remember(reference)
      return submitted
    },
    start: async (files, changes) => trial.submit(await trial.request(files, changes)),
    events: (reference, last) => trial.onRun(reference, (handle) => readEvents(handle, options, last)),
    async collect(reference, include = ['outputs/**']) {
      const to = join(directory, `collected-${++collections}`)
      await mkdir(to)
      return { directory: to, paths: await trial.onRun(reference, (handle) => handle.collect(to, { ...options, include })) }
    },
    remember,
  }
  return trial
}

/** What another process would read: the history stores JSON. */
function stored<Value extends RunReference | Prepared>(value: Value): Value {
  const text: JsonValue = JSON.parse(JSON.stringify(value))
  return text as unknown as Value
}
