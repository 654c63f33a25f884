import * as Flags from '@oclif/core/flags'

/** Of `submit` and `prepare`. */
export const dryRunFlag = {
  'dry-run': Flags.boolean({ summary: 'Show the whole plan, and do nothing, here or there.' }),
}
