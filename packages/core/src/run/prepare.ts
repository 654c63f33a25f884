import { userInfo } from 'node:os'
import { errorCode } from '../errors.ts'
import { thisClient } from '../history/index.ts'
import { type PlanOptions, planPrepare } from '../project/index.ts'
import type { EnvironmentRequest } from '../request.ts'
import { type OpenTarget, type RunContext, callOptions, openTarget } from './context.ts'
import { lockedRequest } from './locked-environment.ts'
import { prepareTarget, recordFailure } from './start.ts'
import { configuredPlan } from './submit.ts'
import { updates } from './updates.ts'
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
    const requestFor = async (opened: OpenTarget, target: string): Promise<EnvironmentRequest> =>
      options.locked === true
        ? lockedRequest(context, plan.environment, { target, runConfiguration: options.runConfiguration }, opened, signal)
        : plan.environment
    if (options.check === true) {
      await using opened = await openTarget(context, configured)
      try {
        const request = await requestFor(opened, configured.name)
        const { environmentKey } = await opened.target.prepare(request, { ...callOptions(signal), build: false })
        await emit({ type: 'note', message: `${configured.name} is prepared: ${environmentKey}.` })
        return true
      } catch (error) {
        if (errorCode(error) !== 'ENVIRONMENT_NOT_PREPARED') throw error
        await emit({
          type: 'note',
          message: `${configured.name} is not prepared. Prepare it with: errand experiment prepare -c ${options.runConfiguration}`,
        })
        return false
      }
    }
    const { history } = context
    const run = history.create({
      kind: 'prepare',
      name: context.project.name,
      arguments: [],
      runConfiguration: options.runConfiguration,
      target: { name: configured.name, type: configured.type, config: configured.config },
      user: userInfo().username,
      client: thisClient(),
    })
    await emit({ type: 'created', run })
    const submission = { context, runId: run.id, emit, signal, attempt: { mayHaveStarted: false } }
    await recordFailure(submission, async () => {
      history.update(run.id, { startedAt: run.createdAt })
      await using opened = await openTarget(context, configured)
      const { environmentKey } = await prepareTarget(submission, await requestFor(opened, configured.name), opened, true)
      await emit({ type: 'note', message: `${configured.name} is prepared: ${environmentKey}.` })
      const at = new Date().toISOString()
      const ended = history.update(run.id, { state: 'completed', endedAt: at, collected: true, removed: true })
      if (!plan.tracked) history.delete(run.id)
      await emit({ type: 'ended', run: ended })
    })
    return true
  })
}
