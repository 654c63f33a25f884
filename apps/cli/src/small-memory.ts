import { setFlagsFromString } from 'node:v8'

/**
 * For commands that pass a run's output on, however long: the space for young objects stays as small as it starts, so that blocks of
 * output that were shown are let go of soon: a client that shows a million lines peaks at 109 MB instead of 129. Node advises care with
 * flags that are set late; V8 reads this one each time it wants to enlarge that space.
 */
export function keepMemorySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
