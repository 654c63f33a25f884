import { userInfo } from 'node:os'
import { errorCode } from '../errors.ts'
import { thisClient } from '../history/index.ts'
import { type PlanOptions, planPrepare } from '../project/index.ts'
import type { EnvironmentRequest } from '../request.ts'
import { type ConfiguredTarget, type OpenTarget, type RunContext, callOptions, openTarget } from './context.ts'
import { lockedRequest } from './locked-environment.ts'
import { prepareTarget, recordFailure } from './start.ts'
import { configuredPlan } from './submit.ts'
import { type Emit, updates } from './updates.ts'
import type { RunUpdate } from './update.ts'

export interface PrepareOptions extends Omit<PlanOptions, 'script' | 'arguments'> {
  /** Answer whether it is prepared, and build nothing. */
  readonly check?: boolean
  /** Exactly the packages of the last prepare or run, or the error `ENVIRONMENT_DRIFTED`. */
  readonly locked?: boolean
  readonly signal: AbortSignal
}

/** Makes the environment of a run configuration ready and leaves a record of it. With `check`, the last update is a note that answers. */
export function prepare(context: RunContext, options: PrepareOptions): AsyncGenerator<RunUpdate, boolean> {
  return updates(options.signal, async (emit, signal) => {
    const project = { ...context.project, id: context.history.projectId }
    const { plan, configured } = await configuredPlan(context, (describe) => planPrepare(project, options, describe), emit)
    const { runConfiguration, locked, check } = options
    const wanted: Wanted = {
      context,
      runConfiguration,
      configured,
      tracked: plan.tracked,
      request: async (opened) =>
        locked === true
          ? lockedRequest(context, plan.environment, { target: configured.name, runConfiguration }, opened, signal)
          : plan.environment,
      emit,
      signal,
    }
    return check === true ? isPrepared(wanted) : build(wanted)
  })
}

interface Wanted {
  readonly context: RunContext
  readonly runConfiguration: string
  readonly configured: ConfiguredTarget
  /** Whether a record of it stays. */
  readonly tracked: boolean
  /** What is asked of the target, once it is open. */
  request(opened: OpenTarget): Promise<EnvironmentRequest>
  readonly emit: Emit<RunUpdate>
  readonly signal: AbortSignal
}

async function isPrepared({ context, runConfiguration, configured, request, emit, signal }: Wanted): Promise<boolean> {
  await using opened = await openTarget(context, configured)
  try {
    const { environmentKey } = await opened.target.prepare(await request(opened), { ...callOptions(signal), build: false })
    await emit({ type: 'note', message: `${configured.name} is prepared: ${environmentKey}.` })
    return true
  } catch (error) {
    if (errorCode(error) !== 'ENVIRONMENT_NOT_PREPARED') throw error
    const message = `${configured.name} is not prepared. Prepare it with: errand experiment prepare -c ${runConfiguration}`
    await emit({ type: 'note', message })
    return false
  }
}

async function build({ context, runConfiguration, configured, tracked, request, emit, signal }: Wanted): Promise<true> {
  const { history } = context
  const run = history.create({
    kind: 'prepare',
    name: context.project.name,
    arguments: [],
    runConfiguration,
    target: { name: configured.name, type: configured.type, config: configured.config },
    user: userInfo().username,
    client: thisClient(),
  })
  await emit({ type: 'created', run })
  const submission = { context, runId: run.id, emit, signal, attempt: { mayHaveStarted: false } }
  await recordFailure(submission, async () => {
    history.update(run.id, { startedAt: run.createdAt })
    await using opened = await openTarget(context, configured)
    const { environmentKey } = await prepareTarget(submission, await request(opened), opened, true)
    await emit({ type: 'note', message: `${configured.name} is prepared: ${environmentKey}.` })
    const at = new Date().toISOString()
    const ended = history.update(run.id, { state: 'completed', endedAt: at, collected: true, removed: true })
    if (!tracked) history.delete(run.id)
    await emit({ type: 'ended', run: ended })
  })
  return true
}
