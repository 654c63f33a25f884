import type { RunRequest } from '@errand/core'
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
  const { spark } = request
  const unpacked = environment && batchEnvironment(withoutThoseOfRun(environment, request), config.yarnDeployMode)
  const list = (name: string, values: readonly string[]) => (values.length === 0 ? {} : { [name]: values.join(',') })
  const tags = [spark?.configuration['spark.yarn.tags'], tagOf(request.runId)].filter((tag) => tag !== undefined)
  return {
    file: `${home}/agent/${agent}/errand_agent_driver.py`,
    name: request.runId,
    args: [home, request.runId, agent],
    ...(unpacked === undefined ? {} : { archives: unpacked.archives }),
    ...sizes(config),
    conf: {
      // A second attempt would find the run claimed.
      'spark.yarn.maxAppAttempts': '1',
      ...(config.yarnDeployMode === 'client' ? { 'spark.submit.deployMode': 'client' } : {}),
      ...list(
        'spark.jars.packages',
        (spark?.packages ?? []).map(({ group, artifact, version }) => `${group}:${artifact}:${version}`),
      ),
      ...list('spark.jars.repositories', spark?.repositories ?? []),
      ...quickClosing,
      ...longestAnswer,
      ...spark?.configuration,
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

function sizes(config: ClusterConfig): Partial<BatchRequest> {
  const { proxyUser, queue, driverMemory, driverCores, executorMemory, executorCores, numExecutors } = config
  const given = { proxyUser, queue, driverMemory, driverCores, executorMemory, executorCores, numExecutors }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
