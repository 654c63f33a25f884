import { Flags } from './oclif-core.ts'

/** The target of a command, in the spelling of `attach` and `detach`; the argument says the same. */
export const targetNameFlag = { name: Flags.string({ char: 'n', summary: 'Name of the target, instead of the argument.' }) }
