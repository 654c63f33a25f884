import { ErrandError } from '@errand/core'

/** Seconds between the polite and the hard end of a run, from `ERRAND_CANCEL_GRACE`; undefined when it is not set. Error: `GRACE_INVALID`. */
export function cancelGrace(text: string | undefined): number | undefined {
  if (!text) return undefined
  const seconds = Number(text)
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new ErrandError('GRACE_INVALID', `The environment variable ERRAND_CANCEL_GRACE is ${text}, which is no number of seconds.`, {
    hint: 'Set it to a number such as 30, or unset it.',
  })
}
