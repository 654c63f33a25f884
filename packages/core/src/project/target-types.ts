/** A type of target that this repository has a package for. */
export interface TargetType {
  /** The word that `type:` normalises to. */
  readonly type: string
  /** Other words for the same in old files and on old command lines, lower case. */
  readonly aliases: readonly string[]
  readonly summary: string
  /** What to install for it. */
  readonly package: string
}

/** The five types of the original. Others are what installed packages declare. */
export const targetTypes: readonly TargetType[] = [
  { type: 'local', aliases: [], summary: 'Your own Python on this machine.', package: '@errand/target-local' },
  { type: 'docker', aliases: ['localdocker'], summary: 'A container on this machine.', package: '@errand/target-docker' },
  {
    type: 'remotedocker',
    aliases: ['virtualmachine'],
    summary: 'A container on a Linux machine behind SSH.',
    package: '@errand/target-remotedocker',
  },
  {
    type: 'remote',
    aliases: [],
    summary: 'Your own Python on a Linux machine behind SSH.',
    package: '@errand/target-remote-user-managed',
  },
  { type: 'cluster', aliases: [], summary: 'An HDInsight Spark cluster.', package: '@errand/target-hdinsight-livy' },
]

/** Services of the original's successor. No Workbench project has them. */
export const cloudTypes: readonly string[] = [
  'adla',
  'aks',
  'amlcompute',
  'batch',
  'batchai',
  'containerinstance',
  'databricks',
  'datafactory',
  'kubernetes',
]
