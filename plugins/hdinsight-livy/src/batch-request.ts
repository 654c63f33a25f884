import { type RunRequest, gatherSpark } from '@errand/core'
import type { BatchRequest } from '@errand/livy'
import type { ClusterConfig } from './target.ts'
import { type UnpackedEnvironment, batchEnvironment } from './unpacked-environment.ts'

/** What YARN knows the run by, whoever has forgotten it. YARN keeps tags in small letters. */
export const tagOf = (runId: string): string => `errand-${runId.toLowerCase()}`.slice(0, 100)

/** A setting that Spark ignores with a warning that names it: so Livy's log of a batch says whose it is, also where batches have no names. */
export const markOf = (runId: string): string => `errand.run.${runId}`

/**
 * HDFS's client, when the name node has not yet heard of a block's end, waits 400 ms and doubles that, five times. Most files of a run are
 * small and meet just that wait. These ask sooner and give up after about as long (10 s). Other storages have no such settings.
 */
const quickClosing = {
  'spark.hadoop.dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '10',
  'spark.hadoop.dfs.client.block.write.locateFollowingBlock.retries': '10',
}

/** Without it a name node that hangs is waited for as long as it does; it is what Hadoop has since 3.4 (HADOOP-17552). */
const longestAnswer = { 'spark.hadoop.ipc.client.rpc-timeout.ms': '120000' }

/** A batch that runs the agent, which runs the script. The project's Spark file has the last word but for what errand itself needs. */
export function batchRequest(
  config: ClusterConfig,
  request: RunRequest,
  { home, agent, environment }: { readonly home: string; readonly agent: string; readonly environment: UnpackedEnvironment | undefined },
): BatchRequest {
  const { configuration, repositories, packages } = gatherSpark(request.spark ?? { configuration: {}, repositories: [], packages: [] })
  const unpacked = environment && batchEnvironment(withoutThoseOfRun(environment, request), config.yarnDeployMode)
  const list = (name: string, values: readonly string[]) => (values.length === 0 ? {} : { [name]: values.join(',') })
  const tags = [configuration['spark.yarn.tags'], tagOf(request.runId)].filter((tag) => tag !== undefined)
  return {
    file: `${home}/agent/${agent}/errand_agent_driver.py`,
    name: request.runId,
    args: [home, request.runId, agent],
    ...(unpacked === undefined ? {} : { archives: unpacked.archives }),
    ...sizes(config, configuration),
    conf: {
      // A second attempt would find the run claimed.
      'spark.yarn.maxAppAttempts': '1',
      ...(config.yarnDeployMode === 'client' ? { 'spark.submit.deployMode': 'client' } : {}),
      ...quickClosing,
      ...longestAnswer,
      ...configuration,
      ...list('spark.jars.packages', packages),
      ...list('spark.jars.repositories', repositories),
      ...unpacked?.conf,
      'spark.yarn.tags': tags.join(','),
      [markOf(request.runId)]: 'true',
      // Else YARN takes a driver for broken whose script works for 100 seconds before it makes its session.
      'spark.yarn.am.waitTime': '604800s',
    },
  }
}

/** Variables that the run sets itself get to the executors through its driver, and have the last word there as in the driver. */
function withoutThoseOfRun(environment: UnpackedEnvironment, { variables, secretVariables }: RunRequest): UnpackedEnvironment {
  const own = new Set([...Object.keys(variables), ...secretVariables])
  return { ...environment, variables: Object.fromEntries(Object.entries(environment.variables).filter(([name]) => !own.has(name))) }
}

/** Sizes that Livy has fields for, and what Spark calls them. */
const sizeKeys = {
  queue: 'spark.yarn.queue',
  driverMemory: 'spark.driver.memory',
  driverCores: 'spark.driver.cores',
  executorMemory: 'spark.executor.memory',
  executorCores: 'spark.executor.cores',
  numExecutors: 'spark.executor.instances',
} as const

/** Livy puts its fields above `conf`: one that the project's Spark file sets as well is left to that. */
function sizes(config: ClusterConfig, configuration: Readonly<Record<string, string>>): Partial<BatchRequest> {
  const { proxyUser } = config
  const given = Object.entries(sizeKeys).map(([name, key]) => [
    name,
    key in configuration ? undefined : config[name as keyof typeof sizeKeys],
  ])
  return Object.fromEntries([['proxyUser', proxyUser], ...given].filter(([, value]) => value !== undefined))
}
