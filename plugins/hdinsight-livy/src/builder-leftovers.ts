import { environmentLeftovers, removeEnvironmentLeftover } from '@errand/conda'
import type { CallOptions, Leftover, TargetContext } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { openBuilder } from './environment-builder.ts'
import type { ClusterConfig } from './target.ts'

type Context = TargetContext<ClusterConfig>

/** Whether this target makes environments on a machine of the cluster. What is made on this machine is the local target's to clean. */
const usesHeadNode = ({ config }: Context): boolean =>
  !config.userManagedEnvironment && config.environmentBuilder !== 'local' && config.address !== undefined

/** What the head node keeps of environments that it made, `made:KEY`, and of what made them. */
export async function* builderLeftovers(context: Context, cluster: Cluster, options: CallOptions): AsyncGenerator<Leftover> {
  if (!usesHeadNode(context)) return
  await using builder = await openBuilder(context, cluster, options)
  for (const leftover of await environmentLeftovers(builder.host, builder, options))
    yield { ...leftover, id: leftover.id.replace(/^environment:/, 'made:') }
}

/** False for a leftover of another kind. */
export async function removeBuilderLeftover(context: Context, cluster: Cluster, id: string, options: CallOptions): Promise<boolean> {
  if (!/^(made|tool|files):/.test(id) || !usesHeadNode(context)) return false
  await using builder = await openBuilder(context, cluster, options)
  await removeEnvironmentLeftover(builder.host, { home: builder.home, id: id.replace(/^made:/, 'environment:') }, options)
  return true
}
