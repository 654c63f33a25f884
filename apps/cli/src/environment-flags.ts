import { Flags } from './oclif-core.ts'
import type { PlanOptions } from '@errand/core/project'

/** What `submit` and `prepare` have in common: which run configuration, and what takes the place of parts of it. */
export const environmentFlags = {
  'run-configuration': Flags.string({
    char: 'c',
    aliases: ['runconfig'],
    summary: '(required) Run configuration: NAME of aml_config/NAME.runconfig.',
    helpValue: 'NAME',
  }),
  target: Flags.string({ char: 't', summary: 'Run at this target instead of the one in the run configuration.', helpValue: 'TARGET' }),
  'conda-dependencies': Flags.string({ char: 'd', summary: 'Another conda file of the project.', helpValue: 'FILE' }),
  'spark-dependencies': Flags.string({ char: 's', summary: 'Another Spark file of the project.', helpValue: 'FILE' }),
  without: Flags.string({
    multiple: true,
    summary: 'Install everything but this of the dependency file: a package, or a line by its number or text. Repeatable.',
    helpValue: 'LINE',
  }),
  untracked: Flags.boolean({ char: 'u', summary: 'Keep nothing of it in the history.' }),
}

/** What the flags say of a plan; their paths are relative to the folder `from` of the project. */
export function planOptions(
  flags: {
    readonly target?: string | undefined
    readonly 'conda-dependencies'?: string | undefined
    readonly 'spark-dependencies'?: string | undefined
    readonly without?: readonly string[] | undefined
    readonly untracked: boolean
  },
  runConfiguration: string,
  from: string | undefined,
): Omit<PlanOptions, 'script' | 'arguments'> {
  return {
    runConfiguration,
    ...(from === undefined ? {} : { from }),
    ...(flags.target === undefined ? {} : { target: flags.target }),
    ...(flags['conda-dependencies'] === undefined ? {} : { condaDependencies: flags['conda-dependencies'] }),
    ...(flags['spark-dependencies'] === undefined ? {} : { sparkDependencies: flags['spark-dependencies'] }),
    ...(flags.without === undefined ? {} : { without: flags.without }),
    untracked: flags.untracked,
  }
}
