import { type Agent, openOnce, runHandle } from '@errand/agent'
import {
  type CallOptions,
  type EnvironmentRequest,
  ErrandError,
  type Plan,
  type RunRequest,
  type Target,
  type TargetContext,
} from '@errand/core'
import { batchRequest } from './batch-request.ts'
import { checkCluster } from './check.ts'
import { type Cluster, openCluster } from './cluster.ts'
import { openHeadNode } from './head-node.ts'
import { leftovers, removeLeftover } from './leftovers.ts'
import { sizeOf } from './project-archive.ts'
import type { planManaged } from './managed-environment.ts'
import { explain, explained } from './service-problem.ts'
import { storageAgent, tellingAgent } from './storage-agent.ts'
import { storedRun } from './stored-run.ts'
import { findRun, hasProject, submitRun } from './submit.ts'
import type { ClusterConfig } from './target.ts'
import { unpackedEnvironment } from './unpacked-environment.ts'
import { goesThroughHeadNode, refuseBrokenWays } from './ways.ts'

export { attach } from './head-node.ts'

interface Opened extends AsyncDisposable {
  readonly cluster: Cluster
  readonly agent: Agent
}

const environmentKey = "the cluster's own Python"

/** A run in the driver of a Spark application, started by Livy; all that is told of it lies in the cluster's storage. */
export function createTarget(context: TargetContext<ClusterConfig>): Target {
  const { name } = context.target
  const headNode = openOnce((options: CallOptions) => openHeadNode(context, options))
  const opening = openOnce(async (options: CallOptions): Promise<Opened> => {
    await refuseBrokenWays(context)
    const host = goesThroughHeadNode(context.config) ? await headNode.get(options) : undefined
    const cluster = await explained(name, () => openCluster(context, host, options))
    return { cluster, agent: storageAgent(cluster, name, context.host), [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() }
  })
  const open = (options: CallOptions): Promise<Opened> => opening.get(options)
  const onCluster = async <Value>(options: CallOptions, work: (cluster: Cluster) => Promise<Value>): Promise<Value> => {
    const { cluster } = await open(options)
    return explained(name, () => work(cluster))
  }

  return {
    check: (options) =>
      checkCluster(context, { headNode: () => headNode.get(options), cluster: async () => (await open(options)).cluster }, options),
    plan: (request, options) => onCluster(options, (cluster) => plan(context, cluster, request, options)),
    prepare: (request, options) =>
      onCluster(options, async (cluster) => {
        if (request.environment.kind === 'user-managed') return { environmentKey }
        const { prepareManaged } = await import('./managed-environment.ts')
        return prepareManaged(context, cluster, request, options)
      }),
    submit(request, prepared, options) {
      refuseOptions(context, request)
      const environment = unpackedEnvironment(request, prepared)
      return onCluster(options, (cluster) => submitRun(context, cluster, { request, environment }, options))
    },
    find: (runId, options) => onCluster(options, (cluster) => findRun(storedRun(cluster, runId), context.project.id, options)),
    async attach(reference, options) {
      const { agent } = await open(options)
      return {
        ...runHandle(agent, reference),
        events: (followed) => runHandle(tellingAgent(agent, followed.report), reference).events(followed),
      }
    },
    async *leftovers(options) {
      const { cluster } = await open(options)
      const { builderLeftovers } = await import('./builder-leftovers.ts')
      try {
        yield* leftovers(cluster, options)
        yield* builderLeftovers(context, cluster, options)
      } catch (error) {
        throw explain(name, error)
      }
    },
    removeLeftover: (id, options) =>
      onCluster(options, async (cluster) => {
        const { removeBuilderLeftover } = await import('./builder-leftovers.ts')
        if (!(await removeBuilderLeftover(context, cluster, id, options))) await removeLeftover(cluster, id, options)
      }),
    async [Symbol.asyncDispose]() {
      await opening[Symbol.asyncDispose]()
      await headNode[Symbol.asyncDispose]()
    },
  }
}

function refuseOptions({ target }: TargetContext<ClusterConfig>, { options }: RunRequest): void {
  if (options === undefined) return
  throw new ErrandError('OPTIONS_NOT_SUPPORTED', `The target ${target.name} is of type ${target.type}, which has no options of a run.`, {
    hint: 'Remove TargetOptions from the run configuration.',
  })
}

async function plan(
  context: TargetContext<ClusterConfig>,
  cluster: Cluster,
  request: EnvironmentRequest | RunRequest,
  options: CallOptions,
): Promise<Plan> {
  const managed = request.environment.kind === 'user-managed' ? undefined : await planned(context, cluster, request, options)
  const environment = managed?.environment ?? { key: environmentKey, ready: true, changed: [] }
  if (!('snapshot' in request)) return { environment, steps: managed?.steps ?? [`use ${environmentKey} as it is`] }
  const there = await hasProject(cluster, request.snapshot.digest, options)
  const upload = there ? { files: 0, bytes: 0 } : sizeOf(request.snapshot)
  const { conf = {}, ...batch } = batchRequest(context.config, request, { home: cluster.home, agent: 'VERSION', environment: managed })
  const steps = [
    ...(managed?.steps ?? []),
    ...(there ? [] : [`send the project to ${cluster.home}/projects`]),
    `Livy at ${cluster.name}: ${JSON.stringify(batch)}`,
    ...Object.entries(conf).map(([key, value]) => `${key}=${value}`),
  ]
  return { environment, upload, steps }
}

async function planned(...given: Parameters<typeof planManaged>): ReturnType<typeof planManaged> {
  const managed = await import('./managed-environment.ts')
  return managed.planManaged(...given)
}
