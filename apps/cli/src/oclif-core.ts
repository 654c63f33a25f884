/**
 * What is used of oclif. The build puts oclif itself into this one file (bundle.ts): looking for its hundred modules on the disk
 * takes longer than most commands.
 */
export * as Args from '@oclif/core/args'
export { Command } from '@oclif/core/command'
export { Plugin } from '@oclif/core/config'
export * as Flags from '@oclif/core/flags'
export { CommandHelp, Help } from '@oclif/core/help'
export type { FlagInput, Input, ParserOutput, PJSON } from '@oclif/core/interfaces'
export { run } from '@oclif/core/run'
export { settings } from '@oclif/core/settings'
