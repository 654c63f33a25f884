import {
  type Agent,
  agentLeftovers,
  cancelGrace,
  findRun,
  openAgent,
  openOnce,
  removeAgentLeftover,
  runHandle,
  sendAhead,
  submitRun,
} from '@errand/agent'
import { type CallOptions, ErrandError, type Finding, type RunRequest, type Target, type TargetContext, errorMessage } from '@errand/core'
import { warnOfMissingPackages } from './missing-packages.ts'
import { environmentPlace, launchOf, prepareUserManaged } from './interpreter-of-run.ts'
import { lookAtPlace, planProcess } from './plan.ts'
import type { ProcessPlace, ReachOptions } from './process-place.ts'
import { spaceWarning } from './space-warning.ts'

/** A place and the agent that answers there. */
interface RunningPlace extends AsyncDisposable {
  readonly place: ProcessPlace
  readonly agent: Agent
}

/**
 * A target that runs a script as a supervised process of a host, with the user's own interpreter or in an environment that is made there from
 * a dependency file. A place that must be reached first is given as a function, which the first call asks and, after a failure, the next one;
 * its host stays the caller's to close. `ERRAND_CANCEL_GRACE` on this machine is the number of seconds between the polite and the hard end
 * of a run, 30 else. Error: `GRACE_INVALID`.
 */
export function createProcessTarget(
  context: TargetContext<unknown>,
  given: ProcessPlace | ((options: ReachOptions) => Promise<ProcessPlace>),
): Target {
  const grace = cancelGrace()
  const placeOf = async (options: ReachOptions): Promise<ProcessPlace> => (typeof given === 'function' ? given(options) : given)
  const opening = openOnce(async (options): Promise<RunningPlace> => {
    const place = await placeOf(options)
    const agent = await openAgent({ ...place, signal: options.signal, report: (message) => options.report({ message }) })
    return { place, agent, [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose]() }
  })
  const opened = (options: CallOptions): Promise<RunningPlace> => opening.get(options)
  const agent = async (options: CallOptions): Promise<Agent> => (await opened(options)).agent
  const contents = { openObject: (digest: string) => context.openObject(digest), objectsDirectory: context.objectsDirectory }

  return {
    check: (options) => check(agent, options),
    async plan(request, options) {
      const place = await placeOf({ ...options, looksOnly: true })
      await using look = await lookAtPlace(place, options)
      return await planProcess(place, request, look, options)
    },
    async prepare(request, options) {
      const { agent: running, place } = await opened(options)
      const { environment } = request
      const warning = spaceWarning(running.hello.home, running.hello.free)
      if (options.build && warning !== undefined) context.log.warn(warning)
      if (environment.kind !== 'user-managed') {
        const { prepareManaged } = await import('./managed-environment.ts')
        return prepareManaged(context, environmentPlace(running, place), request, options)
      }
      if (options.build && environment.kind === 'user-managed' && environment.expects !== undefined)
        await warnOfMissingPackages(place.host, running.hello.python.executable, environment.expects, context.log, options)
      return prepareUserManaged(running, place, request, options)
    },
    async submit(request, prepared, options) {
      const { agent: running, place } = await opened(options)
      if (place.launcher === undefined) refuseOptions(context, request)
      const [launch, variables] = await Promise.all([
        launchOf(running, place, request, prepared, options.signal),
        secretVariables(context, request),
      ])
      const { objectsDirectory } = context
      const source = place.host === context.host ? { ...contents, directory: objectsDirectory } : contents
      return submitRun(running, request, { ...launch, grace }, source, variables, options)
    },
    async receive(run, files, options) {
      const { agent: running, place } = await opened(options)
      // On this machine contents are linked: there is no time to be won.
      if (place.host !== context.host) await sendAhead(running, run, files, contents, options)
    },
    async find(runId, options) {
      return findRun(await agent(options), runId, context.project.id, options)
    },
    async attach(reference, options) {
      return runHandle(await agent(options), reference)
    },
    async *leftovers(options) {
      const { agent: running, place } = await opened(options)
      yield* agentLeftovers(running, options)
      const { managedLeftovers } = await import('./managed-environment.ts')
      yield* await managedLeftovers(environmentPlace(running, place), options)
    },
    async removeLeftover(id, options) {
      const { agent: running, place } = await opened(options)
      const { removeManagedLeftover } = await import('./managed-environment.ts')
      if (await removeManagedLeftover(environmentPlace(running, place), id, options)) return
      await removeAgentLeftover(running, id, options)
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
