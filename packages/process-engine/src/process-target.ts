import { type Agent, type Launch, agentLeftovers, findRun, openAgent, removeAgentLeftover, runHandle, submitRun } from '@errand/agent'
import {
  type CallOptions,
  type EnvironmentRequest,
  ErrandError,
  type Finding,
  type Host,
  type Plan,
  type Prepared,
  type RunRequest,
  type Target,
  type TargetContext,
  errorMessage,
} from '@errand/core'
import { warnOfMissingPackages } from './missing-packages.ts'
import { openOnce } from './open-once.ts'
import { spaceWarning } from './space-warning.ts'
import { findSparkSubmit, sparkCommand } from './spark-submit.ts'

/** Where and with what a run is started. Everything but the host comes from the target's configuration. */
export interface ProcessPlace {
  readonly host: Host
  /** Interpreters to try, best first. */
  readonly pythons: readonly string[]
  readonly sparkSubmit?: string
  /** Base of the shared folder, `~` allowed. */
  readonly sharedDirectory?: string
  /** Folder of errand's own files there. Absent: `.errand` in the host's home. */
  readonly home?: string
  /** Seconds between the polite and the hard end of a cancelled run. Absent: the agent's own, 30. */
  readonly grace?: number
}

/** A place and the agent that answers there. */
interface RunningPlace extends AsyncDisposable {
  readonly place: ProcessPlace
  readonly agent: Agent
}

/**
 * A target that runs a script as a supervised process of a host, with the user's own interpreter. A place that must be reached first is
 * given as a function, which the first call asks and, after a failure, the next one; its host stays the caller's to close.
 */
export function createProcessTarget(
  context: TargetContext<unknown>,
  given: ProcessPlace | ((options: CallOptions) => Promise<ProcessPlace>),
): Target {
  const opening = openOnce(async (options): Promise<RunningPlace> => {
    const place = typeof given === 'function' ? await given(options) : given
    const agent = await openAgent({ ...place, signal: options.signal, report: (message) => options.report({ message }) })
    return { place, agent, [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose]() }
  })
  const opened = (options: CallOptions): Promise<RunningPlace> => opening.get(options)
  const agent = async (options: CallOptions): Promise<Agent> => (await opened(options)).agent

  return {
    check: (options) => check(agent, options),
    async plan(request, options) {
      const { agent: running, place } = await opened(options)
      return plan(running, place, request)
    },
    async prepare(request, options) {
      const { agent: running, place } = await opened(options)
      const { environment } = request
      const warning = spaceWarning(running.hello.home, running.hello.free)
      if (options.build && warning !== undefined) context.log.warn(warning)
      if (options.build && environment.kind === 'user-managed' && environment.expects !== undefined)
        await warnOfMissingPackages(place.host, running.hello.python.executable, environment.expects, context.log, options)
      return prepared(running, place, request, options)
    },
    async submit(request, _prepared, options) {
      refuseOptions(context, request)
      const { agent: running, place } = await opened(options)
      const [launch, variables] = await Promise.all([launchOf(running, place, request, options.signal), secretVariables(context, request)])
      const directory = place.host === context.host ? { directory: context.objectsDirectory } : {}
      return submitRun(running, request, launch, { openObject: (digest) => context.openObject(digest), ...directory }, variables, options)
    },
    async find(runId, options) {
      return findRun(await agent(options), runId, context.project.id, options)
    },
    async attach(reference, options) {
      return runHandle(await agent(options), reference)
    },
    async *leftovers(options) {
      yield* agentLeftovers(await agent(options), options)
    },
    async removeLeftover(id, options) {
      await removeAgentLeftover(await agent(options), id, options)
    },
    [Symbol.asyncDispose]: () => opening[Symbol.asyncDispose](),
  }
}

function refuseOptions(context: TargetContext<unknown>, request: RunRequest): void {
  if (request.options === undefined) return
  const { name, type } = context.target
  throw new ErrandError('OPTIONS_NOT_SUPPORTED', `The target ${name} is of type ${type}, which has no options of a run.`, {
    hint: 'Remove TargetOptions from the run configuration.',
  })
}

async function secretVariables(context: TargetContext<unknown>, request: RunRequest): Promise<Record<string, string>> {
  const values = await Promise.all(request.secretVariables.map(async (name) => [name, await context.secretVariable(name)] as const))
  return Object.fromEntries(values)
}

/** The environment is the interpreter itself: its path and version are all that can be said of it. */
async function prepared(agent: Agent, place: ProcessPlace, request: EnvironmentRequest, options: CallOptions): Promise<Prepared> {
  const { executable, version } = agent.hello.python
  const spark =
    request.framework === 'pyspark' ? { sparkSubmit: await findSparkSubmit(place.host, executable, place.sparkSubmit, options.signal) } : {}
  return { environmentKey: keyOf(agent), data: { python: executable, version, ...spark } }
}

const keyOf = (agent: Agent): string => `python ${agent.hello.python.version} at ${agent.hello.python.executable}`

async function launchOf(agent: Agent, place: ProcessPlace, request: RunRequest, signal: AbortSignal): Promise<Launch> {
  const python = agent.hello.python.executable
  const settings = {
    ...(place.sharedDirectory === undefined ? {} : { sharedDirectory: place.sharedDirectory }),
    ...(place.grace === undefined ? {} : { grace: place.grace }),
  }
  if (request.framework === 'python') return { python, ...settings }
  const sparkSubmit = await findSparkSubmit(place.host, python, place.sparkSubmit, signal)
  return {
    python,
    launch: sparkCommand(sparkSubmit, request.spark),
    environment: { PYSPARK_PYTHON: python, PYSPARK_DRIVER_PYTHON: python },
    ...settings,
  }
}

async function plan(agent: Agent, place: ProcessPlace, request: EnvironmentRequest | RunRequest): Promise<Plan> {
  const environment = { key: keyOf(agent), ready: true, changed: [] }
  if (!('snapshot' in request)) return { environment, steps: [`use ${keyOf(agent)} as it is`] }
  const files = request.snapshot.entries.filter((entry) => entry.kind === 'file')
  const upload = { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
  const program =
    request.framework === 'pyspark'
      ? sparkCommand(place.sparkSubmit ?? 'spark-submit', request.spark).join(' ')
      : agent.hello.python.executable
  return {
    environment,
    upload,
    steps: [`copy the project to ${agent.hello.home}/runs/${request.runId}/work`, `${program} ${request.script}`],
  }
}

async function* check(agent: (options: CallOptions) => Promise<Agent>, options: CallOptions): AsyncGenerator<Finding> {
  try {
    const { hello, host } = await agent(options)
    yield { name: 'python', outcome: 'ok', detail: `Python ${hello.python.version} at ${hello.python.executable} on ${host.name}` }
    yield { name: 'folder', outcome: 'ok', detail: `runs are kept in ${hello.home}` }
  } catch (error) {
    options.signal.throwIfAborted()
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {}
    yield { name: 'python', outcome: 'failed', detail: errorMessage(error), ...hint }
  }
}
