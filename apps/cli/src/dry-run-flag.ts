import { Flags } from './oclif-core.ts'

/** Of `submit` and `prepare`. */
export const dryRunFlag = {
  'dry-run': Flags.boolean({ summary: 'Show the whole plan, and do nothing, here or there.' }),
}
