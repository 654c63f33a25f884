import { ErrandError } from '@errand/core'

const defaultGrace = 30

/** Seconds between the polite and the hard end of a run: those of `ERRAND_CANCEL_GRACE`, else 30. Error: `GRACE_INVALID`. */
export function cancelGrace(environment: NodeJS.ProcessEnv = process.env): number {
  const text = environment['ERRAND_CANCEL_GRACE']
  if (!text) return defaultGrace
  const seconds = Number(text)
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new ErrandError('GRACE_INVALID', `The environment variable ERRAND_CANCEL_GRACE is ${text}, which is no number of seconds.`, {
    hint: 'Set it to a number such as 30, or unset it.',
  })
}
