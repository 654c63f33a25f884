import { Flags } from './oclif-core.ts'

/** Of commands that take several runs, also by option: `-r RUN -r OTHER`. */
export const runsFlag = Flags.string({
  char: 'r',
  summary: 'A run; may be given several times.',
  helpValue: 'RUN',
  multiple: true,
  multipleNonGreedy: true,
})
