import type { WantedEnvironment } from '@errand/conda'
import { type CallOptions, type EnvironmentRequest, ErrandError, type Host, type TargetContext } from '@errand/core'
import type { Cluster } from './cluster.ts'
import { openHeadNode } from './head-node.ts'
import type { ClusterConfig } from './target.ts'

/** A machine that makes environments for the cluster's own machines. */
export interface EnvironmentBuilder extends AsyncDisposable {
  readonly host: Host
  /** Folder of errand's own files there. */
  readonly home: string
}

/** The head node, or this machine when the configuration says so. Errors: `ENVIRONMENT_BUILDER_MISSING`, `PLATFORM_NOT_SUPPORTED`, those of the SSH login. */
export async function openBuilder(
  context: TargetContext<ClusterConfig>,
  { headNode }: Pick<Cluster, 'headNode'>,
  options: CallOptions,
): Promise<EnvironmentBuilder> {
  const { environmentBuilder, address } = context.config
  if (environmentBuilder === 'local') return thisMachine(context)
  if (headNode === undefined && address === undefined) throw noBuilder(context)
  const host = headNode ?? (await openHeadNode(context, options))
  return {
    host,
    home: host.variables['ERRAND_HOME'] ?? `${host.home}/.errand`,
    async [Symbol.asyncDispose]() {
      if (host !== headNode) await host[Symbol.asyncDispose]()
    },
  }
}

function thisMachine({ host, target }: TargetContext<ClusterConfig>): EnvironmentBuilder {
  if (host.platform.os !== 'linux')
    throw new ErrandError(
      'PLATFORM_NOT_SUPPORTED',
      `The target ${target.name} makes its environments on this machine, which is no Linux.`,
      {
        hint: `In ${target.name}.compute name the head node (address and username), and take environmentBuilder away.`,
      },
    )
  return { host, home: process.env['ERRAND_HOME'] || `${host.home}/.errand`, [Symbol.asyncDispose]: async () => {} }
}

function noBuilder({ target, host }: TargetContext<ClusterConfig>): ErrandError {
  const here =
    host.platform.os === 'linux' ? ', or, when the cluster is Linux of the same kind as this machine, `environmentBuilder: local`' : ''
  return new ErrandError(
    'ENVIRONMENT_BUILDER_MISSING',
    `The target ${target.name} names no machine that can make an environment for its cluster.`,
    {
      hint: `Add the head node (address and username) to ${target.name}.compute${here}. The cluster's own Python is used with userManagedEnvironment: true.`,
    },
  )
}

/** What it is asked to make. Error: `PROGRAM_UNKNOWN`. */
export function wantedOf(
  { config, target }: TargetContext<ClusterConfig>,
  { home }: EnvironmentBuilder,
  request: EnvironmentRequest,
): WantedEnvironment {
  const { environmentProvider: provider, condaLocation } = config
  return {
    home,
    environment: request.environment,
    projectId: request.projectId,
    relocatable: true,
    ...(provider === undefined ? {} : { provider }),
    ...(condaLocation === undefined ? {} : { programs: programsOf(target.name, condaLocation) }),
  }
}

function programsOf(target: string, path: string): NonNullable<WantedEnvironment['programs']> {
  const name = (['micromamba', 'mamba', 'conda'] as const).find((program) => program === path.split('/').at(-1))
  if (name !== undefined) return { [name]: path }
  throw new ErrandError('PROGRAM_UNKNOWN', `condaLocation of ${target} is ${path}, which is none of micromamba, mamba, conda.`, {
    hint: 'Write the path of the program itself, like /usr/bin/anaconda/bin/conda.',
  })
}
