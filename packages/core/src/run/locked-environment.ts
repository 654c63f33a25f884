import { ErrandError } from '../errors.ts'
import type { EnvironmentLock, EnvironmentRequest } from '../request.ts'
import { type OpenTarget, type RunContext, callOptions } from './context.ts'

/** What may differ although the file asks for the same: the lock itself, and who installs it. */
const outsideTheFile: ReadonlySet<string> = new Set(['locked packages', 'provider', 'python of the place'])

/**
 * The request, held to the packages that the last prepare or run of the run configuration had at this target. Errors: `LOCK_NOT_FOUND`;
 * `ENVIRONMENT_DRIFTED` when the dependency file asks for something else by now.
 */
export async function lockedRequest(
  context: RunContext,
  request: EnvironmentRequest,
  { target: targetName, runConfiguration }: { readonly target: string; readonly runConfiguration: string },
  { target }: OpenTarget,
  signal: AbortSignal,
): Promise<EnvironmentRequest> {
  const { environment } = request
  if (environment.kind === 'user-managed') return request
  const lock = lastLock(context, targetName, runConfiguration)
  const plan = await target.plan(request, callOptions(signal))
  const edits = plan.environment.changed.filter(({ input }) => !outsideTheFile.has(input))
  if (edits.length > 0) {
    const lines = edits.map(({ input, before, after }) => `  ${input}: locked ${before ?? '(none)'}, now ${after}`)
    throw new ErrandError(
      'ENVIRONMENT_DRIFTED',
      [`${environment.file} asks for something else than what is locked:`, ...lines].join('\n'),
      {
        hint: `Prepare without --locked to accept that: errand experiment prepare -c ${runConfiguration}`,
      },
    )
  }
  return { ...request, environment: { ...environment, lock } }
}

function lastLock({ history }: RunContext, target: string, runConfiguration: string): EnvironmentLock {
  const plain = (name: string): string => name.replace(/\.runconfig$/, '')
  for (const run of history.list({ targets: [target] })) {
    if (plain(run.runConfiguration) !== plain(runConfiguration)) continue
    const lock = history.get(run.id)?.prepared?.lock
    if (lock !== undefined) return lock
  }
  throw new ErrandError('LOCK_NOT_FOUND', `No run and no prepare of ${runConfiguration} at ${target} has left a list of packages yet.`, {
    hint: `Prepare once without --locked: errand experiment prepare -c ${runConfiguration}`,
  })
}
