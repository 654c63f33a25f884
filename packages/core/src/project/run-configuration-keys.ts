import type { KeyTable } from './values.ts'

/** Keys of the Workbench form of `.runconfig` files and of its older JSON form; the last seven are ours. */
export const runConfigurationKeys: KeyTable = {
  ArgumentVector: { kind: 'list' },
  Target: { kind: 'text' },
  Framework: { kind: 'text' },
  EnvironmentVariables: { kind: 'map' },
  CondaDependenciesFile: { kind: 'path', aliases: ['CondaFile'] },
  SparkDependenciesFile: { kind: 'path' },
  PrepareEnvironment: { kind: 'boolean', aliases: ['AutoPrepareEnvironment'] },
  TrackedRun: { kind: 'boolean' },
  UseSampling: { kind: 'boolean', ignored: 'is for data-source files only' },
  DataSourceSettings: { kind: 'map', ignored: 'is for data-source files only' },
  DataSourceSubstitutions: { kind: 'map', ignored: 'has no effect: data-source files are not supported', severity: 'warning' },
  Description: { kind: 'text', ignored: 'is for readers' },
  ManagedEnvironment: { kind: 'boolean' },
  RequirementsFile: { kind: 'path' },
  SecretEnvironmentVariables: { kind: 'list' },
  SkipPackages: { kind: 'list' },
  ExpandArguments: { kind: 'boolean' },
  TimeLimit: { kind: 'seconds' },
  Outputs: { kind: 'list' },
  TargetOptions: { kind: 'any' },
}

/** Keys of the successor's form: camelCase, recognised by `environment`. Those with a reason are not used. */
export const successorKeys: KeyTable = {
  script: { kind: 'path' },
  arguments: { kind: 'list' },
  target: { kind: 'text' },
  framework: { kind: 'text' },
  communicator: { kind: 'text' },
  autoPrepareEnvironment: { kind: 'boolean' },
  maxRunDurationSeconds: { kind: 'seconds' },
  nodeCount: { kind: 'any' },
  environment: { kind: 'map' },
  history: { kind: 'map' },
  spark: { kind: 'map' },
  hdi: { kind: 'map' },
  tensorflow: { kind: 'map', ignored: 'is not used' },
  mpi: { kind: 'map', ignored: 'is not used' },
  amlcompute: { kind: 'map', ignored: 'is not used' },
  batchai: { kind: 'map', ignored: 'is not used' },
  containerInstance: { kind: 'map', ignored: 'is not used' },
  databricks: { kind: 'map', ignored: 'is not used' },
  dataReferences: { kind: 'any' },
  sourceDirectoryDataStore: { kind: 'text' },
  secretEnvironmentVariables: { kind: 'list' },
  expandArguments: { kind: 'boolean' },
}

/** Keys of the maps inside a successor run configuration. */
export const successorSections: Readonly<
  Record<'environment' | 'python' | 'docker' | 'environmentSpark' | 'history' | 'spark' | 'hdi', KeyTable>
> = {
  environment: {
    environmentVariables: { kind: 'map' },
    python: { kind: 'map' },
    docker: { kind: 'map' },
    spark: { kind: 'map' },
    databricks: { kind: 'map', ignored: 'is not used' },
  },
  python: {
    userManagedDependencies: { kind: 'boolean' },
    interpreterPath: { kind: 'text' },
    condaDependenciesFile: { kind: 'path' },
  },
  docker: {
    enabled: { kind: 'boolean' },
    baseImage: { kind: 'text' },
    sharedVolumes: { kind: 'boolean' },
    gpuSupport: { kind: 'boolean' },
    shmSize: { kind: 'text' },
    arguments: { kind: 'list' },
    baseImageRegistry: { kind: 'map' },
  },
  environmentSpark: {
    repositories: { kind: 'list' },
    packages: { kind: 'list' },
    precachePackages: { kind: 'boolean', ignored: 'is not used' },
  },
  history: {
    outputCollection: { kind: 'boolean' },
    snapshotProject: { kind: 'boolean', ignored: 'is not used' },
    directoriesToWatch: { kind: 'list', ignored: 'is not used' },
  },
  spark: { configuration: { kind: 'map' } },
  hdi: { yarnDeployMode: { kind: 'text' } },
}
