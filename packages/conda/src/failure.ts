import { ErrandError, type Host, type Progress } from '@errand/core'
import type { InputChange } from './environment-key.ts'
import { hintFor, tellingLines } from './hints.ts'
import type { Drift, Outcome, StepFailure } from './place.ts'

/** The answer, or the error that the outcome is: `ENVIRONMENT_FAILED` or `ENVIRONMENT_DRIFTED`. */
export function answerOf<Answer>(outcome: Outcome<Answer>, host: Host, file: string): Answer {
  if ('answer' in outcome) return outcome.answer
  throw 'failed' in outcome ? stepFailed(outcome.failed, host, file) : drifted(outcome.drifted.differences, file)
}

/** A step that failed: with the installer's own lines, where the log is, and what to do about causes that we know. */
export function stepFailed({ step, exitCode, tail, log }: StepFailure, host: Pick<Host, 'name'>, file: string): ErrandError {
  const lines = tellingLines(tail).map((line) => `  ${line}`)
  const said = lines.length === 0 ? ['  (it said nothing)'] : lines
  const message = [
    `The environment of ${file} could not be made: ${step} failed with exit code ${exitCode}.`,
    ...said,
    `The full log is ${log} on ${host.name}.`,
  ]
  return new ErrandError('ENVIRONMENT_FAILED', message.join('\n'), {
    hint:
      hintFor(tail.join('\n')) ??
      `Read the log, mend ${file} (SkipPackages in the run configuration leaves packages out), and prepare again.`,
  })
}

/** The environment that was made is not the one of the lock. */
export function drifted(differences: readonly Drift[], file: string): ErrandError {
  const lines = differences
    .slice(0, 20)
    .map(({ name, locked, found }) => `  ${name}: locked ${locked ?? '(not there)'}, found ${found ?? '(not there)'}`)
  const more = differences.length > 20 ? [`  and ${differences.length - 20} more`] : []
  return new ErrandError('ENVIRONMENT_DRIFTED', [`The environment of ${file} would not be the locked one:`, ...lines, ...more].join('\n'), {
    hint: 'Prepare without the lock to accept what the channels and indexes have now.',
  })
}

/** Why one is made although the project has had another; nothing for a first one. */
export function madeAnew(file: string, changed: readonly InputChange[]): readonly Progress[] {
  const values = ({ input, before, after }: InputChange): string =>
    `${input} (${before ?? 'nothing'} → ${after})`.replaceAll(/(sha256:[0-9a-f]{12})[0-9a-f]+/g, '$1…')
  return changed.length === 0 ? [] : [{ message: `The environment of ${file} is made anew: ${firstOf(changed.map(values))}.`, stays: true }]
}

const firstOf = (items: readonly string[]): string => `${items.slice(0, 5).join(', ')}${items.length > 5 ? ' and more' : ''}`

/** `submit` does not build unless it may. */
export function notPrepared(file: string, host: Pick<Host, 'name'>, changed: readonly InputChange[]): ErrandError {
  const why = changed.length === 0 ? '' : ` since this changed: ${firstOf(changed.map(({ input }) => input))}`
  return new ErrandError('ENVIRONMENT_NOT_PREPARED', `The environment of ${file} is not ready on ${host.name}${why}.`, {
    hint: 'Call `errand experiment prepare` with the same -c, or set PrepareEnvironment: true in the run configuration.',
  })
}
