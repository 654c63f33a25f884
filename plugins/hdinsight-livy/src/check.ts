import { type CallOptions, type Finding, type TargetContext, errorMessage } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { openBuilder } from './environment-builder.ts'
import { explain } from './service-problem.ts'
import type { ClusterConfig } from './target.ts'

/** Looks at every hop, changing nothing. */
export async function* checkCluster(
  context: TargetContext<ClusterConfig>,
  open: () => Promise<Cluster>,
  options: CallOptions,
): AsyncGenerator<Finding> {
  const { config, target } = context
  const found = async (name: string, look: () => Promise<string>): Promise<Finding> => {
    try {
      return { name, outcome: 'ok', detail: await look() }
    } catch (error) {
      options.signal.throwIfAborted()
      const explained = explain(target.name, error)
      const hint = explained instanceof Error && 'hint' in explained && typeof explained.hint === 'string' ? { hint: explained.hint } : {}
      return { name, outcome: 'failed', detail: errorMessage(explained), ...hint }
    }
  }
  let cluster: Cluster | undefined
  const way = await found('way', async () => {
    cluster = await open()
    return cluster.headNode === undefined ? `${cluster.name}, without a head node` : `${cluster.name} is reached through its head node`
  })
  yield way
  if (cluster === undefined) return
  const reached = cluster
  const { livy, storage, home, yarn } = reached
  yield await found('livy', async () => {
    const { version } = await livy.version(options)
    await livy.list({ size: 1 }, options)
    return `Livy ${version} answers`
  })
  yield await found('storage', async () => {
    const folder = await storage.status(home, options)
    return folder === undefined ? `${home} will be made` : `${home} is there, of ${folder.owner}`
  })
  if (!config.userManagedEnvironment) yield await found('environments', () => nameOfBuilder(context, reached, options))
  const client = yarn(undefined)
  if (client !== undefined) yield await found('yarn', async () => (await client.applicationsWithTag('errand', options), 'YARN answers'))
}

async function nameOfBuilder(context: TargetContext<ClusterConfig>, cluster: Cluster, options: CallOptions): Promise<string> {
  await using builder = await openBuilder(context, cluster, options)
  return `environments are made on ${builder.host.name}, in ${builder.home}`
}
