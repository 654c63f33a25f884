import { Flags } from './oclif-core.ts'

/** Of `submit`, `prepare` and `sweep`. */
export const dryRunFlag = {
  'dry-run': Flags.boolean({ summary: 'Show the whole plan, and do nothing, here or there.' }),
}
